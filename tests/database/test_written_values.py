"""A statement that waits has the values that the library would have written, and the database reads them back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DataError, connection, transaction
from MySQLdb.cursors import Cursor
from psycopg import ClientCursor

from bookings.db.packets import later, together
from bookings.lifecycle import BookingStatus

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

TEXTS = ["", "'", '"', "\\", "\\'", "%s", "%%", "%", ";", "\x1a\r\n", "é", "\N{AIRPLANE DEPARTURE}", "\ufeff\uffff"]
NUMBERS = [0, -1, 2**63 - 1, -(2**63), True, False, 1.5, Decimal("1.50")]
OTHERS = [None, b"\x00'\\\xff", BookingStatus.BOOKED, date(2030, 1, 1), timedelta(seconds=1), UUID(int=1)]
MOMENTS = [datetime(2030, 1, 1, 0, 0, 0, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]


def as_the_library_writes_it(sql, values):
    if connection.vendor == "postgresql":
        return ClientCursor(connection.connection).mogrify(sql, values).encode()
    return Cursor(connection.connection)._mogrify(sql, values)


@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS, *OTHERS, *MOMENTS], ids=repr)
def test_a_value_is_written_as_the_library_writes_it(value):
    connection.ensure_connection()
    sql, values = "SELECT %s, '%%', %s", (value, value)

    assert connection.written(sql, values) == as_the_library_writes_it(sql, values)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_as_it_was(text):
    with transaction.atomic():
        waited = later("SELECT %s, %s", [text, 1])
        (read,) = together(("SELECT %s", [text]))

    assert ([*waited.rows], [*read.rows]) == ([(text, 1)], [(text,)])


@pytest.mark.parametrize("values", [(1,), (1, 2, 3), ()], ids=len)
def test_with_too_many_values_or_too_few_nothing_is_written(values):
    connection.ensure_connection()

    with pytest.raises(connection.Database.ProgrammingError):
        connection.written("SELECT %s, %s", values)


def test_half_a_character_is_no_text():
    with pytest.raises(UnicodeEncodeError):
        together(("SELECT %s", ["\ud800"]))
    assert [*together(("SELECT 1", ()))[0].rows] == [(1,)]


def test_a_text_with_a_zero_byte_comes_back_or_is_refused():
    """PostgreSQL stores none in a text."""
    if connection.vendor == "postgresql":
        with pytest.raises(DataError):
            together(("SELECT %s", ["a\0b"]))
    else:
        assert [*together(("SELECT %s", ["a\0b"]))[0].rows] == [("a\0b",)]
