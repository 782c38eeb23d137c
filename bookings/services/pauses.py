"""How long to wait before an unresolved call is sent again."""

import random
from datetime import datetime, timedelta

from bookings.conf import LEASE, LONGEST_PAUSE, RETRIES_END_AFTER, STAFF_RETRIES_END_AFTER
from bookings.ports import NotSent, Unknown


def next_try(now: datetime, *, claims: int, asked_for: float | None = None) -> datetime:
    """
    Choose when to repeat a call that was claimed `claims` times: 1, 2, 4 ... seconds, full jitter.

    `asked_for` is the pause in seconds that the peer wished for; it is honoured up to the longest pause.
    """
    longest = LONGEST_PAUSE.total_seconds()
    pause = random.uniform(0, min(longest, 2.0 ** min(claims - 1, 10)))  # jitter, not a secret  # noqa: S311  # nosec B311
    if asked_for is not None:
        pause = min(longest, max(pause, asked_for))
    return now + timedelta(seconds=pause)


def is_due(next_at: datetime | None, now: datetime) -> bool:
    """Tell whether the lease or the pause of a call is over. None is a call with nothing left to do."""
    return next_at is not None and next_at <= now


def is_too_old(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether a call must not be sent again: the peer may have forgotten the key, and would count twice."""
    return first_sent_at is not None and now - first_sent_at > RETRIES_END_AFTER


def staff_may_repeat(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether the peer still knows the key of a call, so that it can be sent once more by hand."""
    return first_sent_at is None or now - first_sent_at <= STAFF_RETRIES_END_AFTER


def plan_repetition(
    outcome: NotSent | Unknown,
    *,
    now: datetime,
    claims: int,
    first_sent_at: datetime | None,
    leased_until: datetime | None,
) -> tuple[datetime, datetime | None]:
    """
    Tell when to send a call again, and when it was first sent as far as is known.

    `leased_until` is the end of the claim that got this outcome. A claim that provably sent nothing does not
    count as the first sending.
    """
    if isinstance(outcome, Unknown):
        return next_try(now, claims=claims, asked_for=outcome.retry_after), first_sent_at
    sent_by_this_claim = leased_until is not None and leased_until - LEASE == first_sent_at
    return next_try(now, claims=claims), None if sent_by_this_claim else first_sent_at
