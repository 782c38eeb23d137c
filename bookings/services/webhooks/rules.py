"""When a webhook is sent again, when an endpoint rests, and how many sendings run at once. Pure."""

import random
from datetime import datetime, timedelta

# One sending, from the look-up of the name to the end of the answer.
SEND_SECONDS = 10.0

# A process that claims a lane begins no sending after half of this: what it began ends within the lease.
LANE_LEASE = timedelta(seconds=30)
BEGINS_FOR_SECONDS = 15.0

# What one claim takes: enough to be busy for a second or two, and given back unsent where the receiver is not up to it.
LETTERS_PER_CLAIM = 100

# Of one endpoint. It begins with one, and doubles with each success.
WIDEST_LANE = 8

# Of one process. Wider lanes leave some of them to those that begin.
SENDERS = 32
SENDERS_FOR_WIDE_LANES = 24

# From a blink to half a day: a receiver that is deployed is back within the first three, one that broke on a Friday
# evening within the last ones.
PAUSES = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), timedelta(hours=12)),
)
# So that what failed together does not come back together.
JITTER = 0.2

# From the event on, or from the wish of a person.
ASKED_FOR = timedelta(hours=72)

# Two failures may be those of two events; the third in a row is the receiver's.
FAILURES_BEFORE_REST = 3
SHORTEST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)

# A week would be lost with an owner's holidays; after two days an owner may not have seen it.
DISABLED_AFTER = timedelta(days=5)

GONE = 410


def next_pause(tries: int, *, asked_for: float | None = None) -> timedelta:
    """Choose the pause after so many tries. What the receiver asks for, in seconds, is kept if it is longer."""
    usual = PAUSES[min(tries, len(PAUSES)) - 1]
    pause = usual * random.uniform(1 - JITTER, 1 + JITTER)  # jitter, not a secret  # noqa: S311  # nosec B311
    return max(pause, timedelta(seconds=asked_for or 0))


def rest_after(failures: int) -> timedelta | None:
    """How long an endpoint rests after so many failures in a row; None: it does not."""
    if failures < FAILURES_BEFORE_REST:
        return None
    return min(LONGEST_REST, SHORTEST_REST * (1 << min(failures - FAILURES_BEFORE_REST, 10)))


def is_given_up(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has failed for so long that nothing is sent there any more."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER


def width_after(width: int, *, succeeded: bool) -> int:
    """How many sendings an endpoint gets at once from now on."""
    return min(WIDEST_LANE, width * 2) if succeeded else 1
