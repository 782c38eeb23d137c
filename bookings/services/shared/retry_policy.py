"""How long to wait before an unresolved call is sent again."""

import random
from datetime import datetime, timedelta

from bookings.conf import LONGEST_PAUSE, RETRIES_END_AFTER, STAFF_RETRIES_END_AFTER
from bookings.errors import RetryCountsTwice, RetryTooLate


def next_try(now: datetime, *, claims: int, asked_for: float | None = None) -> datetime:
    """
    Choose when to repeat a call that was claimed `claims` times: 1, 2, 4 ... seconds, full jitter.

    `asked_for` is the pause in seconds that the peer wished for; it is kept, up to the longest pause.
    """
    longest = LONGEST_PAUSE.total_seconds()
    pause = random.uniform(0, min(longest, 2.0 ** min(claims - 1, 10)))  # jitter, not a secret  # noqa: S311  # nosec B311
    if asked_for is not None:
        pause = min(longest, max(pause, asked_for))
    return now + timedelta(seconds=pause)


def is_too_old(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether a call must not be sent again: the peer may have forgotten the key, and would count twice."""
    return first_sent_at is not None and now - first_sent_at > RETRIES_END_AFTER


def staff_may_repeat(first_sent_at: datetime | None, now: datetime, *, knows_keys: bool) -> bool:
    """Tell whether a call can be sent once more by hand, and counts once all the same."""
    try:
        refuse_to_count_twice(first_sent_at, now, knows_keys=knows_keys)
    except (RetryCountsTwice, RetryTooLate):
        return False
    return True


def refuse_to_count_twice(first_sent_at: datetime | None, now: datetime, *, knows_keys: bool) -> None:
    """
    Let staff send a call once more only if the other system may still know its key.

    :raises RetryCountsTwice: if it was sent, and the peer knows no keys
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    """
    if first_sent_at is None:
        return
    if not knows_keys:
        raise RetryCountsTwice
    if now - first_sent_at > STAFF_RETRIES_END_AFTER:
        raise RetryTooLate
