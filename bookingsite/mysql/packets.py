"""How several statements become one packet with MariaDB's library; see `bookingsite.waiting_statements`."""

import contextlib
from collections.abc import Sequence
from typing import Any

import MySQLdb
from django.db import IntegrityError
from django.db.backends.mysql import base
from MySQLdb.cursors import Cursor as LibraryCursor

from bookings.db.packets import Answer
from bookingsite.waiting_statements import Waiting, take

# Broken constraints that the library takes for faults of the server, by their numbers.
MISNAMED = base.CursorWrapper.codes_for_integrityerror


def literals(database: Any, values: Sequence[Any]) -> tuple[bytes, ...]:
    """Write values as they stand in a statement; the library escapes what needs it."""
    quoted, encoding, others = database.string_literal, database.encoding, database.literal
    written = [
        quoted(value.encode(encoding))
        if (kind := type(value)) is str
        else b"%d" % value
        if kind is int
        else b"NULL"
        if value is None
        else others(value)
        for value in values
    ]
    return tuple(written)


def send(database: Any, statements: Waiting, *, then: bytes | None = None) -> None:
    """
    Send statements in one packet, and fill in their answers; that of a last one, `then`, is left to be read.

    A cursor would describe each column, and look for answers of others before and after: each look lets another
    thread run, and waits until that one lets go.

    :raises IntegrityError: Django's, for what the library calls otherwise
    """
    try:
        texts = [statement for statement, _ in statements]
        database.query(b";".join(texts if then is None else [*texts, then]))
        for place, (_, answer) in enumerate(statements):
            if place:
                _go_on(database)
            _read(database, answer)
        if then is not None:
            _go_on(database)
    except BaseException as error:
        _leave_nothing_unread(database)
        is_misnamed = isinstance(error, MySQLdb.OperationalError) and error.args[0] in MISNAMED
        if is_misnamed:
            raise IntegrityError(*error.args) from error
        raise


def _read(database: Any, answer: Answer | None) -> None:
    rows = database.store_result().fetch_row(0) if database.field_count() else ()
    if answer is not None:
        answer.fill(rows, count=database.affected_rows(), last_id=database.insert_id())


def _go_on(database: Any) -> None:
    if database.next_result() != 0:
        raise MySQLdb.InterfaceError(0, "a packet has fewer answers than statements")


def _leave_nothing_unread(database: Any) -> None:
    """
    Read the answers that an error has left: the next statement would take them for its own.

    Where that cannot be done, the library's error says so, and ends the connection.
    """
    while database.next_result() == 0:
        database.discard_result()


class PacketCursor(LibraryCursor):  # type: ignore[misc]  # the library has no types
    """The library's cursor, which sends what waits on its connection before its own statement."""

    def __init__(self, connection: Any, waiting: Waiting) -> None:
        super().__init__(connection)
        self._waiting = waiting
        self.answer: Answer | None = None

    def _query(self, statement: bytes) -> Any:
        if self.answer is not None:
            self._waiting.append((statement, self.answer))
            self._executed = statement
            return None
        if not self._waiting:
            return super()._query(statement)
        database = self._get_db()
        send(database, take(self._waiting), then=statement)
        self._do_get_result(database)
        self._post_get_result()
        self._executed = statement
        return self.rowcount


class Cursor(base.CursorWrapper):
    """
    A cursor whose statement may wait for the next one.

    It can be closed after its connection was: Django does so, and would raise that instead.
    """

    def let_wait(self, answer: Answer) -> None:
        """Send nothing: what is executed next on this cursor waits, and its answer is filled in once it was sent."""
        self.cursor.answer = answer

    def close(self) -> None:
        with contextlib.suppress(MySQLdb.Error):
            self.cursor.close()
