"""
Where a traveler is reached: given, changed and erased. It is sealed, and shown nowhere.

See Note [What is kept of an address].
"""

# Note [What is kept of an address]
# The address itself is in one column, sealed for this booking, and read at the moment of sending. Beside it stands a
# mark, made with a key: it tells that two bookings have one address, and tells no address, not even to one who guesses.
# An idempotency record has the mark in its fingerprint in the address's place. Nothing else has either. So it is with a
# number for SMS; one that is not wanted is not kept at all.

import json
import uuid
from dataclasses import dataclass
from datetime import datetime

import structlog

from bookings.actor import Actor
from bookings.conf import contact_retention
from bookings.db.transactions import in_transaction
from bookings.lifecycle import BookingStatus
from bookings.models import Booking, Contact, Message
from bookings.models.messages import Channel, MessageState
from bookings.services.messages.rules import UNKNOWN_DEPARTURE
from bookings.services.shared import leases
from bookings.services.shared.sealing import Seal
from bookings.services.shared.transitions import lock_booking

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """How a traveler is reached; without a number: not by SMS. It has no representation: none stands in a log."""

    email: str
    phone: str = ""

    def on(self, channel: str) -> str:
        """Give what is written to by a channel; empty: nothing."""
        return self.phone if channel == Channel.SMS else self.email

    def __repr__(self) -> str:
        return "Address(…)"


@dataclass(frozen=True, slots=True)
class GivenContact:
    """What a client says about the traveler of a booking."""

    address: Address
    language: str = ""
    wants_reminders: bool = False


def place_of(hold_key: uuid.UUID) -> str:
    """Name the place that an address is sealed for: it opens for no other booking."""
    return f"contact.sealed {hold_key}"


def contact_of(booking: Booking, given: GivenContact, *, seal: Seal, now: datetime) -> Contact:
    """Make the row of a contact. It is not saved."""
    address = {"email": given.address.email, "phone": given.address.phone}
    return Contact(
        booking=booking,
        sealed=seal.seal(json.dumps(address).encode(), place=place_of(booking.hold_key)),
        **newest_marks(given.address, seal=seal),
        language=given.language,
        wants_reminders=given.wants_reminders,
        erase_at=first_erase_at(booking, now),
        created_at=now,
    )


def marks_of(address: Address, channel: str, *, seal: Seal) -> list[str]:
    """Give what stands for an address, the newest first. Large and small letters are one, as for most servers."""
    return seal.marks(address.on(channel).lower())


def newest_marks(address: Address, *, seal: Seal) -> dict[str, str]:
    """Give the columns of a contact that stand for its address and its number; empty where it has no number."""
    return {
        "address_mark": marks_of(address, Channel.MAIL, seal=seal)[0],
        "phone_mark": marks_of(address, Channel.SMS, seal=seal)[0] if address.phone else "",
    }


def first_erase_at(booking: Booking, now: datetime) -> datetime:
    """Tell when a contact is erased unless something happens to its booking that says it better."""
    unknown = booking.created_at + UNKNOWN_DEPARTURE if booking.status == BookingStatus.BOOKED else now
    last = max(now, booking.expires_at, booking.departure_at or unknown)
    return last + contact_retention()


def open_address(contact: Contact, *, seal: Seal) -> Address:
    """
    Open the address of a contact.

    :raises CannotOpen: if no key of this installation does
    """
    found = json.loads(seal.open(bytes(contact.sealed), place=place_of(contact.booking.hold_key)))
    return Address(found["email"], found["phone"])


@in_transaction("contact.change")
def change_contact(*, booking_id: int, given: GivenContact, actor: Actor, seal: Seal) -> None:
    """
    Write down where the traveler of a booking is reached from now on, in the place of what was there.

    Locks the booking, then its contact. What waits to be sent goes to the new address.

    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    """
    booking, now = lock_booking(booking_id, actor=actor)
    contact = contact_of(booking, given, seal=seal, now=now)
    known = Contact.objects.select_for_update().filter(pk=booking.pk).first()
    if known is None:
        contact.save(force_insert=True)
    else:
        contact.created_at = known.created_at
        contact.erase_at = max(contact.erase_at, known.erase_at)
        contact.save(force_update=True)
    log.info("contact.changed", booking=booking.reference)


@in_transaction("contact.erase")
def erase_contact(*, booking_id: int, actor: Actor) -> bool:
    """
    Forget where the traveler of a booking is reached. False: it was not known.

    Locks the booking, then its messages, then its contact. Nothing that waits is sent; what is being sent ends.

    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    """
    booking, now = lock_booking(booking_id, actor=actor)
    waiting = Message.objects.filter(announcement__booking_id=booking.pk, state=MessageState.PENDING)
    locked = Message.objects.select_for_update().filter(pk__in=list(waiting.values_list("pk", flat=True)))
    messages = list(locked.order_by("pk"))
    contact = Contact.objects.select_for_update().filter(pk=booking.pk).first()
    if contact is None:
        return False
    contact.delete()
    for message in messages:
        if message.state == MessageState.PENDING and message.lease is None:
            leases.write(message, skipped(now, "the contact was erased"))
    log.info("contact.erased", booking=booking.reference)
    return True


def skipped(now: datetime, why: str) -> leases.Columns:
    """Say that a message is not sent, and why."""
    return {"state": MessageState.SKIPPED, "ended_at": now, **leases.over(why)}
