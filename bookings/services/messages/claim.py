"""Lease a message, if there is still a reason to send it, and record how its sending ended."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from bookings.answers.messages import language_for
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import Announcement, Contact, Message
from bookings.ports.messages import MessageOutcome
from bookings.queries.messages import is_suppressed, sent_in_a_day
from bookings.services.messages.contacts import marks_of, open_address
from bookings.services.messages.outgoing import TAKES_NOTHING, lease_or_end, write_outcome
from bookings.services.messages.rules import MOST_IN_A_DAY, is_still_so
from bookings.services.shared.sealing import Seal


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may send, to whom, and in which language."""

    message_id: int
    channel: str
    # The same for each sending.
    key: str
    lease: UUID
    announcement: Announcement
    # An address of mail, or a number.
    to: str = field(repr=False)
    # The newest first.
    marks: tuple[str, ...]
    language: str


@in_transaction("message.claim")
def claim_message(message_id: int, *, lease: UUID, seal: Seal) -> Claimed | None:
    """
    Lease a message that is due. None: another process has it, or it is not sent any more, and then its row says why.

    Locks the message, then the contact: once a contact is erased no sending begins. The booking is looked at as it is
    now. A lease that is over means that its holder may have sent it.
    """
    message = Message.objects.select_for_update(skip_locked=True).filter(pk=message_id).first()
    if message is None:
        return None
    # By its key alone: a join would lock the booking and the announcement as well.
    contact = Contact.objects.select_for_update().filter(pk=message.announcement.booking_id).first()
    now = database_time()
    return lease_or_end(
        message,
        lease=lease,
        now=now,
        opened=lambda: _claimed(message, contact, seal, lease=lease),
        why_not=lambda claimed: _why_not(message, claimed, now),
    )


def _why_not(message: Message, claimed: Claimed | None, now: datetime) -> str:
    """Tell why a message is not sent that could be; empty: it is."""
    if claimed is None:
        return "there is no such contact"
    if not is_still_so(claimed.announcement):
        return "no longer so"
    if is_suppressed(claimed.marks, message.channel, now):
        return TAKES_NOTHING
    if sent_in_a_day(claimed.marks, message.channel, now, besides=message.pk) >= MOST_IN_A_DAY:
        return f"the address was sent {MOST_IN_A_DAY} in a day"
    return ""


def _claimed(message: Message, contact: Contact | None, seal: Seal, *, lease: UUID) -> Claimed | None:
    if contact is None:
        return None
    address = open_address(contact, seal=seal)
    if not address.on(message.channel):
        return None
    announcement = Announcement.objects.select_related("booking").get(pk=message.announcement_id)
    message.announcement = announcement
    marks, language = tuple(marks_of(address, message.channel, seal=seal)), language_for(contact.language)
    to, key = address.on(message.channel), message.message_key
    return Claimed(message.pk, message.channel, key, lease, announcement, to, marks, language)


@in_transaction("message.record")
def record(claimed: Claimed, outcome: MessageOutcome) -> None:
    """
    Write down how a sending ended. That it was taken over counts under whichever lease, the rest under its own alone.

    Locks the message, then the row of a suppressed address.
    """
    message = Message.objects.select_for_update().get(pk=claimed.message_id)
    write_outcome(message, outcome, lease=claimed.lease, marks=claimed.marks)
