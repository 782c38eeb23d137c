"""What the back office shows of one booking of the archive."""

from dataclasses import dataclass, replace

from django.db.models.functions import Now

from bookings.models import ArchivedBooking
from bookings.models.bookings.booking_event import EventKind
from bookings.queries.bookings.history import History, unpacked
from bookings.queries.bookings.page import BookingPage, links_of
from bookings.queries.bookings.timeline import whole_timeline


@dataclass(frozen=True, slots=True)
class ArchivedPage:
    """One booking of the archive, and what the back office shows of it."""

    archived: ArchivedBooking
    history: History
    page: BookingPage


def archived_page(booking_id: int) -> ArchivedPage | None:
    """Read a booking of the archive with all that belonged to it; None if there is no such one."""
    archived = ArchivedBooking.objects.annotate(read_at=Now()).filter(pk=booking_id).first()
    if archived is None:
        return None
    history = unpacked(archived.history)
    history.booking.contact_until = None  # type: ignore[attr-defined]  # as `booking_page` reads it
    lines = whole_timeline(
        history.booking,
        events=history.events,
        payments=history.payments,
        refunds=history.refunds,
        decisions=history.call_events,
    )
    page = BookingPage(
        booking=history.booking,
        now=archived.read_at,
        payments=history.payments,
        refunds=history.refunds,
        # Without links to calls, which may have left as well.
        timeline=[replace(line, call=None) for line in lines],
        notes=[event for event in history.events if event.what == EventKind.NOTED],
        last_case=next(iter(history.case), None),
        links=links_of(history.booking),
    )
    return ArchivedPage(archived, history, page)
