"""Writes a message for each traveler who is told of an announcement, in the transaction that writes these."""

from collections.abc import Sequence
from datetime import datetime

from bookings.conf import contact_retention, sends_mail, sends_sms
from bookings.lifecycle import News
from bookings.models import Announcement, Contact, Message
from bookings.models.messages import Channel
from bookings.services.messages.rules import HOLD_WAITS, channels_for, erase_at, worthless_at
from bookings.services.shared import leases


def fan_out(announcements: Sequence[Announcement], now: datetime) -> None:
    """
    Write what travelers are to be told, and when their contacts are to be erased. A reminder is for who wants one.

    Locks those contacts whose end is known now: their bookings are locked by the announcer.
    """
    if not sends_mail():
        return
    bookings = {announcement.booking_id for announcement in announcements}
    contacts = Contact.objects.filter(pk__in=bookings).only("wants_reminders", "phone_mark", "erase_at").in_bulk()
    told = [each for each in announcements if each.booking_id in contacts]
    Message.objects.bulk_create(
        _message(each, channel, now) for each in told for channel in _channels(each, contacts[each.booking_id])
    )
    for announcement in sorted(told, key=lambda each: (each.booking_id, each.sequence)):
        erased = erase_at(announcement, kept=contact_retention())
        if erased is not None:
            Contact.objects.filter(pk=announcement.booking_id).update(erase_at=erased)


def _channels(announcement: Announcement, contact: Contact) -> list[Channel]:
    by_sms = bool(contact.phone_mark) and sends_sms()
    return channels_for(announcement, by_sms=by_sms, reminds=contact.wants_reminders)


def _message(announcement: Announcement, channel: Channel, now: datetime) -> Message:
    waits = HOLD_WAITS if announcement.type == News.HELD else HOLD_WAITS * 0
    columns = {**leases.not_sent_yet(now), "next_at": now + waits}
    until = worthless_at(announcement)
    return Message(announcement=announcement, channel=channel, worthless_at=until, created_at=now, **columns)
