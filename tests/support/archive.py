"""Bookings that ended long ago, and what they leave behind."""

from datetime import timedelta
from typing import Any

from django.db.models import F

from bookings.deadline import Deadline
from bookings.models import (
    Announcement,
    Booking,
    BookingCase,
    BookingEvent,
    BookingSeat,
    BulkCancelRow,
    Dispute,
    Payment,
    Refund,
    SeatCall,
    SeatCallEvent,
    SeatExchange,
)
from bookings.services.bookings.archive import archive_bookings
from tests.support.bookings import let_time_pass, one_pass

# All that leaves with a booking.
TABLES = (
    BookingSeat,
    SeatExchange,
    *(Booking, BookingCase, BookingEvent, BulkCancelRow, Payment, Refund, Dispute),
    *(SeatCall, SeatCallEvent),
)


def long_ago(flights: Any, payments: Any, *, days: int = 800) -> None:
    """Let everything be told and given back, and then so much time pass that all of it is old."""
    one_pass(flights, payments)
    one_pass(flights, payments)
    let_time_pass(days=days)
    # The stand-in's flights leave years from now.
    flown = F("created_at") + timedelta(days=30)
    Booking.objects.exclude(departure_at=None).update(departure_at=flown, arrival_at=flown)
    Announcement.objects.all().delete()


def archive_all() -> int:
    """Move all that may leave, from the front on."""
    return archive_bookings(deadline=Deadline(60), at_once=True)


def rows_of(*models: Any) -> dict[str, list[dict[str, Any]]]:
    """All rows of these tables, or of all that leave with a booking, as the database has them."""
    return {model._meta.db_table: list(model._default_manager.order_by("pk").values()) for model in models or TABLES}
