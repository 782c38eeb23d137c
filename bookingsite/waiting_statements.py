"""
Statements that wait for the next one, and travel with it in one packet: what our backends for servers have in common.

A server carries out a packet's statements in order and stops at the first that fails, so what they mean is what they
would mean one by one; only the waiting for an answer to each is gone. An error of one that waited is raised by the
one that it travelled with.

A transaction begins with its first statement, in one packet with it. The session stays in autocommit, so nothing is
set back; a block without a statement sends nothing.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.utils import debug_transaction
from django.db.utils import ProgrammingError

from bookings.db.packets import Answer, Waits
from bookingsite.kept_connection import KeptConnection

# Note [Several statements in one packet]
# The libraries allow it on every connection. What a client sends gets no more reach by that: values are escaped by
# the library, and no text of a client is ever part of a statement.

Waiting = list[tuple[bytes, Answer | None]]

_UNNOTED = contextlib.nullcontext()


def take(waiting: Waiting) -> Waiting:
    """Give what waits, which waits no longer."""
    taken = waiting.copy()
    waiting.clear()
    return taken


class WaitingStatements(KeptConnection):
    """One thread's connection, and what waits to be sent on it."""

    # What begins a transaction.
    START: bytes

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self._waiting: Waiting = []

    def literals(self, values: Sequence[Any]) -> tuple[bytes, ...]:
        """
        Write values as the library does, which escapes what needs it.

        To be said by each backend.
        """
        raise NotImplementedError

    def written(self, sql: str, values: Sequence[Any] | None) -> bytes:
        """
        Write values into the text of a statement.

        :raises ProgrammingError: the library's, if there are more values than places, or fewer
        """
        text = sql.encode()
        if values is None:
            return text
        literals = self.literals(values)
        try:
            return text % literals
        except TypeError as error:
            raise self.Database.ProgrammingError(str(error)) from error

    def send(self, statements: Waiting) -> None:
        """
        Send statements in one packet, and fill in their answers.

        To be said by each backend.

        :raises Exception: the library's, of the first that fails
        """
        raise NotImplementedError

    def connect(self) -> None:
        # What waited for a connection that was lost belongs to a transaction that was lost with it.
        self._waiting.clear()
        super().connect()

    def let_wait(self, statements: Sequence[Waits]) -> None:
        """Send nothing: these travel with the next statement, and their answers are filled in then."""
        if self.execute_wrappers or self.queries_logged:  # each wants to see them
            for sql, values, answer in statements:
                with self.cursor() as cursor:
                    cursor.let_wait(answer)
                    cursor.execute(sql, values)
            return
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            # All of them or none: one that was left alone outside a transaction would travel with a stranger.
            self._waiting += [(self.written(sql, values), answer) for sql, values, answer in statements]

    def send_waiting(self) -> None:
        """Send what waits, without a statement that it could travel with."""
        # What is forgotten takes nothing along: the START of another transaction waits on.
        if not self._waiting or self._waiting[-1][1] is None:
            raise ProgrammingError("what waited was forgotten with its transaction")
        with self.wrap_database_errors:
            self.send(take(self._waiting))

    def _start_transaction_under_autocommit(self) -> None:
        """Begin with the next statement. Django calls this, if it is there, instead of leaving autocommit."""
        self._waiting[:] = [(self.START, None)]

    def _commit(self) -> None:
        if self._has_not_begun() and len(self._waiting) == 1:
            self._waiting.clear()
        elif self.connection is not None:
            noted = debug_transaction(self, "COMMIT") if self.queries_logged else _UNNOTED
            with noted, self.wrap_database_errors:
                self.send([*take(self._waiting), (b"COMMIT", None)])

    def _rollback(self) -> None:
        has_begun = not self._has_not_begun()
        self._waiting.clear()
        if has_begun:
            super()._rollback()  # type: ignore[misc]  # Django's stubs leave it out

    def _savepoint_rollback(self, sid: str) -> None:
        self._waiting.clear()  # all of it came after the savepoint, which took along what waited before
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # likewise

    def _has_not_begun(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] is self.START
