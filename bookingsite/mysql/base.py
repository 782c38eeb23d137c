"""
Django's backend for MariaDB and MySQL, with four habits of its own.

- A connection whose server has died, or accepts no writes any more, is closed as soon as the server says so, whether a
  service, a page or the queue asked. Django would ask whether it still answers, and a demoted server does.
- A value that cannot be stored is an error of the value, not of the server.
- While the server hangs, a thread that needs a new connection is refused at once, except one each second.
- A transaction begins with its first statement, in one packet with it, and a statement may wait for the next one.
  The session stays in autocommit, so nothing is set back; a block without a statement sends nothing.

It repeats nothing: that is for `bookings.db.transactions`.
"""

import contextlib
import select
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import MySQLdb
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.mysql import base
from django.db.backends.utils import debug_transaction
from django.db.utils import DatabaseErrorWrapper, DataError, ProgrammingError

from bookings.db.error_numbers import CONNECTION_LOST, OF_VALUES, is_lost, number_of
from bookings.db.hang import SHORTEST_HANG_SECONDS, hang
from bookings.db.packets import Waits
from bookingsite.mysql.packets import START, Cursor, PacketCursor, Waiting, send, take, written

# A connection that was looked at so recently is used without asking its server again. A server that was demoted
# meanwhile says so to the first write; reads may come from it for so long.
LOOK_EVERY_SECONDS = 1.0

_UNNOTED = contextlib.nullcontext()

# Without an answer: to connect, and to a statement.
UNANSWERED = (2002, 2003, CONNECTION_LOST)


class Errors(DatabaseErrorWrapper):
    """Turns the library's errors into Django's, and closes the connection after those that end it."""

    def __init__(self, wrapper: "DatabaseWrapper") -> None:
        super().__init__(wrapper)
        self._wrapper = wrapper
        # Calls nest: a cursor connects first.
        self._begun: list[float] = []

    def __enter__(self) -> None:
        self._begun.append(time.monotonic())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._begun.pop()
        if error is None:
            return
        if isinstance(error, MySQLdb.Error):
            if number_of(error) in OF_VALUES:
                raise DataError(*error.args).with_traceback(trace) from error
            if is_lost(error):
                self._wrapper.leave(error, after_seconds=seconds)
        super().__exit__(kind, error, trace)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    _is_leaving = False
    # Django's: whether this request has looked at the connection.
    health_check_done: bool

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self._waiting: Waiting = []
        self._looked_at = 0.0
        # Replaces Django's cached property of this name.
        self.wrap_database_errors = Errors(self)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """
        Connect, unless the server hangs and another thread is already trying.

        :raises OperationalError: the library's, as if there had been no response
        """
        if self._fails_fast and not hang.may_try():
            raise MySQLdb.OperationalError(CONNECTION_LOST, "the server hangs; it was not asked")
        connection = super().get_new_connection(conn_params)
        if self._fails_fast:
            hang.end()
        return connection

    def connect(self) -> None:
        # What waited for a connection that was lost belongs to a transaction that was lost with it.
        self._waiting.clear()
        super().connect()
        self._looked_at = time.monotonic()

    def ensure_connection(self) -> None:
        # The framework asks each time whether this is an event loop; a thread of ours never is.
        if self.connection is None:
            super().ensure_connection()

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(PacketCursor(self.connection, self._waiting))

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
            self._waiting += [(written(self.connection, sql, values), answer) for sql, values, answer in statements]

    def send_waiting(self) -> None:
        """Send what waits, without a statement that it could travel with."""
        # What is forgotten takes nothing along: the START of another transaction waits on.
        if not self._waiting or self._waiting[-1][1] is None:
            raise ProgrammingError("what waited was forgotten with its transaction")
        with self.wrap_database_errors:
            send(self.connection, take(self._waiting))

    def _start_transaction_under_autocommit(self) -> None:
        """Begin with the next statement. Django calls this, if it is there, instead of leaving autocommit."""
        self._waiting[:] = [(START, None)]

    def _commit(self) -> None:
        if self._has_not_begun() and len(self._waiting) == 1:
            self._waiting.clear()
        elif self.connection is not None:
            noted = debug_transaction(self, "COMMIT") if self.queries_logged else _UNNOTED
            with noted, self.wrap_database_errors:
                send(self.connection, [*take(self._waiting), (b"COMMIT", None)])

    def _rollback(self) -> None:
        has_begun = not self._has_not_begun()
        self._waiting.clear()
        if has_begun:
            super()._rollback()  # type: ignore[misc]  # Django's stubs leave it out

    def _savepoint_rollback(self, sid: str) -> None:
        self._waiting.clear()  # all of it came after the savepoint, which took along what waited before
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # likewise

    def close_if_health_check_failed(self) -> None:
        """Look at a connection before it is used again: once a second, and when its socket has something to say."""
        if self.health_check_done:
            return
        if self._was_looked_at():
            self.health_check_done = True
        super().close_if_health_check_failed()

    def _was_looked_at(self) -> bool:
        """
        Tell whether a look a moment ago will do.

        A server says nothing by itself, so a socket with something to read was closed at the other end.
        """
        if self.connection is None or (self._fails_fast and hang.is_on()):
            return False
        if time.monotonic() - self._looked_at >= LOOK_EVERY_SECONDS:
            return False
        at_socket = select.poll()
        try:
            at_socket.register(self.connection.fileno(), select.POLLIN)
        except MySQLdb.Error:  # closed at this end
            return False
        return not at_socket.poll(0)

    def is_usable(self) -> bool:
        """Ask the server, before a connection that was kept is used again, whether it still takes writes."""
        if self.alias != DEFAULT_DB_ALIAS:
            return super().is_usable()
        if self._fails_fast and hang.is_on():
            return False
        self._looked_at = began = time.monotonic()
        try:
            self.connection.query("SELECT @@global.read_only")
            ((is_read_only,),) = self.connection.store_result().fetch_row()
        except MySQLdb.Error as error:
            self._note_hang(error, seconds=time.monotonic() - began)
            return False
        return str(is_read_only) in ("0", "OFF")

    def leave(self, error: BaseException, *, after_seconds: float) -> None:
        """
        Close the connection at once, inside a transaction too, whose end then does not open another one.

        Nothing is raised here: the server's error is raised next.
        """
        if self._is_leaving:
            return
        self._note_hang(error, seconds=after_seconds)
        self._is_leaving = True
        try:
            with contextlib.suppress(Exception):  # the socket may be dead in any way
                self.close()
        finally:
            self._is_leaving = False
        # Django opens a new one to end a transaction on, unless it is told that there is nothing to end.
        self.closed_in_transaction = True

    @property
    def _fails_fast(self) -> bool:
        return bool(self.settings_dict.get("FAILS_FAST"))

    def _has_not_begun(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] is START

    def _note_hang(self, error: BaseException, *, seconds: float) -> None:
        if self._fails_fast and number_of(error) in UNANSWERED and seconds >= SHORTEST_HANG_SECONDS:
            hang.begin()
