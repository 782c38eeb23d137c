"""
Fills an empty database with a year of bookings: as many as asked for, with all that belongs to them.

It is said in MariaDB's words; `tests.volume.postgresql` knows them in PostgreSQL's, and `tests.volume.mysql` has what
MySQL lacks.

Each table is one INSERT ... SELECT into an empty table, which MariaDB loads in bulk: it sorts each index once
instead of finding a place for every entry. What a row is follows from its number, so two runs make the same tables
but for their times, which hang on now.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection

from bookings.db.clock import STATEMENT_TIME
from devtools.bulk_rows import insert_select, key_of
from tests.volume import mysql, postgresql

# Measured: 1.1 kB, and a third more while indexes are sorted, beside 1.3 GB of the server's own.
DISK_PER_BOOKING = 2_000
# Of a server that is filled. With its own default a table is read and written a dozen times to sort an index.
SORTS_IN_MEMORY = "--innodb-sort-buffer-size=67108864"
# Of a PostgreSQL: it cannot be told while it runs.
QUICK_POSTGRESQL = (
    *("fsync=off", "max_wal_size=16GB", "checkpoint_timeout=1h", "maintenance_work_mem=1GB"),
    # It would read tables while rows are counted.
    "autovacuum=off",
)

BOOKINGS_PER_FLIGHT = 250
BOOKINGS_PER_CALL = 25

# Endpoints of webhooks. All were told of everything.
HOOKS = 3

# The time from the first booking to the last, in microseconds.
YEAR_US = 365 * 24 * 3600 * 1_000_000

# A user who books for others: every hundredth booking. Its list must not be slower than a traveler's.
AGENT = 7

# What the archive makes of them.
OF_THE_ARCHIVE = ("archived_booking", "archive_round")
OF_THE_REAPER = ("rate_window", "django_session", "django_q_task")
TABLES = (
    *("seat_call", "booking", "payment", "refund", "booking_event", "idempotency_record", "user_hold"),
    *("booking_case", "gateway_notice", "dispute", "payment_comparison"),
    *("webhook_endpoint", "announcement", "webhook_delivery"),
)

# What others are made of.
FIRST = ("seat_call", "booking", "payment", "webhook_endpoint", "announcement")

# The column `scattered` is spread over the whole range and never the same twice; `lot` is in hundredths: paid,
# expired, refused for want of seats, cancelled by people.
_NUMBERS = """(
    SELECT seq, scattered, is_new, at,
        CASE WHEN is_new THEN ELT(1 + MOD(seq, 10), 'pending', 'initiated', 'initiated', 'initiated', 'initiated',
                'initiated', 'initiated', 'cancelled', 'cancelled', 'cancelled')
            WHEN lot < 55 THEN 'booked' ELSE 'cancelled' END AS status,
        CASE WHEN is_new THEN IF(MOD(seq, 10) < 7, '', 'expired') WHEN lot < 55 THEN ''
            WHEN lot < 90 THEN 'expired' WHEN lot < 93 THEN 'no_seats' WHEN MOD(seq, 1000) = 0 THEN 'fraud'
            ELSE 'customer_request' END AS reason,
        CASE WHEN is_new THEN ELT(1 + MOD(seq, 10), 'asking', 'held', 'held', 'held', 'held', 'held', 'held',
                'giving_back', 'giving_back', 'giving_back')
            WHEN lot < 55 THEN 'held' WHEN lot BETWEEN 90 AND 92 THEN 'refused' ELSE 'giving_back' END AS hold
    FROM (
        SELECT seq, seq > {bookings} - {waiting} AS is_new, MOD(seq * 2654435761, 4294967296) AS scattered,
            MOD(MOD(seq * 2654435761, 4294967296) DIV 65536, 100) AS lot,
            '{now}' - INTERVAL ({bookings} - seq) * {step} MICROSECOND AS at
        FROM seq_1_to_{bookings}
    ) lots
) numbers"""

_BOOKINGS = insert_select(
    *("booking", _NUMBERS),
    id="seq",
    reference="LPAD(CONV(MOD(seq * 527119655203, 852891037441), 10, 31), 8, '0')",
    user_id=f"IF(MOD(seq, 100) = 0, {AGENT}, 1000 + MOD(scattered, GREATEST(1, {{bookings}} DIV 10)))",
    flight_id=f"1 + seq DIV {BOOKINGS_PER_FLIGHT} + MOD(scattered DIV 256, {{on_sale}})",
    status="status",
    cancel_reason="reason",
    created_at="at",
    updated_at="at",
    held_at="IF(hold IN ('held', 'giving_back'), at, NULL)",
    expires_at="IF(is_new, '{now}', at) + INTERVAL 15 MINUTE",
    active_payment_id="IF(status = 'booked', seq, NULL)",
    # Told long ago: its only event has the same id.
    announced_event_id="IF(status IN ('booked', 'cancelled'), seq, 0)",
    cancelled_at="IF(status = 'cancelled', LEAST(at + INTERVAL 15 MINUTE, '{now}'), NULL)",
    payment_state="IF(status = 'booked', IF(MOD(seq, 50) = 0, 'part_back', 'succeeded'), '')",
    refund_at="IF(status = 'booked' AND MOD(seq, 50) = 0, at + INTERVAL 2 HOUR, NULL)",
    refund_amount="IF(status = 'booked' AND MOD(seq, 50) = 0, 500, 0)",
    payment_at="IF(status = 'booked', at + INTERVAL 1 MINUTE, NULL)",
    # A number flies again and again: of a million bookings each has a few thousand.
    flight_number=f"CONCAT('AI ', 100 + MOD(seq DIV {BOOKINGS_PER_FLIGHT} + scattered DIV 256, 300))",
    departure_at="DATE(at) + INTERVAL 30 DAY",
    client_reference="IF(MOD(seq, 3) = 0, CONCAT('trip ', seq DIV 6), '')",
    # A booking in fifty was made for one that its user had before.
    replaces_id="IF(MOD(seq, 50) = 7, seq - 5, NULL)",
    request_id="CONCAT('request-', LEFT(SHA2(seq, 256), 32))",
    hold="hold",
    hold_key=key_of("hold", "seq"),
    next_at="IF(is_new AND hold <> 'held', '{now}' + INTERVAL 1 MINUTE, NULL)",
    first_sent_at="at",
    give_back_id=f"IF(is_new OR hold <> 'giving_back', NULL, 1 + seq DIV {BOOKINGS_PER_CALL})",
)

_CALLS = insert_select(
    *("seat_call", f"seq_1_to_{{bookings}} WHERE seq <= 1 + {{bookings}} DIV {BOOKINGS_PER_CALL}"),
    id="seq",
    call_key=key_of("call", "seq"),
    flight_id="1 + seq DIV 10",
    **dict.fromkeys(("created_at", "first_sent_at", "done_at"), "'{now}'"),
)

_PAYMENTS = insert_select(
    *("payment", "booking WHERE status = 'booked'"),
    booking_id="id",
    active_booking_id="id",
    amount="total_cost",
    gateway_key=key_of("gateway", "id"),
    refunded="IF(MOD(id, 50) = 0, 500, 0)",
    request_id="CONCAT('pay-', LEFT(SHA2(id, 256), 32))",
    created_at="created_at + INTERVAL 1 MINUTE",
    settled_at="created_at + INTERVAL 1 MINUTE",
)

# A part of one paid booking in fifty went back.
_REFUNDS = insert_select(
    *("refund", "payment WHERE MOD(booking_id, 50) = 0"),
    payment_id="id",
    amount="500",
    cause="'goodwill'",
    asked_by="'anna'",
    key=key_of("refund", "id"),
    created_at="created_at + INTERVAL 1 HOUR",
    done_at="created_at + INTERVAL 2 HOUR",
)

_EVENTS = insert_select(
    *("booking_event", "booking WHERE status IN ('booked', 'cancelled')"),
    id="id",
    booking_id="id",
    what="IF(status = 'booked', 'booked', 'cancelled')",
    actor_kind="IF(status = 'booked', 'customer', 'system')",
    actor_name="IF(status = 'booked', CONCAT(user_id), 'worker')",
    to_status="status",
    reason="cancel_reason",
    request_id="IF(status = 'booked', CONCAT('pay-', LEFT(SHA2(id, 256), 32)), '')",
    created_at="LEAST(created_at + INTERVAL IF(status = 'booked', 1, 15) MINUTE, '{now}')",
)

_ENDPOINTS = "(SELECT 'POST /bookings' endpoint UNION ALL SELECT 'POST /bookings/payments') endpoints"

# Of the last three days, as the reaper leaves them: a create and a payment each.
_RECORDS = insert_select(
    *("idempotency_record", f"booking, {_ENDPOINTS} WHERE created_at > '{{now}}' - INTERVAL 72 HOUR"),
    principal="CONCAT('user:', user_id)",
    endpoint="endpoint",
    key_hash="SHA2(CONCAT(endpoint, id), 256)",
    fingerprint="SHA2(id, 256)",
    call_key="hold_key",
    body="REPEAT('x', 600)",
    created_at="created_at",
)

_USERS = "INSERT INTO user_hold (user_id) SELECT DISTINCT user_id FROM booking"

# One booking in a hundred was a case, and one in two thousand still is.
_CASES = """INSERT INTO booking_case (booking_id, owner, follow_up_on, version, opened_at, moved_at, closed_at)
    SELECT id, IF(MOD(id, 2000), '', 'anna'), IF(MOD(id, 2000), NULL, '{now}'), 2, created_at, created_at,
        IF(MOD(id, 2000), created_at, NULL)
    FROM booking WHERE MOD(id, 100) = 0"""

# Two of each payment, and one in twenty of another system's, as long as the reaper leaves them.
_NOTICES = insert_select(
    *("gateway_notice", "payment, seq_1_to_2 WHERE created_at > '{now}' - INTERVAL 89 DAY"),
    event_id="CONCAT('evt_', seq, LEFT(SHA2(id, 256), 32))",
    event_hash="SHA2(CONCAT('evt_', seq, LEFT(SHA2(id, 256), 32)), 256)",
    object_id="CONCAT('pi_', LEFT(SHA2(id, 256), 32))",
    payment_key="IF(MOD(id, 20), gateway_key, NULL)",
    state="IF(MOD(id, 20), 'done', 'foreign')",
    **dict.fromkeys(("made_at", "received_at", "done_at", "first_sent_at"), "created_at"),
)

# One payment in seven was disputed, which is far too many, and of ten thousand bookings one still is.
_DISPUTES = insert_select(
    *("dispute", "payment WHERE MOD(booking_id, 7) = 0 OR MOD(booking_id, 10000) = 0"),
    payment_id="id",
    gateway_id="CONCAT('du_', id)",
    amount="amount",
    outcome="IF(MOD(booking_id, 10000), 'lost', '')",
    answer_by="IF(MOD(booking_id, 20000), created_at + INTERVAL 14 DAY, NULL)",
    opened_at="created_at + INTERVAL 7 DAY",
    closed_at="IF(MOD(booking_id, 10000), created_at + INTERVAL 30 DAY, NULL)",
    looked_at="created_at + INTERVAL 30 DAY",
)

# As many as are kept.
_COMPARISONS = insert_select(
    *("payment_comparison", "seq_1_to_200"), id="seq", finished_at="'{now}' - INTERVAL 200 - seq HOUR"
)

# With those of years that are retired.
_HOOKS = insert_select(
    *("webhook_endpoint", "seq_1_to_500"),
    id="seq",
    state=f"IF(seq > {HOOKS}, 'retired', 'disabled')",
    disabled_why=f"IF(seq > {HOOKS}, '', 'to be looked at')",
    key="CONCAT('we_', LEFT(SHA2(seq, 256), 32))",
    url="CONCAT('https://hooks.example.org/', seq)",
    **dict.fromkeys(("secret",), "''"),
    created_at="'{now}' - INTERVAL 300 DAY",
)

# Those of the last thirty days are kept.
_TOLD = "status IN ('booked', 'cancelled') AND created_at > '{now}' - INTERVAL 30 DAY"

_ANNOUNCEMENTS = insert_select(
    *("announcement", f"booking WHERE {_TOLD}"),
    id="id",
    key="CONCAT('evt_', LEFT(SHA2(id, 256), 32))",
    booking_id="id",
    type="IF(status = 'booked', 'booking.paid', 'booking.cancelled')",
    facts="JSON_OBJECT()",
    **dict.fromkeys(("occurred_at", "created_at"), "created_at"),
)

# Of the second endpoint some are dead, and some wait.
_DELIVERIES = insert_select(
    *("webhook_delivery", f"booking CROSS JOIN seq_1_to_{HOOKS} WHERE {_TOLD}"),
    id=f"booking.id * {HOOKS} + seq",
    endpoint_id="seq",
    announcement_id="booking.id",
    state="CASE IF(seq = 2, MOD(booking.id, 40), 0) WHEN 1 THEN 'dead' WHEN 2 THEN 'pending' ELSE 'delivered' END",
    next_at="IF(seq = 2 AND MOD(booking.id, 40) = 2, '{now}' + INTERVAL 1 DAY, NULL)",
    delivered_at="IF(seq = 2 AND MOD(booking.id, 40) IN (1, 2), NULL, created_at)",
    died_at="IF(seq = 2 AND MOD(booking.id, 40) = 1, created_at + INTERVAL 72 HOUR, NULL)",
    ends_at="created_at + INTERVAL 72 HOUR",
    **dict.fromkeys(("first_sent_at", "created_at"), "created_at"),
)

_FILLS = dict(
    zip(
        TABLES,
        (
            *(_CALLS, _BOOKINGS, _PAYMENTS, _REFUNDS, _EVENTS, _RECORDS, _USERS, _CASES),
            *(_NOTICES, _DISPUTES, _COMPARISONS),
            *(_HOOKS, _ANNOUNCEMENTS, _DELIVERIES),
        ),
        strict=True,
    )
)


def on_sale(bookings: int) -> int:
    """How many flights are sold at one time."""
    return min(2_000, max(1, bookings // 200))


def waiting_of(bookings: int) -> int:
    """How many of the newest bookings wait: for their payment, for an answer, or to be given back."""
    return min(3_000, bookings // 50)


def fill(bookings: int, *, at_once: bool = False) -> Iterator[tuple[str, float]]:
    """
    Insert so many bookings and what belongs to them into empty tables; give each table and its seconds.

    :param at_once: fill what belongs to bookings two tables at a time, in sessions of their own without binary log
    """
    numbers = {
        "bookings": bookings,
        "on_sale": on_sale(bookings),
        "waiting": waiting_of(bookings),
        "step": YEAR_US // bookings,
    }
    if connection.vendor == "postgresql":
        postgresql.make_functions()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {STATEMENT_TIME[connection.vendor]}")
        (now,) = cursor.fetchone()
    statements = {table: statement.format(now=now, **numbers) for table, statement in _FILLS.items()}
    for table in FIRST:
        yield table, _insert(statements.pop(table), is_private=at_once)
    if not at_once:
        yield from ((table, _insert(statement)) for table, statement in statements.items())
        return
    with ThreadPoolExecutor(2) as threads:
        running = [(table, threads.submit(_insert_beside, statement)) for table, statement in statements.items()]
        yield from ((table, each.result()) for table, each in running)


def in_words_of_the_server(statement: str) -> str:
    """Say in the words of the server at hand what is said in MariaDB's, numbers and moments included."""
    if connection.vendor == "postgresql":
        return postgresql.in_its_words(statement)
    mysql.make_numbers(statement)
    return statement


