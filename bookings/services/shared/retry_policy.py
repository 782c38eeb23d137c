"""How long to wait before an unresolved call is sent again."""

import random
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import QuerySet

from bookings.conf import (
    LEASE,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    RETRIES_END_AFTER,
    STAFF_RETRIES_END_AFTER,
    peer_knows_keys,
)
from bookings.errors import RetryCountsTwice, RetryTooLate
from bookings.models import Payment, SeatCall
from bookings.ports import NotSent, Unknown

C = TypeVar("C", SeatCall, Payment)


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
    """
    Tell whether the lease or the pause of a call is over. None is a call with nothing left to do.

    One that is longer than any was written by a clock that was ahead. The key protects a call that is sent twice.
    """
    return next_at is not None and not now < next_at <= now + LONGEST_WAIT


def due(calls: QuerySet[C], now: datetime) -> QuerySet[C]:
    """Those calls whose lease or pause is over, as `is_due` says it, by two ranges of their to-do list."""
    return calls.filter(next_at__lte=now) | calls.filter(next_at__gt=now + LONGEST_WAIT)


def first_sending(first_sent_at: datetime | None, now: datetime) -> datetime:
    """When a call that is sent now was sent first. A time to come is none: it would never become too old."""
    return now if first_sent_at is None or first_sent_at > now else first_sent_at


def is_too_old(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether a call must not be sent again: the peer may have forgotten the key, and would count twice."""
    return first_sent_at is not None and now - first_sent_at > RETRIES_END_AFTER


def staff_may_repeat(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether a call can be sent once more by hand, and counts once all the same."""
    try:
        refuse_to_count_twice(first_sent_at, now)
    except (RetryCountsTwice, RetryTooLate):
        return False
    return True


def refuse_to_count_twice(first_sent_at: datetime | None, now: datetime) -> None:
    """
    Let staff send a call once more only if the peer still knows its key.

    :raises RetryCountsTwice: if it was sent, and the peer knows no keys
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    """
    if first_sent_at is None:
        return
    if not peer_knows_keys():
        raise RetryCountsTwice
    if now - first_sent_at > STAFF_RETRIES_END_AFTER:
        raise RetryTooLate


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
