"""Have a message sent to a traveler once more, by staff who are asked for it."""

from collections.abc import Mapping
from datetime import datetime

from bookings.actor import Actor, Cause
from bookings.conf import sends_mail, sends_sms
from bookings.db.transactions import in_transaction
from bookings.errors import MessageNotFound, NotSentOnceMore
from bookings.models import Announcement, Booking, Contact, Message
from bookings.models.bookings.booking_event import EventKind
from bookings.models.messages import Channel, MessageState
from bookings.queries.messages import is_suppressed
from bookings.services.messages.contacts import marks_of, open_address
from bookings.services.messages.rules import MOST_REPEATS, is_still_so, worthless_from
from bookings.services.shared import leases
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.sealing import CannotOpen, Seal
from bookings.services.shared.staff_actions import begin_staff_action
from bookings.services.shared.transitions import lock_booking, note_event


def send_once_more(*, booking_id: int, message_id: int, actor: Actor, why: str, action_key: str, seal: Seal) -> None:
    """
    Have a message sent to the traveler of a booking once more, under a Message-ID of its own: it is to arrive.

    The same page sent again sends nothing more. What is not so any more is not sent, nor is more than an address is
    sent in a day: the claim looks at both, as for each message.

    :raises BookingNotFound: if there is no such booking
    :raises MessageNotFound: if there is no such message about it
    :raises NotSentOnceMore: if it would reach no one, or tell what is not so; it says what is in the way
    """
    try:
        _again_once(booking_id, message_id, actor, why, action_key, seal)
    except KeyTaken:
        return


@in_transaction("message.again")
def _again_once(booking_id: int, message_id: int, actor: Actor, why: str, action_key: str, seal: Seal) -> None:
    """Locks the booking, then its contact: who erases that waits for this, and skips what is written here."""
    begin_staff_action("send message", key=action_key, actor=actor, row_id=message_id)
    booking, now = lock_booking(booking_id, actor=actor)
    message = Message.objects.filter(pk=message_id, announcement__booking_id=booking.pk).first()
    if message is None:
        raise MessageNotFound
    announcement = Announcement.objects.get(pk=message.announcement_id)
    announcement.booking = booking
    same = Message.objects.filter(announcement=announcement, channel=message.channel)
    states = dict(same.values_list("repeat", "state"))
    _check(announcement, message.channel, states, now)
    _check_address(booking, message.channel, seal, now)
    Message(
        announcement=announcement,
        channel=message.channel,
        repeat=max(states) + 1,
        worthless_at=worthless_from(announcement, now),
        created_at=now,
        **leases.not_sent_yet(now),
    ).save(force_insert=True)
    note_event(booking, EventKind.MESSAGE_REPEATED, Cause(actor, note=why), now=now)


def _check(announcement: Announcement, channel: str, states: Mapping[int, str], now: datetime) -> None:
    """
    Look whether there is something to send once more.

    :param states: of the first message and of each that repeated it, by their numbers
    :raises NotSentOnceMore: if there is not
    """
    if not (sends_sms() if channel == Channel.SMS else sends_mail()):
        raise NotSentOnceMore("Nothing is sent here in this way.")
    if not is_still_so(announcement) or now >= worthless_from(announcement, now):
        raise NotSentOnceMore("What it says is not so any more.")
    if MessageState.PENDING in states.values():
        raise NotSentOnceMore("It waits to be sent already.")
    if sum(number > 0 for number in states) >= MOST_REPEATS:
        raise NotSentOnceMore(f"It was sent once more {MOST_REPEATS} times already.")


def _check_address(booking: Booking, channel: str, seal: Seal, now: datetime) -> None:
    """:raises NotSentOnceMore: if there is no address, or none that takes anything"""
    contact = Contact.objects.select_for_update().filter(pk=booking.pk).first()
    if contact is None:
        raise NotSentOnceMore("No contact is kept of this booking.")
    contact.booking = booking
    try:
        address = open_address(contact, seal=seal)
    except CannotOpen:
        raise NotSentOnceMore("No key of this installation opens the address.") from None
    if not address.on(channel):
        raise NotSentOnceMore("The contact has no number any more.")
    if is_suppressed(marks_of(address, channel, seal=seal), channel, now):
        raise NotSentOnceMore("The address takes nothing: it was refused within 30 days, or its owner has said STOP.")
