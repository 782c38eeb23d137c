"""How long to wait before an unresolved call is sent again."""

import random
from datetime import datetime, timedelta

from bookings.conf import LONGEST_PAUSE, RETRIES_END_AFTER


def next_try(now: datetime, *, claims: int, asked_for: float | None = None) -> datetime:
    """
    Choose when to repeat a call that was claimed `claims` times: 1, 2, 4 ... seconds, full jitter.

    `asked_for` is the pause in seconds that the peer wished for; it is honoured up to the longest pause.
    """
    longest = LONGEST_PAUSE.total_seconds()
    pause = random.uniform(0, min(longest, 2.0 ** min(claims - 1, 10)))  # noqa: S311 - jitter, not a secret
    if asked_for is not None:
        pause = min(longest, max(pause, asked_for))
    return now + timedelta(seconds=pause)


def is_too_old(first_sent_at: datetime | None, now: datetime) -> bool:
    """Tell whether repeating must end: the peer may soon forget the key."""
    return first_sent_at is not None and now - first_sent_at > RETRIES_END_AFTER
