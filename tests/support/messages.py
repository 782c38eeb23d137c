"""Announcements to tell travelers, without a database."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bookings.lifecycle import News
from bookings.models import Announcement, Booking
from bookings.queries.announced import facts_of, shown_now

HAPPENED_AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
DEPARTS_AT = datetime(2026, 7, 14, 12, 55, tzinfo=UTC)
ARRIVES_AT = datetime(2026, 7, 14, 21, 55, tzinfo=UTC)


def a_told(
    news: News, *, before: str | None = None, amount: int = 0, sequence: int = 2, **columns: Any
) -> Announcement:
    """Make an announcement of a booking from Delhi to London with these columns. It is not saved."""
    usual = {
        "id": 1,
        "reference": "ABCD1234",
        "user_id": 1,
        "flight_id": 7,
        "no_of_seats": 2,
        "seat_price": 611000,
        "total_cost": 1222000,
        "currency": "INR",
        "flight_number": "AI101",
        "departure_airport": "DEL",
        "arrival_airport": "LHR",
        "departure_at": DEPARTS_AT,
        "arrival_at": ARRIVES_AT,
        "status": "initiated",
        "created_at": HAPPENED_AT,
        "updated_at": HAPPENED_AT,
        "expires_at": datetime(2026, 7, 1, 9, 15, tzinfo=UTC),
        "hold_key": UUID(int=1),
    }
    booking = Booking(**{**usual, **columns})
    change = {"from": before, "to": booking.status, "why": None, "by": "customer"}
    return Announcement(
        key="evt_1",
        booking=booking,
        sequence=sequence,
        type=news,
        occurred_at=HAPPENED_AT,
        facts=facts_of(shown_now(booking, at=HAPPENED_AT), change | ({"amount": amount} if amount else {})),
        created_at=HAPPENED_AT,
    )
