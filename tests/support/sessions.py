"""Sessions at the database server, whichever it is: their numbers, who waits for whom, and how an operator ends one."""

import contextlib
from typing import Any

import MySQLdb
import psycopg
from django.db import connection

# How a server is asked whether somebody waits for a row, or for another's transaction to end.
WAITS = {
    "mysql": "SHOW GLOBAL STATUS WHERE Variable_name = 'Innodb_row_lock_current_waits' AND Value > 0",
    "postgresql": "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)",
}
KILL = {"mysql": "KILL CONNECTION {}", "postgresql": "SELECT pg_terminate_backend({}, 5000)"}


def session_number() -> int:
    """The server's number of the session that this thread is in."""
    connection.ensure_connection()
    session: Any = connection.connection
    return session.thread_id() if connection.vendor == "mysql" else session.info.backend_pid


def somebody_waits_for_a_lock() -> bool:
    """Whether a session of the server waits for another one."""
    with connection.cursor() as cursor:
        cursor.execute(WAITS[connection.vendor])
        return any(row[-1] for row in cursor.fetchall())


def kill_session(number: int) -> None:
    """End another session from one of its own, as an operator or a proxy would."""
    ask_operator(KILL[connection.vendor].format(int(number)))


def ask_operator(statement: str) -> list[tuple[Any, ...]]:
    """Let an operator say something, from elsewhere."""
    at = connection.settings_dict
    place = {"host": at["HOST"], "port": int(at["PORT"]), "user": at["USER"]}
    if connection.vendor == "postgresql":
        writes = "-c default_transaction_read_only=off"  # whatever the role may be told by then
        with psycopg.connect(**place, dbname=at["NAME"], autocommit=True, options=writes) as session:
            answer = session.execute(statement)
            return answer.fetchall() if answer.description else []
    with contextlib.closing(MySQLdb.connect(**place)) as session:
        cursor = session.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())
