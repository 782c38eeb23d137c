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
from typing import Any

import MySQLdb
from django.db.backends.mysql import base
from MySQLdb.cursors import Cursor as LibraryCursor

from bookings.db.packets import Answer

# Not BEGIN: with it a server may begin to read a block of its own language.
START = b"START TRANSACTION"

Waiting = list[tuple[bytes, Answer | None]]


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
        before = self._waiting.copy()
        self._waiting.clear()
        database = self._get_db()
        database.query(b";".join([*(each for each, _ in before), statement]))
        for _, answer in before:
            self._do_get_result(database)
            self._post_get_result()
            if answer is not None:
                answer.fill(self._rows, count=self.rowcount, last_id=self.lastrowid)
            if database.next_result() != 0:
                raise MySQLdb.InterfaceError(0, "a packet has fewer answers than statements")
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
