"""
Django's backend for MariaDB and MySQL, with three habits of its own.

- A connection whose server has died, or accepts no writes any more, is closed as soon as the server says so, whether a
  service, a page or the queue asked. Django would ask whether it still answers, and a demoted server does.
- A value that cannot be stored is an error of the value, not of the server.
- While the server hangs, a thread that needs a new connection is refused at once, except one each second.

It repeats nothing: that is for `bookings.db.transactions`.
"""

import contextlib
import time
from types import TracebackType
from typing import Any

import MySQLdb
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.mysql import base
from django.db.utils import DatabaseErrorWrapper, DataError

from bookings.db.error_numbers import CONNECTION_LOST, OF_VALUES, is_lost, number_of
from bookings.db.hang import SHORTEST_HANG_SECONDS, hang

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


class Cursor(base.CursorWrapper):
    """A cursor that can be closed after its connection was: Django does so, and would raise that instead."""

    def close(self) -> None:
        with contextlib.suppress(MySQLdb.Error):
            self.cursor.close()


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    _is_leaving = False

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
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

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self.connection.cursor())

    def is_usable(self) -> bool:
        """Ask the server, before a connection that was kept is used again, whether it still takes writes."""
        if self.alias != DEFAULT_DB_ALIAS:
            return super().is_usable()
        if self._fails_fast and hang.is_on():
            return False
        began = time.monotonic()
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

    def _note_hang(self, error: BaseException, *, seconds: float) -> None:
        if self._fails_fast and number_of(error) in UNANSWERED and seconds >= SHORTEST_HANG_SECONDS:
            hang.begin()
