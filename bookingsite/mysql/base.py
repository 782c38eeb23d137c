"""
Django's backend for MariaDB and MySQL: `bookingsite.kept_connection` and `bookingsite.waiting_statements`.

A value that cannot be stored is an error of the value, not of the server, though the library says so of some.
"""

from collections.abc import Sequence
from typing import Any

import MySQLdb
from django.db.backends.mysql import base
from django.db.utils import DataError

from bookings.db.error_numbers import CONNECTION_LOST, OF_VALUES, is_lost, number_of
from bookings.db.hang import hang
from bookingsite.mysql.packets import Cursor, PacketCursor, literals, send
from bookingsite.waiting_statements import Waiting, WaitingStatements


class DatabaseWrapper(WaitingStatements, base.DatabaseWrapper):
    """One thread's connection."""

    # Not BEGIN: with it a server may begin to read a block of its own language.
    START = b"START TRANSACTION"

    def judge(self, error: BaseException, *, after_seconds: float) -> None:
        if not isinstance(error, MySQLdb.Error):
            return
        if number_of(error) in OF_VALUES:
            raise DataError(*error.args).with_traceback(error.__traceback__) from error
        if is_lost(error):
            self.leave(error, after_seconds=after_seconds)

    def takes_writes(self) -> bool:
        self.connection.query("SELECT @@global.read_only")
        ((is_read_only,),) = self.connection.store_result().fetch_row()
        return str(is_read_only) in ("0", "OFF")

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
        return Cursor(PacketCursor(self.connection, self._waiting))

    def literals(self, values: Sequence[Any]) -> tuple[bytes, ...]:
        return literals(self.connection, values)

    def send(self, statements: Waiting) -> None:
        send(self.connection, statements)
