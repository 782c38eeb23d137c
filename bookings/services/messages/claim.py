"""Lease a message, if there is still a reason to send it, and record how its sending ended."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from bookings.answers.messages import language_for
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import Announcement, Contact, Message, Report, SuppressedAddress
from bookings.models.messages import MessageState
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import MessageOutcome, Refused, Sent
from bookings.queries.messages import is_suppressed, sent_in_a_day
from bookings.services.messages.contacts import marks_of, open_address
from bookings.services.messages.rules import (
    LEASE,
    MOST_IN_A_DAY,
    MOST_UNKNOWNS,
    SUPPRESSED_FOR,
    is_still_so,
    next_pause,
)
from bookings.services.shared import leases
from bookings.services.shared.sealing import CannotOpen, Seal

log = structlog.get_logger(__name__)

LOST = "what sent it has died, or the answer was lost"


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
    if message is None or message.next_at is None:
        return None
    # By its key alone: a join would lock the booking and the announcement as well.
    contact = Contact.objects.select_for_update().filter(pk=message.announcement.booking_id).first()
    now = database_time()
    is_mine = message.lease == lease  # the COMMIT of the run before this one was lost
    if not is_mine and message.next_at > now:
        return None
    unknowns = message.unknowns + (message.lease is not None and not is_mine)
    try:
        claimed = _claimed(message, contact, seal, lease=lease)
    except CannotOpen:
        log.exception("message.address_not_opened", item=f"message {message_id}")
        leases.write(message, {"lease": None, "unknowns": unknowns, "next_at": now + LEASE})
        return None
    if is_mine:
        return claimed
    message.unknowns = unknowns
    if (end := _end_of(message, claimed, now)) is not None:
        leases.write(message, {"unknowns": unknowns, **end})
        return None
    leases.write(message, {"unknowns": unknowns, **leases.leased(lease, now, before=message, term=LEASE)})
    return claimed


def _end_of(message: Message, claimed: Claimed | None, now: datetime) -> dict[str, Any] | None:
    """Tell how a message ends that is not sent; None: it is."""
    if message.unknowns >= MOST_UNKNOWNS[message.channel]:
        return ended(MessageState.UNKNOWN, now, LOST)
    if now >= message.worthless_at:
        return ended(MessageState.LAPSED, now, message.last_error or "too late")
    if claimed is None:
        return ended(MessageState.SKIPPED, now, "there is no such contact")
    if not is_still_so(claimed.announcement):
        return ended(MessageState.SKIPPED, now, "no longer so")
    if is_suppressed(claimed.marks, message.channel, now):
        return ended(MessageState.SKIPPED, now, "the address takes nothing")
    if sent_in_a_day(claimed.marks, message.channel, now, besides=message.pk) >= MOST_IN_A_DAY:
        return ended(MessageState.SKIPPED, now, f"the address was sent {MOST_IN_A_DAY} in a day")
    return None


def ended(state: MessageState, now: datetime, why: str = "") -> dict[str, Any]:
    """Say that nothing is left to do for a message, how it ended, and why."""
    return {"state": state, "ended_at": now, **leases.over(why)}


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
    now = database_time()
    if isinstance(outcome, Sent):
        if message.state in (MessageState.PENDING, MessageState.UNKNOWN):
            leases.write(message, {"receipt": outcome.receipt, **ended(MessageState.SENT, now)})
        return
    if message.lease != claimed.lease:
        return
    leases.write(message, after(message, outcome, now))
    if isinstance(outcome, Refused):
        SuppressedAddress.objects.update_or_create(
            address_mark=claimed.marks[0],
            channel=message.channel,
            defaults={"why": outcome.why[:200], "until": None if outcome.is_for_good else now + SUPPRESSED_FOR},
        )


def after(message: Message | Report, outcome: Refused | Mistake | NotSent | Unknown, now: datetime) -> dict[str, Any]:
    """Tell what becomes of a message that was not taken over, as far as is known."""
    if isinstance(outcome, Refused | Mistake):
        return ended(MessageState.REFUSED, now, outcome.why)
    later = {"lease": None, "last_error": outcome.why[:200]}
    if isinstance(outcome, NotSent):
        return {**later, "next_at": now + next_pause(message.claims)}
    unknowns = message.unknowns + 1
    if unknowns >= MOST_UNKNOWNS[message.channel]:
        return {"unknowns": unknowns, **ended(MessageState.UNKNOWN, now, outcome.why)}
    return {**later, "unknowns": unknowns, "next_at": now + LEASE}
