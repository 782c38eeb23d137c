"""Refuses database sessions on which locks, deadlines or texts would not work as this service needs them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bookings.db import postgresql_session
from bookings.db.error_numbers import UnsafeSession
from bookings.db.replica import REPLICA
from bookings.text.cells import ONLY_ONE, Cell

# What a session must have, what this service asks for at connect, and why. MariaDB and MySQL name the first
# differently.
ISOLATION = ("tx_isolation", "transaction_isolation")
READ_ONLY = ("tx_read_only", "transaction_read_only")
# Of the whole server: it is a replica, or was demoted by a failover.
SERVER_READ_ONLY = ("read_only", "super_read_only", "innodb_read_only")
CHARACTERS = ("character_set_client", "character_set_connection", "character_set_results")
# Checks that a server may be told to leave out, so that forbidden rows get in.
ENFORCED = ("check_constraint_checks", "foreign_key_checks", "unique_checks")
# In what steps the numbers of new rows are counted.
STEPS = ("auto_increment_increment", "auto_increment_offset")
VARIABLES = (
    *("version", "version_comment", "time_zone", "sql_mode", "completion_type", "character_set_database"),
    *ISOLATION,
    *READ_ONLY,
    *SERVER_READ_ONLY,
    *CHARACTERS,
    *ENFORCED,
    *STEPS,
)

# They speak MySQL's protocol, and lock in their own way or not at all. Names as they give them, in lower case.
OTHERS = (
    *("tidb", "vitess", "planetscale", "oceanbase", "singlestore", "memsql", "starrocks", "doris", "selectdb"),
    *("clickhouse", "polardb-x", "tddl", "dolt", "matrixone", "databend", "greptimedb", "manticore", "sphinx"),
)
# SKIP LOCKED came with these; MySQL enforces CHECK constraints from 8.0.16 on.
OLDEST_MARIADB, OLDEST_MYSQL = (10, 6), (8, 0, 16)

# What encrypts, or is refused.
ENCRYPTED = ("REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")


def refuse_unsafe_session(sender: Any, connection: Any, **_: Any) -> None:
    """
    Look at a new connection: a proxy in between, or a server's own settings, may have undone what was asked for.

    One statement, and a second one where the address asks for encryption. A connection that is refused is closed,
    so that the next request looks again.

    :raises UnsafeSession: if it is not as it must be, or a replica takes writes
    """
    if connection.vendor == "mysql":
        lasting, passing = _look_at(connection)
    elif connection.vendor == "postgresql":
        lasting, passing = postgresql_session.look_at(connection)
    else:
        return
    if lasting or passing:
        connection.close()
        why = "; ".join([*lasting, *passing])
        raise UnsafeSession(f"the database session is not safe to use: {why}", may_pass=not lasting)


def _look_at(connection: Any) -> tuple[list[str], list[str]]:
    """Ask a new session of MariaDB or MySQL; give what is wrong for good, and what a failover ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SHOW SESSION VARIABLES WHERE Variable_name IN ({', '.join(['%s'] * len(VARIABLES))})", VARIABLES
        )
        found = {name.lower(): str(value) for name, value in cursor.fetchall()}
        cipher = None
        if connection.settings_dict["OPTIONS"].get("ssl_mode") in ENCRYPTED:
            # The client's library silently falls back if the server has no TLS.
            cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
            cipher = (cursor.fetchone() or ("", ""))[1]
    lasting = list(problems(found, is_replica=connection.alias == REPLICA))
    lasting += counting_problems(found, cell=connection.settings_dict.get("CELL", ONLY_ONE))
    if cipher == "":
        lasting.append("it is not encrypted, which ssl_mode asks for: give the server a certificate")
    return lasting, [] if connection.alias == REPLICA else list(read_only_problems(found))


