"""Checks of a PostgreSQL server: its durability, its limits, its encryption."""

from collections.abc import Iterator, Mapping

from django.db import connection

from bookings.db.limits import COMMAND
from bookings.diagnostics.connections import CONNECTIONS_IN_USE, encryption
from bookings.diagnostics.finding import Finding, fail, ok, warn

SETTINGS = (
    *("server_version", "fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names"),
    *("max_connections", "superuser_reserved_connections", "client_encoding", "autovacuum"),
)
# Whole seconds, though the server shows them in the unit that it likes.
LOCK_WAIT = "EXTRACT(EPOCH FROM current_setting('lock_timeout')::interval)::int"
LOOK = f"SELECT {LOCK_WAIT}, {', '.join(f'current_setting({name!r})' for name in SETTINGS)}"
IN_USE = "SELECT SUM(numbackends)::int FROM pg_stat_database"
CIPHER = "SELECT COALESCE(cipher, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

TLS_OPTIONS = "sslmode=verify-full&sslrootcert=/path/ca.pem"


def check_server() -> Iterator[Finding]:
    """
    Look at what keeps commits through a power cut, and at the limits of the server.

    :raises DatabaseError: if the database does not answer any more
    """
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        lock_wait, *values = cursor.fetchone()
        found = dict(zip(SETTINGS, values, strict=True))
        cursor.execute(IN_USE)
        ((in_use,),) = cursor.fetchall()
        cursor.execute(CIPHER)
        (cipher,) = cursor.fetchone() or ("",)
    yield from durability(found)
    yield from encryption(cipher, host=connection.settings_dict["HOST"], options=TLS_OPTIONS)
    yield limits(found, in_use=in_use, lock_wait=lock_wait)
    yield ok("characters", f"the session speaks {found['client_encoding']}")


def durability(found: Mapping[str, str]) -> Iterator[Finding]:
    """Judge by the settings of a server whether a commit that was answered outlives a power cut."""
    unsafe = [name for name in ("fsync", "full_page_writes") if found[name] != "on"]
    for name in unsafe:
        yield fail(
            "database server",
            f"{name}={found[name]}: a power cut takes bookings back whose seats are taken, or spoils everything",
            f"Set {name}=on in the server's configuration.",
        )
    if found["autovacuum"] != "on":
        yield warn(
            "database server",
            "autovacuum is off: tables grow without end, and the server stops in the end",
            "Set autovacuum=on in the server's configuration.",
        )
    commit, standbys = found["synchronous_commit"], found["synchronous_standby_names"]
    if standbys and commit in ("local", "remote_write"):
        yield warn(
            "database server",
            f"synchronous_commit={commit} with synchronous standbys: a commit is answered before one of them has it "
            "on its disk",
            "Set synchronous_commit=on for the role, the database or the server.",
        )
    if not unsafe:
        where = f"and at a standby ({standbys})" if standbys else "no synchronous standby"
        yield ok("database server", f"PostgreSQL {found['server_version']}; each commit on disk, {where}")


def limits(found: Mapping[str, str], *, in_use: int, lock_wait: int) -> Finding:
    """Judge whether the server has connections left, and whether a session waits for a lock as it asked to."""
    most = int(found["max_connections"]) - int(found["superuser_reserved_connections"])
    used = f"{in_use} of {most} connections in use"
    if in_use > CONNECTIONS_IN_USE * most:
        return warn("database limits", used, "Raise max_connections, or run fewer web processes or threads.")
    if lock_wait > COMMAND.lock:
        return warn(
            "database limits",
            f"lock_timeout={lock_wait} s in this session, where {COMMAND.lock} s was asked for",
            "A pooler in between drops what is set at connect; let it keep each session's settings.",
        )
    return ok("database limits", f"{used}, lock wait {lock_wait} s")
