"""When a message is sent, again or not at all. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from bookings.lifecycle import BookingStatus, CancelReason, News
from bookings.models import Announcement
from bookings.models.messages import Channel
from bookings.queries.announced import shown_then

# For all of a conversation with a mail server: some let strangers wait for ten seconds on purpose.
SEND_SECONDS: Mapping[str, float] = MappingProxyType({Channel.MAIL: 20.0, Channel.SMS: 8.0})

# A task begins nothing new after this, and ends within the time of a pass.
BEGINS_FOR_SECONDS = 15.0

# No SMS is begun after this: what is left is for mails.
SMS_BEGINS_FOR_SECONDS = 5.0

# Who sends a message has it for so long. One that dies may have sent it, so this is the pause of a repeat too.
LEASE = timedelta(minutes=5)

# The first mail of unknown outcome is repeated once, as its server may have lost it; the second one stands. Mail
# programs show the two as one. An SMS has no such id, costs money and wakes people: it is never repeated.
MOST_UNKNOWNS: Mapping[str, int] = MappingProxyType({Channel.MAIL: 2, Channel.SMS: 1})

# A mail server that is restarted is back within the first two, one that puts strangers off within the third.
PAUSES = (
    *(timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1), timedelta(hours=3)),
)

# Many pay within seconds of their hold: then there is one mail in the place of two.
HOLD_WAITS = timedelta(seconds=5)

# Strangers' bookings must not fill anyone's mailbox or telephone.
MOST_IN_A_DAY = 20

# That staff may ask for, of one message: a traveler who has not got the third mail does not get a fourth.
MOST_REPEATS = 3

# An address that its server does not know may exist a month later.
SUPPRESSED_FOR = timedelta(days=30)

# Who has paid flies within a year, if it is not known when.
UNKNOWN_DEPARTURE = timedelta(days=365)

# Where no time of the booking ends its use.
WORTH_FOR: Mapping[str, timedelta] = MappingProxyType(
    {
        News.PAID: timedelta(days=3),
        News.EXPIRED: timedelta(days=1),
        News.CANCELLED: timedelta(days=3),
        News.REFUNDED: timedelta(days=7),
    }
)

# What is told only while it can be paid for.
ABOUT_PAYING = (News.HELD, News.EXPIRING, News.PAYMENT_FAILED)


def channels_for(announcement: Announcement, *, by_sms: bool, reminds: bool) -> list[Channel]:
    """Choose how a traveler is told: by mail, and by SMS of what must be known at once, if that is wanted."""
    if announcement.type == News.EXPIRING and not reminds:
        return []
    return [Channel.MAIL, Channel.SMS] if by_sms and is_urgent(announcement) else [Channel.MAIL]


def is_urgent(announcement: Announcement) -> bool:
    """Tell whether something is worth an SMS."""
    if announcement.type == News.CANCELLED:
        return shown_then(announcement).cancel_reason == CancelReason.FLIGHT_CANCELLED
    return announcement.type in (News.PAID, News.EXPIRING)


def worthless_at(announcement: Announcement) -> datetime:
    """Tell from when on a message is of no use."""
    if announcement.type in ABOUT_PAYING:
        return announcement.booking.expires_at
    return announcement.occurred_at + WORTH_FOR[announcement.type]


def worthless_from(announcement: Announcement, wanted_at: datetime) -> datetime:
    """Tell from when on a message is of no use that staff want to be sent at some time, however old its news."""
    if announcement.type in ABOUT_PAYING:
        return announcement.booking.expires_at
    return wanted_at + WORTH_FOR[announcement.type]


def is_still_so(announcement: Announcement) -> bool:
    """Tell whether what a message says is true of its booking, which was read just now."""
    booking = announcement.booking
    if announcement.type in ABOUT_PAYING:
        return booking.status == BookingStatus.INITIATED and booking.active_payment_id is None
    if announcement.type == News.PAID:
        return booking.status == BookingStatus.BOOKED
    return True


def next_pause(claims: int) -> timedelta:
    """Choose the pause after so many sendings."""
    return PAUSES[min(max(claims, 1), len(PAUSES)) - 1]


def erase_at(announcement: Announcement, *, kept: timedelta) -> datetime | None:
    """
    Tell when the contact of a booking is erased after this news; None: it stays as it was.

    :param kept: how long after its end, or after its departure
    """
    if announcement.type == News.PAID:
        departure: datetime | None = announcement.booking.departure_at
        return (departure or announcement.occurred_at + UNKNOWN_DEPARTURE) + kept
    if announcement.type in (News.EXPIRED, News.CANCELLED):
        return announcement.occurred_at + kept
    # Of a part of what was paid: the booking goes on, and its traveler is to be reached.
    if announcement.type == News.REFUNDED and announcement.booking.status != BookingStatus.BOOKED:
        return announcement.occurred_at + kept
    return None
