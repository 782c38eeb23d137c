"""The log events that operations.md explains are those of the code."""

import re

import pytest

from tests.docs.pages import REPOSITORY, page, tables

SOURCES = "\n".join(
    path.read_text() for folder in ("bookings", "bookingsite") for path in sorted((REPOSITORY / folder).rglob("*.py"))
)  # fmt: skip


def events_of_the_table():
    """The names in the table of log events of operations.md."""
    (table,) = (rows for rows in tables(page("docs/operations.md")) if rows[0][0] == "event")
    return [name for row in table[1:] for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", row[0])]


def test_the_table_has_events():
    assert "clock.jumped" in events_of_the_table()


@pytest.mark.parametrize("name", events_of_the_table())
def test_each_event_of_the_table_is_logged(name):
    assert f'"{name}"' in SOURCES
