"""How fast the reaper catches up: with what a week without a worker has left behind."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from django.db import connection

from bookings.conf import PASS_SECONDS
from bookings.deadline import Deadline
from bookings.services.upkeep.reap import reap_old_rows
from devtools.bulk_rows import insert_select, key_of
from tests.volume.fill import in_words_of_the_server

_LONG_AGO = "UTC_TIMESTAMP(6) - INTERVAL 60 DAY + INTERVAL seq * 1000 MICROSECOND"

_LEFTOVERS = {
    "idempotency_record": insert_select(
        *("idempotency_record", "{numbers}"),
        key_hash="SHA2(seq, 256)",
        fingerprint="SHA2(seq, 256)",
        call_key=key_of("old", "seq"),
        body="REPEAT('x', 600)",
        created_at=_LONG_AGO,
    ),
    "rate_window": f"""
        INSERT INTO rate_window (name, started_at, used)
        SELECT CONCAT('old ', seq), {_LONG_AGO}, 1 FROM {{numbers}}""",
    "django_session": f"""
        INSERT INTO django_session (session_key, session_data, expire_date)
        SELECT LEFT(SHA2(seq, 256), 32), REPEAT('s', 200), {_LONG_AGO} FROM {{numbers}}""",
    "django_q_task": f"""
        INSERT INTO django_q_task (id, name, func, started, stopped, success, attempt_count, result)
        SELECT LEFT(SHA2(seq, 256), 32), 'old', 'bookings.tasks.run_pass', {_LONG_AGO}, {_LONG_AGO}, FALSE, 1,
            REPEAT('r', 1500)
        FROM {{numbers}}""",
}

# Rows of each table for each thousand answers under keys.
SHARES = MappingProxyType({"idempotency_record": 1000, "rate_window": 250, "django_session": 100, "django_q_task": 50})


class Reaped(NamedTuple):
    """What one run of the reaper has deleted of which table, and how long it took."""

    rows: dict[str, int]
    seconds: float


def leave_behind(answers: int, shares: Mapping[str, int] = SHARES) -> None:
    """Insert so many old answers under keys, and other old rows in proportion."""
    with connection.cursor() as cursor:
        for table, share in shares.items():
            statement = _LEFTOVERS[table].format(numbers=f"seq_1_to_{answers * share // 1000}")
            cursor.execute(in_words_of_the_server(statement))


def reap() -> Reaped:
    """Run the reaper for as long as the worker does."""
    began = time.monotonic()
    rows = reap_old_rows(deadline=Deadline(PASS_SECONDS))
    return Reaped(dict(+rows), time.monotonic() - began)
