"""Refuses database sessions on which locks or deadlines would not mean what this service takes them for."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from bookings.replica import REPLICA

# What a session must have, what this service asks for at connect, and why. MariaDB and MySQL name the first
# differently.
ISOLATION = ("tx_isolation", "transaction_isolation")
READ_ONLY = ("tx_read_only", "transaction_read_only")


def refuse_unsafe_session(sender: Any, connection: Any, **_: Any) -> None:
    """
    Look at a new connection: a proxy in between, or a server's own settings, may have undone what was asked for.

    :raises ImproperlyConfigured: if isolation, time zone or strictness are not as they must be, or a replica takes
        writes
    """
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SHOW SESSION VARIABLES WHERE Variable_name IN (%s, %s, %s, %s, 'time_zone', 'sql_mode')",
            [*ISOLATION, *READ_ONLY],
        )
        found = {name.lower(): value for name, value in cursor.fetchall()}
    problems = list(_problems(found))
    if connection.alias == REPLICA and "ON" not in [found.get(name) for name in READ_ONLY]:
        problems.append("it is one of a replica and not read-only: what were written there would be lost")
    if problems:
        connection.close()
        raise ImproperlyConfigured(f"the database session is not safe to use: {'; '.join(problems)}")


def _problems(found: dict[str, str]) -> Iterator[str]:
    isolation = next((found[name] for name in ISOLATION if name in found), "unknown")
    if isolation != "READ-COMMITTED":
        yield f"its isolation level is {isolation}, not READ-COMMITTED: decisions would be made on stale rows"
    if found.get("time_zone") != "+00:00":
        yield f"its time zone is {found.get('time_zone')}, not +00:00: deadlines would be wrong"
    if "STRICT_" not in found.get("sql_mode", ""):
        yield "its sql_mode is not strict: what does not fit would be cut off"
