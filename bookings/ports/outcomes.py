"""
Words that are the same for every other system: how a call can end without its answer, and how calls go in all.

*Unknown* is not a failure: the call may have been carried out, and only asking again tells.
"""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request reached the other side."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out or not. `retry_after` is in seconds, where the peer asked for a pause."""

    why: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """The other side says that the request itself is wrong; repeating it cannot help. `code` is for programs."""

    why: str
    code: str = ""


class BreakerState(enum.StrEnum):
    """Whether another system is asked: always, one call at a time, or not at all."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class CallWord(enum.StrEnum):
    """How one exchange with another system ended, for counters and breakers."""

    DONE = "done"
    REFUSED = "refused"
    MISTAKE = "mistake"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"
    NOT_SENT = "not_sent"
    OPEN = "open"
    FULL = "full"
