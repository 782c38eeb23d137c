"""
Statements that are sent together: several in one packet, where the database takes them, and otherwise one by one.

What they mean is the same either way, and so is their order.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction


class Answer:
    """What a statement came to, once it was sent: asked before, it is sent now."""

    def __init__(self, then: Callable[["Answer"], None] | None = None) -> None:
        self._is_there, self._then = False, then

    def fill(self, rows: Sequence[tuple[Any, ...]], *, count: int, last_id: int | None) -> None:
        """Note what the database said. For what sends statements."""
        self._rows, self._count, self._last_id, self._is_there = rows, count, last_id, True
        if self._then is not None:
            self._then(self)

    @property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        """The rows that it has read."""
        self._await()
        return self._rows

    @property
    def count(self) -> int:
        """How many rows it has read, found for a change, or written."""
        self._await()
        return self._count

    @property
    def last_id(self) -> int | None:
        """The primary key that the database gave to the row it has inserted."""
        self._await()
        return self._last_id

    def _await(self) -> None:
        if not self._is_there:
            connection.send_waiting()  # type: ignore[attr-defined]  # of our own backend: no other lets one wait


SERVERS = ("mysql", "postgresql")
"""Databases that are servers. For each of them there is a backend of our own."""

Statement = tuple[str, Sequence[Any]]
"""SQL with `%s` for each value, and the values."""


Waits = tuple[str, Sequence[Any] | None, Answer]
"""A statement that waits, and what its answer goes into. A text without values is sent as it is."""


def later(sql: str, values: Sequence[Any] = (), *, then: Callable[[Answer], None] | None = None) -> Answer:
    """
    Let a statement of the open transaction travel with the next one, or with its COMMIT.

    An error of it is raised there. `then` is called with its answer, before anything else is sent. Not for what the
    caller looks at right away: it has nothing to travel with then.

    :raises TransactionManagementError: outside a transaction, where nothing may ever come after it
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if not database.in_atomic_block:
        raise transaction.TransactionManagementError("only what comes after it sends it, and nothing need come")
    answer = Answer(then)
    _let_wait(database, [(sql, values or None, answer)])
    return answer


def together(*statements: Statement) -> list[Answer]:
    """Send statements in one packet, with what waits before them."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    waits = [(sql, values or None, Answer()) for sql, values in statements]
    _let_wait(database, waits)
    if database.vendor in SERVERS:
        database.send_waiting()
    return [answer for _, _, answer in waits]


def _let_wait(database: Any, statements: Sequence[Waits]) -> None:
    if database.vendor in SERVERS:
        database.let_wait(statements)  # only our own backends have it
        return
    for sql, values, answer in statements:
        with database.cursor() as cursor:
            cursor.execute(sql, values)
            rows = cursor.fetchall() if cursor.description else ()
            answer.fill(rows, count=cursor.rowcount, last_id=cursor.lastrowid)
