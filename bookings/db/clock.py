"""Database time: the one clock that deadlines and leases are judged on, and whether it can be believed."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from bookings.db.clock_watch import ClockWatch, Proof, Reading
from bookings.db.packets import together
from bookings.models import ClockProof

# The time at which a statement has begun. Inside a locking statement it is the one before it waited for the lock.
STATEMENT_TIME = {
    "mysql": "UTC_TIMESTAMP(6)",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    # Its other clocks show when the transaction has begun, or when the packet came.
    "postgresql": "CLOCK_TIMESTAMP()",
}

# New with each start of the machine, and with it the monotonic clock; on other systems there is none.
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# The one row of the proofs.
ROW = 1


def database_time() -> datetime:
    """Read the time in the database, aware, in UTC. Ask after the lock is held, not before."""
    now, _ = row_with_time("SELECT {now}")
    return now


def row_with_time(sql: str, values: Sequence[Any] = ()) -> tuple[datetime, tuple[Any, ...]]:
    """
    Send a SELECT of one row, whose first column is `{now}`, and give that time, and the other columns.

    It must lock nothing: then the time is that after all that was sent before it.
    """
    before = time.monotonic()
    now = STATEMENT_TIME[connection.vendor]
    # Beside values, a percent sign is written twice: while DEBUG is on, Django's record of statements fails otherwise.
    (answer,) = together((sql.replace("{now}", now.replace("%", "%%") if values else now), values))
    ((at, *others),) = answer.rows
    moment: datetime = datetime.fromisoformat(at) if isinstance(at, str) else at
    moment = moment.replace(tzinfo=UTC)
    WATCH.note(Reading(moment, before, time.monotonic()))
    return moment, tuple(others)


def clock_is_proven() -> bool:
    """
    Tell whether the time that was read last may end what cannot be taken back.

    Ask after `database_time`, in the same transaction. See Note [A clock that jumped]. Costs nothing while all is
    well; in doubt, one plain read.
    """
    if WATCH.is_believed():
        return True
    return WATCH.weigh(last_proof())


def last_proof() -> Proof | None:
    """Give the reading that some process has believed last; None if none ever did."""
    row = ClockProof.objects.filter(pk=ROW).first()
    return None if row is None else Proof(row.read_at, row.boot, row.monotonic_seconds)


def clock_has_jumped() -> bool:
    """Tell whether this process saw the database's clock jump, and does not believe it yet."""
    return WATCH.has_jumped()


def vouch_for_clock() -> None:
    """Write down, for other processes, that the time that was read last is right. Assumes an open transaction."""
    proof = WATCH.proof()
    if proof is not None:
        values = {"read_at": proof.at, "boot": proof.boot, "monotonic_seconds": proof.monotonic}
        ClockProof.objects.update_or_create(pk=ROW, defaults=values)


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


WATCH = ClockWatch(_boot())
