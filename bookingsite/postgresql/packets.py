"""How several statements become one packet with PostgreSQL's library; see `bookingsite.waiting_statements`."""

from collections.abc import Sequence
from typing import Any, Self

import psycopg
from psycopg import ClientCursor

from bookings.db.packets import Answer
from bookingsite.waiting_statements import Waiting, take


def literals(database: Any, values: Sequence[Any]) -> tuple[bytes, ...]:
    """Write values as they stand in a statement; the library escapes what needs it."""
    literal = database.transformer.as_literal
    return tuple([b"NULL" if value is None else literal(value) for value in values])


def send(database: Any, statements: Waiting) -> None:
    """
    Send statements in one packet, and fill in their answers. A cursor would describe each column of each.

    :raises InFailedSqlTransaction: the library's, if the server has answered a COMMIT by undoing everything, which it
        calls no error
    """
    results = database.answers_to(b";".join([text for text, _ in statements]))
    read = database.transformer
    for (_, answer), result in zip(statements, results, strict=True):
        if answer is not None:
            read.set_pgresult(result)
            rows = tuple(read.load_rows(0, result.ntuples, tuple))
            answer.fill(rows, count=result.command_tuples or 0, last_id=None)
    if statements[-1][0] == b"COMMIT" and results[-1].command_status != b"COMMIT":
        raise psycopg.errors.InFailedSqlTransaction("the transaction had failed before its COMMIT")


def _execute(cursor: Any, statements: Waiting, then: bytes) -> None:
    """Leave the answer to what comes `then` to be read. Without values the library sends one simple query."""
    ClientCursor.execute(cursor, b";".join([*(text for text, _ in statements), then]))
    for _, answer in statements:
        if answer is not None:
            rows = tuple(cursor.fetchall()) if cursor.description else ()
            answer.fill(rows, count=cursor.rowcount, last_id=None)
        cursor.nextset()


class Cursor(ClientCursor[Any]):
    """The library's cursor, which sends what waits on its connection before its own statement, or lets that wait."""

    def __init__(self, connection: Any, waiting: Waiting) -> None:
        super().__init__(connection)
        self._waiting = waiting
        self._answer: Answer | None = None
        self.said: str | None = None
        """Its own statement, of what was sent with others or waits; None of one that was sent alone."""

    def let_wait(self, answer: Answer) -> None:
        """Send nothing: what is executed next on this cursor waits, and its answer is filled in once it was sent."""
        self._answer = answer

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        self.said = None
        if self._answer is None and not self._waiting:
            super().execute(query, params, **options)
            return self
        self.said = self.mogrify(query, params)
        if self._answer is not None:
            self._waiting.append((self.said.encode(), self._answer))
        else:
            _execute(self, take(self._waiting), self.said.encode())
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        if self._waiting:
            send(self.connection, take(self._waiting))
        super().executemany(query, params_seq, **options)
