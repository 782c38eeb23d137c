"""Has the news told, and reads what others are told."""

from typing import Any

from bookings.answers.announcements import announcement_as_json
from bookings.deadline import Deadline
from bookings.models import Announcement, Booking
from bookings.services.announcements.announce import announce_news


def announce() -> int:
    """Do the announcer's work; give of how many bookings it has looked at each."""
    return announce_news(deadline=Deadline(20))


def told_of(booking: Booking) -> list[dict[str, Any]]:
    """Give what others are told of a booking, as they read it, in its order."""
    rows = Announcement.objects.filter(booking_id=booking.pk).select_related("booking").order_by("sequence")
    return [announcement_as_json(each) for each in rows]


def types_of(booking: Booking) -> list[str]:
    """Give the types of these, without the word that all begin with; it is seen that none is missing."""
    told = told_of(booking)
    assert [each["sequence"] for each in told] == list(range(1, len(told) + 1))
    return [each["type"].removeprefix("booking.") for each in told]
