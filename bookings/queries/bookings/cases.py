"""Which bookings staff work on, and who does."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from bookings.models import Booking, BookingCase


def open_cases() -> QuerySet[BookingCase]:
    """All cases that are not closed."""
    return BookingCase.objects.filter(closed_at=None)


def of_owner(owner: str) -> Q:
    """What a booking must be to be an open case of this member of staff; where it is empty, a free one."""
    return Q(pk__in=open_cases().filter(owner=owner).values("booking_id"))


def is_due(now: datetime) -> Q:
    """What a booking must be to be an open case that is to be looked at today, or was before."""
    return Q(pk__in=open_cases().filter(follow_up_on__lte=now.astimezone(UTC).date()).values("booking_id"))


def cases_among(bookings: Iterable[Booking]) -> dict[int, BookingCase]:
    """The open cases among these bookings, by their ids. One statement."""
    return {case.booking_id: case for case in open_cases().filter(pk__in=[booking.pk for booking in bookings])}
