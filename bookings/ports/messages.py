"""What is asked of those who carry messages to travelers, and how sending one can end."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from bookings.ports.outcomes import Mistake, NotSent, Unknown


@dataclass(frozen=True, slots=True)
class Mail:
    """
    One mail to one traveler. Each sending has the same `key`, which makes its Message-ID.

    `calendar` is a file in the form of iCalendar, or empty.
    """

    key: str
    to: str
    language: str
    subject: str
    text: str
    html: str
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS to one traveler: at most 160 characters of GSM-7, which is one of those that are paid for."""

    key: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken over by a server, which delivers it or reports that it cannot. `receipt` is its name there."""

    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """
    There is no such address, or it takes nothing: sending there again does harm to the name of the sender.

    `is_for_good`: its owner has said so, and not its server.
    """

    why: str
    is_for_good: bool = False


MessageOutcome = Sent | Refused | Mistake | NotSent | Unknown
"""
How a sending can end.

*Mistake*: this message is not taken, to whatever address. *Not sent*: certainly not taken, and perhaps later.
*Unknown*: it was handed over whole, and no answer came: it may be on its way.
"""


Letter = TypeVar("Letter", Mail, Sms, contravariant=True)


class MessageChannel(Protocol[Letter]):
    """Carries messages of one kind to travelers."""

    def send(self, letter: Letter, /, *, seconds: float) -> MessageOutcome:
        """Send once; `seconds` hold for all of it."""

    def try_out(self, *, seconds: float) -> NotSent | None:
        """Find out whether messages would be taken, and send none; None: they would."""


@dataclass(frozen=True, slots=True)
class Channels:
    """What carries messages to travelers. Without `sms` no SMS is sent here."""

    mail: MessageChannel[Mail]
    sms: MessageChannel[Sms] | None = None
