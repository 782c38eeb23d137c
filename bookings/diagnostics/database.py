"""Checks of the database: its durability, its limits, its encryption, and its clock against this machine's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection

from bookings.conf import clock_proof_seconds
from bookings.db.clock import clock_is_proven, database_time, last_proof
from bookings.db.limits import COMMAND
from bookings.diagnostics import postgresql
from bookings.diagnostics.connections import CONNECTIONS_IN_USE, encryption
from bookings.diagnostics.finding import Finding, fail, ok, warn

# What this service asks for in a command; a request would wait as long for one lock.
LONGEST_LOCK_WAIT_SECONDS = COMMAND.lock

# Deadlines are on database time alone; log lines and tokens are on this machine's.
SKEW_NOTICED = timedelta(seconds=2)
# As many seconds as a token's times may be off: beyond them, good tokens are refused and dead ones pass.
SKEW_THAT_BREAKS_TOKENS = timedelta(seconds=30)

# With them an address asks for encryption, and for the right server at its other end.
TLS_OPTIONS = "ssl_mode=VERIFY_IDENTITY&ssl_ca=/path/ca.pem"

VARIABLES = (
    "version",
    "innodb_flush_log_at_trx_commit",
    "sync_binlog",
    "log_bin",
    "innodb_lock_wait_timeout",
    "lock_wait_timeout",
    "character_set_connection",
    "read_only",
    "max_connections",
)


def check_server() -> Iterator[Finding]:
    """
    Look at what keeps commits through a power cut, and at the limits of the server.

    :raises DatabaseError: if the database does not answer any more
    """
    if connection.vendor == "sqlite":
        yield from _sqlite()
        return
    if connection.vendor == "postgresql":
        yield from postgresql.check_server()
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SHOW SESSION VARIABLES WHERE Variable_name IN ({', '.join(['%s'] * len(VARIABLES))})", VARIABLES
        )
        found = {name.lower(): value for name, value in cursor.fetchall()}
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        in_use = int(cursor.fetchone()[1])
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        (_name, cipher) = cursor.fetchone() or ("", "")
    yield from durability(found)
    yield from encryption(cipher, host=connection.settings_dict["HOST"], options=TLS_OPTIONS)
    yield from _limits(found, in_use)
    yield _characters(found)


def check_clock() -> Finding:
    """
    Compare this machine's clock with the database's.

    :raises DatabaseError: if the database does not answer any more
    """
    before = datetime.now(UTC)
    there = database_time()
    after = datetime.now(UTC)
    skew = there - (before + (after - before) / 2)
    # What the question itself may be off by.
    doubt = (after - before) / 2
    side = "ahead of" if skew > timedelta(0) else "behind"
    seconds = f"the database is {abs(skew).total_seconds():.1f} s {side} this machine's clock"
    advice = "Let both machines keep time by NTP (`timedatectl`); bookings expire on the database's time."
    if abs(skew) > SKEW_THAT_BREAKS_TOKENS + doubt:
        return fail("clock", f"{seconds}: tokens are judged by this one, deadlines by the other", advice)
    if abs(skew) > SKEW_NOTICED + doubt:
        return warn("clock", seconds, advice)
    return ok("clock", seconds)


def check_database_clock() -> Finding:
    """
    Compare the database's clock with what it must show by the last pass that believed it.

    :raises DatabaseError: if the database does not answer any more
    """
    now = database_time()
    proof = last_proof()
    if clock_is_proven():
        return ok("database clock", "fits what the last pass had read" if proof else "no pass has read it yet")
    moved = (now - proof.at).total_seconds() if proof else 0.0
    side = "after" if moved > 0 else "before"
    found = f"it shows {now:%Y-%m-%d %H:%M:%S}, {abs(moved):.0f} s {side} the last pass that believed it"
    return warn(
        "database clock",
        f"{found}: nothing expires, is given up or trimmed until it has stood for {clock_proof_seconds():.0f} s",
        "It jumped, or no pass has finished for so long. If it is right, `manage.py trust_clock` ends the wait; "
        "put it right if not.",
    )


def _sqlite() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (journal,) = cursor.fetchone()
        cursor.execute("PRAGMA synchronous")
        (synchronous,) = cursor.fetchone()
    if journal not in ("wal", "memory"):
        yield warn(
            "database server",
            f"the journal mode is {journal}, not wal: readers and the writer wait for each other",
            "Keep the file on a local disk: on a network file system WAL, and SQLite, do not work.",
        )
    else:
        yield ok("database server", f"journal mode {journal}, synchronous {synchronous}")


def durability(found: dict[str, str]) -> Iterator[Finding]:
    """Judge by the variables of a server whether a commit that was answered outlives a power cut."""
    server = found.get("version", "unknown version")
    log_is_safe = found.get("innodb_flush_log_at_trx_commit") == "1"
    if not log_is_safe:
        yield fail(
            "database server",
            f"innodb_flush_log_at_trx_commit={found.get('innodb_flush_log_at_trx_commit')}: a power cut takes "
            "bookings back whose seats are taken",
            "Set innodb_flush_log_at_trx_commit=1 in the server's configuration.",
        )
    has_binlog = found.get("log_bin") == "ON"
    binlog_is_safe = not has_binlog or found.get("sync_binlog") == "1"
    if not binlog_is_safe:
        yield fail(
            "database server",
            f"sync_binlog={found.get('sync_binlog')} with a binary log: after a power cut it lacks commits, and "
            "the server undoes them",
            "Set sync_binlog=1 in the server's configuration.",
        )
    if found.get("read_only", "OFF") not in ("OFF", "0"):
        yield fail(
            "database server",
            "read_only is on: this is a replica",
            "Point DATABASE_URL at the primary, or promote this one: SET GLOBAL read_only=OFF.",
        )
    if log_is_safe and binlog_is_safe:
        binlog = "also in the binary log" if has_binlog else "no binary log"
        yield ok("database server", f"{server}; each commit on disk, {binlog}")


def _limits(found: dict[str, str], in_use: int) -> Iterator[Finding]:
    wait = int(found.get("innodb_lock_wait_timeout", "0"))
    if wait > LONGEST_LOCK_WAIT_SECONDS:
        yield warn(
            "database limits",
            f"innodb_lock_wait_timeout={wait} in this session, where {LONGEST_LOCK_WAIT_SECONDS} was asked for",
            "A proxy in between drops what is set at connect; let it keep each session's settings.",
        )
    table_wait = int(found.get("lock_wait_timeout", "0"))
    if table_wait > COMMAND.metadata:
        yield warn(
            "database limits",
            f"lock_wait_timeout={table_wait} in this session, where {COMMAND.metadata} was asked for",
            "A proxy in between drops what is set at connect; let it keep each session's settings.",
        )
    most = int(found.get("max_connections", "0"))
    used = f"{in_use} of {most} connections in use"
    if in_use > CONNECTIONS_IN_USE * most:
        yield warn("database limits", used, "Raise max_connections, or run fewer web processes or threads.")
    else:
        yield ok("database limits", f"{used}, lock wait {wait} s")


def _characters(found: dict[str, str]) -> Finding:
    session = found.get("character_set_connection")
    if session != "utf8mb4":
        return fail("characters", f"the session speaks {session}, not utf8mb4", "Let no proxy change it at connect.")
    return ok("characters", "the session speaks utf8mb4")
