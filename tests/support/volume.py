"""Fills the tables of MariaDB with many rows, fast, and says how it finds some of them: what is slow only then."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection
from django.test.utils import CaptureQueriesContext

from devtools.bulk_rows import insert_select, key_of

# In 10,000 rows: more would be a walk. 200 bookings are those of one flight.
FEW = 600

# 0 to 9999, without the help of any one server's sequences.
_DIGITS = "(SELECT 0 d " + " ".join(f"UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
_NUMBERS = f"(SELECT a.d + 10*b.d + 100*c.d + 1000*e.d AS n FROM {_DIGITS} a, {_DIGITS} b, {_DIGITS} c, {_DIGITS} e)"

# Of ten bookings six are over, three are paid, and one is unpaid with its deadline ahead.
_STATUS = "ELT(1 + MOD(n, 10), 'initiated','booked','booked','booked','cancelled','cancelled','cancelled'," + (
    "'cancelled','cancelled','cancelled')"
)

# Of what the reaper looks after one row in ten is old.
_AT = "UTC_TIMESTAMP(6) - INTERVAL IF(MOD(n, 10) = 0, 60, 0) DAY"

_SOME = f"{_NUMBERS} numbers WHERE n < %s"

BOOKINGS = insert_select(
    *("booking", f"{_SOME} ORDER BY n DESC"),
    reference="LPAD(n, 6, '0')",
    user_id="1 + MOD(n, 1000)",
    flight_id="1 + MOD(n, 50)",
    status=_STATUS,
    cancel_reason="IF(MOD(n, 10) > 3, 'expired', '')",
    created_at="UTC_TIMESTAMP(6) - INTERVAL n SECOND",
    updated_at="UTC_TIMESTAMP(6)",
    held_at="UTC_TIMESTAMP(6)",
    expires_at="IF(MOD(n, 10) = 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL n SECOND) + INTERVAL 15 MINUTE",
    active_payment_id="IF(MOD(n, 10) BETWEEN 1 AND 3, 1 + n, NULL)",
    hold="IF(MOD(n, 10) > 3, 'refused', 'held')",
    hold_key=key_of("hold", "n"),
)

PAYMENTS = insert_select(
    *("payment", "booking WHERE status = 'booked'"),
    booking_id="id",
    active_booking_id="id",
    amount="total_cost",
    gateway_key=key_of("gateway", "id"),
    refund_key=key_of("refund", "id"),
    created_at="created_at",
)

GIVE_BACKS = insert_select(
    *("seat_call", _SOME),
    call_key=key_of("call", "n"),
    flight_id="1 + MOD(n, 50)",
    created_at="UTC_TIMESTAMP(6)",
)

RECORDS = insert_select(
    *("idempotency_record", _SOME),
    key_hash="SHA2(n, 256)",
    fingerprint="SHA2(n, 256)",
    call_key=key_of("hold", "n"),
    created_at=_AT,
)

EVENTS = insert_select(
    *("booking_event", "booking WHERE status = 'cancelled'"),
    booking_id="id",
    what="'cancelled'",
    actor_kind="'system'",
    actor_name="'worker'",
    to_status="'cancelled'",
    reason="'expired'",
    created_at="created_at",
)

WINDOWS = f"""
    INSERT INTO rate_window (name, started_at, used) SELECT n, {_AT}, 1 FROM {_NUMBERS} numbers WHERE n < %s"""

SESSIONS = f"""
    INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT n, '', {_AT} FROM {_NUMBERS} numbers WHERE n < %s"""

TABLES = (
    *("booking_event", "payment", "idempotency_record", "booking", "seat_call"),
    *("rate_window", "django_session"),
)


@contextmanager
def many_rows_in_each_table(blocker: Any) -> Iterator[None]:
    """Have 10,000 rows in each table, for all tests of a module: `blocker` is pytest-django's."""
    with blocker.unblock():
        fill_tables(10_000)
        analyze_tables()
        yield
        empty_tables()
        connection.close()


def fill_tables(rows: int) -> None:
    """Insert so many bookings, at most 10,000, with all that belongs to them; none is due to expire."""
    with connection.cursor() as cursor:
        cursor.execute(BOOKINGS, [rows])
        cursor.execute(PAYMENTS)
        cursor.execute(GIVE_BACKS, [rows])
        cursor.execute(RECORDS, [rows])
        cursor.execute(EVENTS)
        cursor.execute(WINDOWS, [rows])
        cursor.execute(SESSIONS, [rows])


def analyze_tables() -> None:
    """Let the optimizer see the rows as they are. Ends the transaction, as MariaDB does then."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {', '.join(TABLES)}")
        cursor.fetchall()


def empty_tables() -> None:
    """Delete the rows again."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")


def plans(work: Callable[[], object]) -> list[dict[str, Any]]:
    """How the rows of each statement of some work are found, in MariaDB's words: a line for each table."""
    with CaptureQueriesContext(connection) as captured:
        work()
    found = plans_of(query["sql"] for query in captured)
    assert found
    return found


def plans_of(statements: Iterable[str]) -> list[dict[str, Any]]:
    """The same of statements that were run before."""
    found = []
    with connection.cursor() as cursor:
        for statement in statements:
            reads = statement.startswith(("SELECT", "(SELECT")) and " FROM " in statement
            if reads or statement.startswith(("UPDATE", "DELETE")):
                cursor.execute(f"EXPLAIN {statement}")
                names = [column[0] for column in cursor.description]
                found += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    # What the statement itself has put together has its name in brackets.
    return [plan for plan in found if plan["table"] and not plan["table"].startswith("<")]


def rows_of(plan: dict[str, Any]) -> int:
    """How many rows MariaDB expects to read; behind a filter of row ids it adds what that lets pass."""
    return int(str(plan["rows"]).partition(" ")[0])


def walks(found: list[dict[str, Any]], most: int = FEW) -> list[dict[str, Any]]:
    """The plans that walk: without an index, or along more of it than there is to be found."""
    return [plan for plan in found if plan["key"] is None or rows_of(plan) > most]


def sorts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plans that sort what they find."""
    return [plan for plan in found if "filesort" in (plan["Extra"] or "")]


class Effort(NamedTuple):
    """How many rows, or entries of an index, MariaDB has read for some work, and how many it has sorted."""

    read: int
    sorted: int


def rows_read(work: Callable[[], object]) -> int:
    """How many rows, or entries of an index, MariaDB reads for some work."""
    return effort_of(work).read


def effort_of(work: Callable[[], object]) -> Effort:
    """Count what MariaDB does for some work."""
    first, before = _counters(), _counters()
    work()
    after = _counters()
    # To read the counters is counted as well.
    read, was_sorted = (2 * b - a for a, b in zip(first, before, strict=True))
    return Effort(after.read - read, after.sorted - was_sorted)


def _counters() -> Effort:
    # FLUSH STATUS would be simpler, and would commit the test's transaction.
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' OR Variable_name = 'Sort_rows'")
        counted = {name: int(count) for name, count in cursor.fetchall()}
    return Effort(sorted=counted.pop("Sort_rows"), read=sum(counted.values()))
