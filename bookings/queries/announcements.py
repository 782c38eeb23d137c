"""What there is to tell others about, and what they were told: short ranges of indexes."""

from datetime import datetime

from django.db.models import F

from bookings.conf import ANNOUNCEMENTS_AT_ONCE
from bookings.models import Booking, BookingEvent
from bookings.models.bookings.booking_event import IS_NEWS


def due_bookings(now: datetime, most: int = ANNOUNCEMENTS_AT_ONCE) -> list[int]:
    """Find bookings about which there is something to tell, those that have waited longest, by ascending id."""
    due = Booking.objects.filter(announce_at__lte=now).order_by("announce_at")
    return sorted(due.values_list("pk", flat=True)[:most])


def waiting_since() -> datetime | None:
    """Since when, or until when, the first of them waits; None if there is none. One step into an index."""
    flagged = Booking.objects.filter(announce_at__isnull=False).order_by("announce_at")
    return flagged.values_list("announce_at", flat=True).first()


def is_news_due(now: datetime) -> bool:
    """Tell whether there is something to tell now."""
    since = waiting_since()
    return since is not None and since <= now


def untold_bookings(*, since: datetime, most: int, only: int | None = None) -> list[int]:
    """
    Find bookings that something is to be told about since then, and that are not flagged: by their events, or held.

    :param only: look at this booking alone
    """
    bookings = Booking.objects.filter(announce_at=None, created_at__gte=since, held_at__isnull=False, announced=0)
    events = BookingEvent.objects.filter(
        IS_NEWS, created_at__gte=since, booking__announce_at=None, pk__gt=F("booking__announced_event_id")
    )
    if only is not None:
        bookings, events = bookings.filter(pk=only), events.filter(booking_id=only)
    held = bookings.values_list("pk", flat=True)[:most]
    moved = events.values_list("booking_id", flat=True)[:most]
    return [*held, *moved]


def flagged_beyond_window(now: datetime, *, most: int) -> list[int]:
    """Find bookings whose flag is beyond the end of their payment window; `now` is a little ahead itself."""
    ahead = Booking.objects.filter(announce_at__gt=now).exclude(announce_at__lte=F("expires_at"))
    return list(ahead.values_list("pk", flat=True)[:most])
