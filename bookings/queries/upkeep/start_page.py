"""The numbers of the start page: what happened today."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from bookings.lifecycle import STAFF_REASONS, CancelReason
from bookings.models import Booking, BookingEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.queries.bookings.selection import midnight


@dataclass(frozen=True, slots=True)
class Today:
    """How many bookings were made, were paid, expired, and were cancelled by people, since midnight UTC."""

    made: int
    paid: int
    expired: int
    cancelled: int


def today(now: datetime) -> Today:
    """Count the bookings of this day, on two indexes alone."""
    since = midnight(now)
    moves = BookingEvent.objects.filter(
        what__in=[EventKind.BOOKED, EventKind.CANCELLED], created_at__gte=since
    ).aggregate(
        paid=Count("pk", filter=Q(what=EventKind.BOOKED)),
        expired=Count("pk", filter=Q(reason=CancelReason.EXPIRED)),
        by_people=Count("pk", filter=Q(reason__in=STAFF_REASONS)),
    )
    return Today(
        made=Booking.objects.filter(created_at__gte=since).count(),
        paid=moves["paid"],
        expired=moves["expired"],
        cancelled=moves["by_people"],
    )
