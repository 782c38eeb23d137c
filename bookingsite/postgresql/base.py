"""
Django's backend for PostgreSQL: `bookingsite.kept_connection` and `bookingsite.waiting_statements`.

An error has its SQLSTATE before its text, as those of MariaDB have their numbers; one of the library's own has what the
standard calls it. The library knows no time limit of a read, so it has one here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.utils import OperationalError
from psycopg import IsolationLevel, abc, generators
from psycopg.adapt import Transformer
from psycopg.errors import _WaitTimeout
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from bookings.db.error_numbers import BROKEN_OFF, NOT_CONNECTED, is_lost
from bookings.db.hang import hang
from bookingsite.postgresql.packets import Cursor, literals, send
from bookingsite.waiting_statements import Waiting, WaitingStatements

# How often the library looks for signals while it waits.
WAIT_INTERVAL_SECONDS = 0.1

# Whatever else a server says of a statement is an error, or an answer that is not read here.
DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)

# A demoted server, or a session that was told to write nothing.
TAKES_WRITES = "SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'"


class Connection(psycopg.Connection[Any]):
    """The library's connection, which waits for no answer longer than it may."""

    read_seconds: float | None = None
    transformer: abc.Transformer
    """Writes values and reads rows; kept, as to make one for each statement was a tenth of a create."""

    def answers_to(self, packet: bytes) -> list[PGresult]:
        """
        Send the statements of a packet, and give the answer to each.

        :raises Error: the library's, of the first that fails
        """
        self.pgconn.send_query(packet)
        results: list[PGresult] = self.wait(generators.execute(self.pgconn))
        if results[-1].status not in DONE:
            raise psycopg.errors.error_from_result(results[-1])
        return results

    def wait(self, gen: Any, interval: float = WAIT_INTERVAL_SECONDS, timeout: float | None = None) -> Any:
        """
        Wait for the end of what the library has begun.

        :raises OperationalError: the library's, without an answer in time; the connection is of no use any more
        """
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.read_seconds)
        except _WaitTimeout:
            # An answer that came later would be taken for that of the next statement.
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer in time") from None


class MomentLoader(BaseTzLoader):  # type: ignore[misc]  # Django's stubs leave it out
    """Reads a moment as a session in UTC writes it, without the regular expressions of Django's."""

    timezone = UTC

    def load(self, data: Any) -> Any:
        try:
            moment = datetime.fromisoformat(bytes(data).decode())
        except ValueError:  # before the year 1, after 9999, or infinity
            return super().load(data)
        return moment if moment.tzinfo is UTC else super().load(data)


class Operations(DatabaseOperations):
    """Shows a statement in Django's record of them without those that it has travelled with."""

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> Any:
        return cursor.said or super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(WaitingStatements, base.DatabaseWrapper):
    """One thread's connection."""

    START = b"BEGIN"
    ops_class = Operations

    def judge(self, error: BaseException, *, after_seconds: float) -> None:
        if not isinstance(error, psycopg.Error):
            return
        if len(error.args) == 1:  # not judged yet
            error.args = (self._number_of(error), *error.args)
        if not is_lost(error):
            return
        self.leave(error, after_seconds=after_seconds)
        if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            # As a server that was demoted says it.
            raise OperationalError(*error.args).with_traceback(error.__traceback__) from error

    def takes_writes(self) -> bool:
        ((answer,),) = self.connection.execute(TAKES_WRITES).fetchall()
        return bool(answer)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """
        Connect, unless the server hangs and another thread is already trying.

        :raises OperationalError: the library's, as if there had been no response
        """
        if self._fails_fast and not hang.may_try():
            raise psycopg.OperationalError("the server hangs; it was not asked")
        params = {**conn_params}
        read_seconds, write_seconds = params.pop("read_timeout", None), params.pop("write_timeout", 0)
        # Of what was sent and is not acknowledged, in milliseconds; nothing where the system does not know it.
        params["tcp_user_timeout"] = write_seconds * 1000
        self.isolation_level = IsolationLevel.READ_COMMITTED
        connection = Connection.connect(**params)
        connection.read_seconds = read_seconds
        connection.adapters.register_loader("timestamptz", MomentLoader)
        connection.transformer = Transformer(connection)
        if self._fails_fast:
            hang.end()
        return connection

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self.connection, self._waiting)

    def literals(self, values: Sequence[Any]) -> tuple[bytes, ...]:
        return literals(self.connection, values)

    def send(self, statements: Waiting) -> None:
        send(self.connection, statements)

    def _number_of(self, error: psycopg.Error) -> str | None:
        if error.sqlstate is not None:
            return error.sqlstate
        if self.connection is None:
            return NOT_CONNECTED if isinstance(error, psycopg.OperationalError) else None
        is_of_the_session = isinstance(error, psycopg.OperationalError) or self.connection.closed
        return BROKEN_OFF if is_of_the_session else None

    def _note_hang(self, error: BaseException, *, seconds: float) -> None:
        # One that is raised while a kept connection is looked at is not judged yet.
        if isinstance(error, psycopg.Error) and len(error.args) == 1:
            error.args = (self._number_of(error), *error.args)
        super()._note_hang(error, seconds=seconds)
