"""Database time: the one clock that deadlines and leases are judged on."""

from datetime import UTC, datetime

from django.db import connection

# As a statement of its own: inside a locking statement the time is the one before it waited for the lock.
_STATEMENTS = {
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
}


def database_time() -> datetime:
    """Read the time in the database, aware, in UTC. Ask after the lock is held, not before."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[connection.vendor])
        (now,) = cursor.fetchone()
    moment: datetime = datetime.fromisoformat(now) if isinstance(now, str) else now
    return moment.replace(tzinfo=UTC)
