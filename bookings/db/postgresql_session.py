"""Judges sessions of PostgreSQL, as `bookings.db.safe_session` does those of MariaDB and MySQL."""

from collections.abc import Iterator, Mapping
from typing import Any

# What a session must have, and why it is asked for: a pooler in between, or settings of the role, of the database or
# of the server, may have undone what this service asks for at connect.
SETTINGS = (
    *("server_version_num", "default_transaction_isolation", "TimeZone", "synchronous_commit"),
    *("session_replication_role", "server_encoding", "client_encoding", "standard_conforming_strings"),
    *("default_transaction_read_only", "lock_timeout"),
)
LOOK = f"SELECT version(), pg_is_in_recovery(), {', '.join(f'current_setting({name!r})' for name in SETTINGS)}"

# They speak PostgreSQL's protocol, and lock in their own way or not at all. As VERSION() has them, in lower case.
OTHERS = (
    *("cockroachdb", "yugabyte", "-yb-", "redshift", "greenplum", "materialize", "cratedb", "questdb", "risingwave"),
    *("gaussdb", "opengauss", "cedardb", "spanner", "aurora dsql", "immudb"),
)
# Older ones are not supported any more, by those who make it and by Django.
OLDEST = 14


def look_at(connection: Any) -> tuple[list[str], list[str]]:
    """Ask a new session what it is, by one statement; give what is wrong for good, and what a failover ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        version, is_in_recovery, *values = cursor.fetchone()
    found = dict(zip(SETTINGS, values, strict=True))
    return list(problems(version, found)), list(read_only_problems(found, is_in_recovery=is_in_recovery))


def problems(version: str, found: Mapping[str, str]) -> Iterator[str]:
    """Judge a session by its settings, for what does not change while a server runs as it does."""
    other = next((name for name in OTHERS if name in version.lower()), None)
    if other is not None:
        yield (
            f"its server is {version}: it answers like PostgreSQL and does not lock as PostgreSQL does, so seats "
            f"would be sold twice; use PostgreSQL {OLDEST} or newer"
        )
        return
    if int(found["server_version_num"]) < OLDEST * 10_000:
        yield f"its server is {version}: it must be PostgreSQL {OLDEST} or newer"
    isolation = found["default_transaction_isolation"]
    if isolation != "read committed":
        yield f"its isolation level is {isolation}, not read committed: decisions would be made on stale rows"
    if found["TimeZone"] not in ("UTC", "Etc/UTC"):
        yield f"its time zone is {found['TimeZone']}, not UTC: deadlines would be wrong"
    if found["synchronous_commit"] == "off":
        yield (
            "its synchronous_commit is off: a crash takes bookings back whose seats are taken; turn it on for the "
            "role, the database or the server"
        )
    if found["session_replication_role"] != "origin":
        yield (
            f"its session_replication_role is {found['session_replication_role']}, not origin: rows would get in that "
            "must not be there"
        )
    for name in ("server_encoding", "client_encoding"):
        if found[name] != "UTF8":
            yield f"its {name} is {found[name]}, not UTF8: texts would be refused or damaged"
    if found["standard_conforming_strings"] != "on":
        yield "its standard_conforming_strings is off: texts with a backslash would be damaged"
    if found["lock_timeout"] == "0":
        yield (
            "its lock_timeout is 0, as if none had been asked for: a pooler in between must keep what a session asks "
            "for at connect (PgBouncer: pool_mode=session, and no `options` in ignore_startup_parameters)"
        )


def read_only_problems(found: Mapping[str, str], *, is_in_recovery: bool) -> Iterator[str]:
    """Judge whether a session of the primary can write; a failover makes that so, and passes."""
    if found["default_transaction_read_only"] == "on":
        yield "its default_transaction_read_only is on: nothing can be written"
    if is_in_recovery:
        yield "its server is in recovery: a standby, or demoted"
