"""
How an announcement tells what happened to a booking: the same words for all who are told, now and a month later. Pure.

What a client keeps with its booking is left out: it may be of any kind, and half the size of a body.
"""

from typing import Any

from bookings.answers.rendering import booking_as_json, iso
from bookings.models import Announcement
from bookings.queries.announced import shown_then

# The date of the last change of the form that not every reader can read. New fields do not change it.
VERSION = "2026-12-01"

# What a customer may do depends on when it is read; which seats there will be, on an answer that has not come.
LEFT_OUT = ("metadata", "availableActions", "seatChange")


def announcement_as_json(announcement: Announcement) -> dict[str, Any]:
    """Show an announcement as it is sent and as it is listed: what happened, and the booking as it was then."""
    booking = booking_as_json(shown_then(announcement), now=announcement.occurred_at)
    return {
        "id": announcement.key,
        "type": str(announcement.type),
        "version": VERSION,
        "timestamp": iso(announcement.occurred_at),
        "sequence": announcement.sequence,
        "data": {
            "booking": {name: value for name, value in booking.items() if name not in LEFT_OUT},
            "change": announcement.facts["change"],
        },
    }