def problems(found: Mapping[str, str], *, is_replica: bool = False) -> Iterator[str]:
    """Judge a session by its variables, for what does not change while a server runs as it does."""
    yield from server_problems(found.get("version", ""), found.get("version_comment", ""))
    isolation = next((found[name] for name in ISOLATION if name in found), "unknown")
    if isolation != "READ-COMMITTED":
        yield f"its isolation level is {isolation}, not READ-COMMITTED: decisions would be made on stale rows"
    if found.get("time_zone") != "+00:00":
        yield f"its time zone is {found.get('time_zone')}, not +00:00: deadlines would be wrong"
    if "STRICT_" not in found.get("sql_mode", ""):
        yield "its sql_mode is not strict: what does not fit would be cut off"
    if found.get("completion_type", "NO_CHAIN") != "NO_CHAIN":
        yield f"its completion_type is {found['completion_type']}: what follows a transaction would never be committed"
    for name in CHARACTERS:
        if found.get(name, "utf8mb4") != "utf8mb4":
            yield f"its {name} is {found[name]}, not utf8mb4: texts would be refused or damaged"
    if found.get("character_set_database", "utf8mb4") != "utf8mb4":
        yield (
            f"new tables would be {found['character_set_database']}, not utf8mb4, and refuse texts of people: "
            "ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        )
    for name in ENFORCED:
        if not _is_on(found.get(name, "ON")):
            yield f"its {name} is off: rows would get in that must not be there"
    if is_replica and not any(_is_on(found.get(name, "OFF")) for name in READ_ONLY):
        yield "it is a replica's and not read-only: writes to it would be lost"


def counting_problems(found: Mapping[str, str], *, cell: Cell) -> Iterator[str]:
    """Judge whether a session counts new rows as its cell must."""
    said = tuple(found.get(name) for name in STEPS)
    if cell != ONLY_ONE and said != (str(cell.of), str(cell.number)):
        yield (
            f"its {' and '.join(STEPS)} are {said[0]} and {said[1]}, not {cell.of} and {cell.number}: bookings would "
            "get numbers of other cells; at each node of Galera set wsrep_auto_increment_control=OFF"
        )


def read_only_problems(found: Mapping[str, str]) -> Iterator[str]:
    """Judge whether a session of the primary can write; a failover makes that so, and passes."""
    for name in READ_ONLY:
        if _is_on(found.get(name, "OFF")):
            yield f"its {name} is on: nothing can be written"
    server = [name for name in SERVER_READ_ONLY if _is_on(found.get(name, "OFF"))]
    if server:
        yield f"its server is read-only ({', '.join(server)}): a replica, or demoted"


def server_problems(version: str, comment: str = "") -> Iterator[str]:
    """
    Judge a server by what it answers to VERSION(), and by its `version_comment`.

    An unknown product passes if it names a version of MySQL or MariaDB that is new enough.
    """
    said = f"{version} {comment}".lower()
    other = next((name for name in OTHERS if name in said), None)
    if other is not None:
        yield (
            f"its server is {version} ({comment or other}): it answers like MySQL and does not lock as MySQL "
            "does, so seats would be sold twice; use MariaDB 10.6+ or MySQL 8.0.16+"
        )
        return
    numbers = _version(version)
    is_mariadb = "mariadb" in said
    oldest = OLDEST_MARIADB if is_mariadb else OLDEST_MYSQL
    if numbers is None:
        yield f"its server calls itself {version!r}, which is no version of MariaDB or MySQL"
    elif numbers < oldest:
        lacks = "SKIP LOCKED" if is_mariadb else "CHECK constraints or SKIP LOCKED"
        yield (
            f"its server is {version}, without {lacks}: it must be MariaDB {_dotted(OLDEST_MARIADB)} or MySQL "
            f"{_dotted(OLDEST_MYSQL)} or newer"
        )


def _version(text: str) -> tuple[int, ...] | None:
    """Read a version; MariaDB may put 5.5.5- before its own, for the sake of old replicas."""
    match = re.match(r"(?:5\.5\.5-(?=\d+\.\d+\.\d+-MariaDB))?(\d+)\.(\d+)(?:\.(\d+))?", text, re.IGNORECASE)
    return tuple(int(part or 0) for part in match.groups()) if match else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _is_on(value: str) -> bool:
    """Tell whether a variable is on: newer servers have more than two words for it."""
    return value.upper() not in ("OFF", "0", "NO", "")
