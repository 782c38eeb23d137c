"""What is asked of the receivers of webhooks, and how they may answer."""

import base64
from dataclasses import dataclass
from typing import Protocol

from bookings.ports.outcomes import NotSent, Unknown

# A secret as receivers keep it, by the words of Standard Webhooks: this, and its bytes in base64.
SECRET_BEGINS = "whsec_"  # noqa: S105  # nosec B105


def written(secret: bytes) -> str:
    """Write a secret as its receiver needs it."""
    return SECRET_BEGINS + base64.b64encode(secret).decode()


@dataclass(frozen=True, slots=True)
class Letter:
    """
    One event for one receiver. Each sending has the same `key` and the same bytes; the time is that of the sending.

    Every secret signs: while one is exchanged the receiver knows the new one, or the old one.
    """

    url: str
    key: str
    body: bytes
    # Seconds since 1970, by the database's clock: receivers refuse what differs from theirs by five minutes.
    sent_at: int
    secrets: tuple[bytes, ...]
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver has it: it answered 2xx."""

    status: int


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """The receiver answered something else. `answer` is the beginning of what it said, as one printable line."""

    status: int
    answer: str
    # In seconds, where the receiver asked for a pause.
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Nothing was sent: the address leads where this service must not send."""

    why: str


SendOutcome = Accepted | TurnedDown | NotAllowed | NotSent | Unknown


class Webhooks(Protocol):
    """Sends webhooks to addresses that clients have named, which are not trusted."""

    def normal(self, url: str) -> str:
        """
        Write an address in its one form, as far as it can be judged without looking up its name.

        :raises UnsafeAddress: if nothing would ever be sent there
        """

    def leads_to(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """
        Look up to which IP addresses a webhook would be sent now; none where a proxy decides that.

        :raises UnsafeAddress: if one of them must not be sent to
        :raises NameUnknown: if the name cannot be looked up
        """

    def send(self, letter: Letter, *, seconds: float) -> SendOutcome:
        """Send once; `seconds` hold for all of it."""


class UnsafeAddress(Exception):
    """An address to which this service must not send. The message says why, and names no other address."""


class NameUnknown(Exception):
    """The name in an address cannot be looked up now."""
