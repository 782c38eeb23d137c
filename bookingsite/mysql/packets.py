"""
Statements that wait for the next one, and travel with it in one packet.

A server carries out a packet's statements in order and stops at the first that fails, so what they mean is what they
would mean one by one; only the waiting for an answer to each is gone. An error of one that waited is raised by the
one that it travelled with.
"""

# Note [Several statements in one packet]
# The library allows it on every connection, and Django's own first statement uses it. What a client sends gets no
# more reach by that: values are escaped by the library, and no text of a client is ever part of a statement.

import contextlib
from collections.abc import Sequence
from typing import Any

import MySQLdb
from django.db import IntegrityError
from django.db.backends.mysql import base
from MySQLdb.cursors import Cursor as LibraryCursor

from bookings.db.packets import Answer

# Not BEGIN: with it a server may begin to read a block of its own language.
START = b"START TRANSACTION"

# Broken constraints that the library takes for faults of the server, by their numbers.
MISNAMED = base.CursorWrapper.codes_for_integrityerror

Waiting = list[tuple[bytes, Answer | None]]


def written(database: Any, sql: str, values: Sequence[Any] | None) -> bytes:
    """
    Write values into the text of a statement; the library escapes what needs it.

    :raises ProgrammingError: the library's, if there are more values than places, or fewer
    """
    text = sql.encode(database.encoding)
    if values is None:
        return text
    quoted, encoding, others = database.string_literal, database.encoding, database.literal
    literals = [
        quoted(value.encode(encoding))
        if (kind := type(value)) is str
        else b"%d" % value
        if kind is int
        else b"NULL"
        if value is None
        else others(value)
        for value in values
    ]
    try:
        return text % tuple(literals)
    except TypeError as error:
        raise MySQLdb.ProgrammingError(str(error)) from error


def take(waiting: Waiting) -> Waiting:
    """Give what waits, which waits no longer."""
    taken = waiting.copy()
    waiting.clear()
    return taken


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
