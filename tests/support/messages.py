"""What travelers are told: announcements without a database, contacts, and a mail server in memory."""

import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import F

from bookings.deadline import Deadline
from bookings.lifecycle import News
from bookings.models import Announcement, Booking, Message
from bookings.ports.messages import Channels, Mail, MessageOutcome, Sent, Sms
from bookings.queries.announced import facts_of, shown_now
from bookings.services.messages.contacts import Address, GivenContact, change_contact
from bookings.services.messages.fan_out import fan_out
from bookings.services.messages.send import send_messages
from bookings.services.shared.sealing import Seal
from tests.support.bookings import STAFF
from tests.support.webhooks import SEAL, announcements

EMAIL, PHONE = "Ada@example.org", "+4915123456789"
SENDER = "noreply@bookings.example.org"

HAPPENED_AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
DEPARTS_AT = datetime(2026, 7, 14, 12, 55, tzinfo=UTC)
ARRIVES_AT = datetime(2026, 7, 14, 21, 55, tzinfo=UTC)


def a_told(
    news: News, *, before: str | None = None, amount: int = 0, sequence: int = 2, **columns: Any
) -> Announcement:
    """Make an announcement of a booking from Delhi to London with these columns. It is not saved."""
    usual = {
        "id": 1,
        "reference": "ABCD1234",
        "user_id": 1,
        "flight_id": 7,
        "no_of_seats": 2,
        "seat_price": 611000,
        "total_cost": 1222000,
        "currency": "INR",
        "flight_number": "AI101",
        "departure_airport": "DEL",
        "arrival_airport": "LHR",
        "departure_at": DEPARTS_AT,
        "arrival_at": ARRIVES_AT,
        "status": "initiated",
        "created_at": HAPPENED_AT,
        "updated_at": HAPPENED_AT,
        "expires_at": datetime(2026, 7, 1, 9, 15, tzinfo=UTC),
        "hold_key": UUID(int=1),
    }
    booking = Booking(**{**usual, **columns})
    change = {"from": before, "to": booking.status, "why": None, "by": "customer"}
    return Announcement(
        key="evt_1",
        booking=booking,
        sequence=sequence,
        type=news,
        occurred_at=HAPPENED_AT,
        facts=facts_of(shown_now(booking, at=HAPPENED_AT), change | ({"amount": amount} if amount else {})),
        created_at=HAPPENED_AT,
    )


Letter = TypeVar("Letter", Mail, Sms)


class FakeChannel(Generic[Letter]):
    """A server in memory: it answers what it is told to, one after the other, and takes all over from then on."""

    def __init__(self, *says: MessageOutcome) -> None:
        self.came: list[Letter] = []
        self._says = deque(says)
        self._lock = threading.Lock()

    def says(self, *outcomes: MessageOutcome) -> None:
        """Plan the next answers."""
        self._says.extend(outcomes)

    def send(self, letter: Letter, /, *, seconds: float) -> MessageOutcome:
        with self._lock:
            self.came.append(letter)
            return self._says.popleft() if self._says else Sent("queued")


class FakeMail(FakeChannel[Mail]):
    """A mail server in memory."""

    @property
    def mails(self) -> list[Mail]:
        """Give what came."""
        return self.came

    def subjects(self) -> list[str]:
        """Give what came, without the references of the bookings."""
        return [mail.subject.partition(": ")[2] for mail in self.mails]


class FakeSms(FakeChannel[Sms]):
    """Who sends SMS, in memory."""


def give_contact(booking: Booking, email: str = EMAIL, phone: str = "", **given: Any) -> None:
    """Write down where the traveler of a booking is reached."""
    contact = GivenContact(Address(email, phone), **given)
    change_contact(booking_id=booking.pk, given=contact, actor=STAFF, seal=SEAL)


def send_due(mail: FakeMail, sms: FakeSms | None = None, *, seal: Seal = SEAL) -> int:
    """Do the worker's work until nothing is due; give how many messages were taken over."""
    return send_messages(channels=Channels(mail, sms), seal=seal, deadline=Deadline(20))


def let_messages_wait(**time: float) -> None:
    """Let time pass for all messages: pauses and leases end so much sooner, and so does what they are worth."""
    earlier = timedelta(**time)
    for columns in ("next_at", "ended_at", "worthless_at", "first_sent_at", "created_at"):
        Message.objects.exclude(**{columns: None}).update(**{columns: F(columns) - earlier})


def ends() -> list[tuple[str, str]]:
    """Give the state of each message, and why."""
    return list(Message.objects.order_by("pk").values_list("state", "last_error"))


def a_refused_message(settings: Any) -> Message:
    """Make a message about a hold to a traveler whose contact is kept, which the mail server has refused."""
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    told = announcements(1)[-1]
    give_contact(told.booking)
    fan_out([told], told.created_at)
    message = Message.objects.latest("pk")
    why = (
        "RCPT: 550 5.7.1 Message rejected as spam by Content Filtering, see https://mail.example.org/why?id=0123456789"
    )
    Message.objects.filter(pk=message.pk).update(
        state="refused", next_at=None, ended_at=told.created_at, last_error=why
    )
    return message
