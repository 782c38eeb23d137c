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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from bookings.actor import Actor, Cause
from bookings.conf import contact_retention
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import UserMismatch
from bookings.lifecycle import BookingStatus
from bookings.models import Booking, Contact, Message
from bookings.models.bookings.booking_event import EventKind
from bookings.models.messages import Channel, MessageState
from bookings.services.messages.outgoing import ended
from bookings.services.messages.rules import UNKNOWN_DEPARTURE
from bookings.services.shared import leases
from bookings.services.shared.sealing import Seal
from bookings.services.shared.transitions import lock_booking, note_event
from bookings.text.mail_addresses import normal

log = structlog.get_logger(__name__)

# Contacts of a user that one transaction forgets: so many bookings are locked for a moment.
ERASED_AT_ONCE = 100

# Bookings of an address that staff are shown: what a page of a list shows.
MOST_FOUND = 100


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


def with_contact(email: str, *, seal: Seal) -> list[Booking]:
    """
    Find the newest bookings whose traveler is reached at an address, by its mark: nothing is opened.

    None for what is no address, or where there is no key.
    """
    try:
        marks = marks_of(Address(normal(email.strip())), Channel.MAIL, seal=seal)
    except ValueError:
        return []
    known = Contact.objects.filter(address_mark__in=marks).order_by("-pk").values_list("pk", flat=True)
    return list(Booking.objects.filter(pk__in=list(known[:MOST_FOUND])).order_by("-pk"))


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
def erase_contact(*, booking_id: int, actor: Actor, why: str = "") -> bool:
    """
    Forget where the traveler of a booking is reached, and keep on record who wanted that. False: it was not known.

    Locks the booking, then its messages, then its contact. Nothing that waits is sent; what is being sent ends.

    :param why: what staff say of it
    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    """
    booking, now = lock_booking(booking_id, actor=actor)
    return bool(_erase([booking], Cause(actor, note=why), now=now))


def erase_contacts_of(*, user_id: int, actor: Actor) -> int:
    """
    Forget where the travelers of all bookings of a user are reached; return of how many it was known.

    In steps, each of them safe to run again: one that is interrupted is ended by asking once more.

    :raises UserMismatch: if the actor is another user
    """
    if actor.user_id not in (None, user_id):
        raise UserMismatch("The token is another user's.")
    erased, last = 0, 0
    known = Contact.objects.filter(booking__user_id=user_id).order_by("pk").values_list("pk", flat=True)
    while ids := list(known.filter(pk__gt=last)[:ERASED_AT_ONCE]):
        erased += _erase_some(ids, actor=actor)
        last = ids[-1]
    log.info("contacts.erased", outcome=f"{erased} contacts")
    return erased


@in_transaction("contact.erase_all")
def _erase_some(booking_ids: Sequence[int], *, actor: Actor) -> int:
    """Locks as `erase_contact` does, the bookings by ascending id."""
    bookings = list(Booking.objects.select_for_update().filter(pk__in=booking_ids).order_by("pk"))
    return _erase(bookings, Cause(actor), now=database_time())


def _erase(bookings: Sequence[Booking], cause: Cause, *, now: datetime) -> int:
    """Forget the contacts of locked bookings, with an event for each that there was; skip what waits for them."""
    ids = [booking.pk for booking in bookings]
    waiting = Message.objects.filter(announcement__booking_id__in=ids, state=MessageState.PENDING)
    locked = Message.objects.select_for_update().filter(pk__in=list(waiting.values_list("pk", flat=True)))
    messages = list(locked.order_by("pk"))
    contacts = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).delete()
    for message in messages:
        if message.state == MessageState.PENDING and message.lease is None:
            leases.write(message, ended(MessageState.SKIPPED, now, "the contact was erased"))
    known = {contact.pk for contact in contacts}
    for booking in bookings:
        if booking.pk in known:
            note_event(booking, EventKind.CONTACT_ERASED, cause, now=now)
            log.info("contact.erased", booking=booking.reference)
    return len(known)
