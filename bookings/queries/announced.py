"""
A booking as it was when something happened to it: what an announcement keeps of it, and what it shows by that.

What of a booking changes in time is in the `facts` of the announcement. The rest never changes, and is in its row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bookings.models import Announcement, Booking
from bookings.queries.bookings.shown import ShownBooking

CHANGING = (
    *("status", "seat_numbers", "cancel_reason", "payment_state", "active_payment_id", "refund_amount"),
    *("created_at", "updated_at", "expires_at", "cancelled_at", "payment_at", "refund_at"),
)
"""The columns of a booking that change in time, as far as others are shown them."""

MOMENTS = frozenset(name for name in CHANGING if name.endswith("_at"))


def shown_now(booking: Booking, *, at: datetime) -> ShownBooking:
    """Give the columns of a booking that clients see, as they are at a time."""
    values = {name: getattr(booking, name) for name in ShownBooking._fields if name != "read_at"}
    return ShownBooking(**values, read_at=at)


def facts_of(shown: ShownBooking, change: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an announcement keeps: of a booking as it was, and of what changed it."""
    values = {name: getattr(shown, name) for name in CHANGING}
    stored = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    return {"booking": stored, "change": dict(change)}


def shown_then(announcement: Announcement) -> ShownBooking:
    """Give the columns of a booking as they were when what is announced happened. Its row has been read with it."""
    known = announcement.facts["booking"]
    then: Mapping[str, Any] = {
        name: datetime.fromisoformat(known[name]) if name in MOMENTS and known[name] else known[name]
        for name in CHANGING
    }
    return shown_now(announcement.booking, at=announcement.occurred_at)._replace(**then)