# What was made for each other need not be looked up. It takes a superuser in PostgreSQL, so only the private server
# of a campaign is told; there a note of each row until the end would fill its memory.
_UNCHECKED = {
    "mysql": (
        "SET SESSION unique_checks = 0, SESSION foreign_key_checks = 0",
        "SET SESSION unique_checks = 1, SESSION foreign_key_checks = 1",
    ),
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = origin"),
}


def _insert(statement: str, *, is_private: bool = False) -> float:
    began = time.monotonic()
    statements = [in_words_of_the_server(statement)]
    if is_private or connection.vendor == "mysql":
        before, after = _UNCHECKED[connection.vendor]
        statements = [before, *statements, after]
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
    return time.monotonic() - began


def _insert_beside(statement: str) -> float:
    try:
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION sql_log_bin = 0")
        return _insert(statement, is_private=True)
    finally:
        connection.close()


def see_that_disk_is_free(bookings: int) -> None:
    """
    Look whether so many bookings can be filled in.

    :raises SystemExit: if there is not as much disk
    """
    folder, wanted = tempfile.gettempdir(), bookings * DISK_PER_BOOKING
    if (free := shutil.disk_usage(folder).free) < wanted:
        raise SystemExit(f"{wanted / 1e9:.0f} GB are needed in {folder}, {free / 1e9:.0f} are free")


def analyze_tables() -> None:
    """Let the optimizer see the rows as they are. Ends the transaction, as MariaDB does then."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            postgresql.let_keys_go_on(TABLES)
            cursor.execute(f"ANALYZE {', '.join((*TABLES, *OF_THE_REAPER))}")
            return
        cursor.execute(f"ANALYZE TABLE {', '.join((*TABLES, *OF_THE_REAPER))}")
        cursor.fetchall()


def empty() -> None:
    """Delete the rows again, and old ones of the reaper."""
    with connection.cursor() as cursor:
        for table in (*reversed(TABLES), *OF_THE_REAPER, *OF_THE_ARCHIVE):
            cursor.execute(f"DELETE FROM {table}")


@contextmanager
def quick_server(*, memory: int) -> Iterator[None]:
    """
    Let a private server be filled quickly, and write nothing twice for safety.

    :param memory: bytes of tables that MariaDB keeps in memory; a PostgreSQL was told as it began
    """
    if connection.vendor == "postgresql":
        with postgresql.without_indexes(TABLES):
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_buffer_pool_size = %s", [memory])
        cursor.execute("SET GLOBAL innodb_log_file_size = 1073741824")
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        yield
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
