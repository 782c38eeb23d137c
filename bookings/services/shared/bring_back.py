"""Put a booking of the archive back into its tables."""

from collections import Counter

import structlog
from django.db.models import F

from bookings.actor import Actor, Cause
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import BookingNotFound
from bookings.models import ArchivedBooking, Booking, BulkCancel, SeatCall, SeatCallEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.queries.bookings.history import rows_in, unpacked
from bookings.services.shared.transitions import note_event
from bookings.text.references import reference_in

log = structlog.get_logger(__name__)


def bring_back(*, reference: str, actor: Actor) -> Booking:
    """
    Put a booking of the archive back as it was. It counts as changed now, and so stays for KEEP_MONTHS once more.

    :raises BookingNotFound: if there is no such booking in the archive
    """
    booking = _bring_back(reference_in(reference), actor)
    log.info("booking.brought_back", booking=booking.reference, by=actor.name)
    return booking


@in_transaction("booking.bring_back")
def _bring_back(reference: str, actor: Actor) -> Booking:
    """Insert the rows of a booking again, and delete that of the archive. Locks that one, then its release."""
    archived = ArchivedBooking.objects.select_for_update().filter(reference=reference).first()
    if archived is None:
        raise BookingNotFound
    now, history = database_time(), unpacked(archived.history)
    booking = history.booking
    booking.updated_at, booking.version = now, booking.version + 1
    ArchivedBooking.objects.filter(pk=archived.pk).delete()
    there = SeatCall.objects.select_for_update().filter(pk=booking.give_back_id or 0)
    if not there.exists():
        SeatCall.objects.bulk_create(history.calls)
        SeatCallEvent.objects.bulk_create(history.call_events)
    Booking.objects.bulk_create([booking])
    for part, rows in rows_in(history):
        if part not in ("calls", "call_events"):
            type(rows[0])._default_manager.bulk_create(rows)
    for bulk_id, count in sorted(Counter(row.bulk_id for row in history.bulk_rows).items()):
        BulkCancel.objects.filter(pk=bulk_id).update(archived=F("archived") - count)
    note_event(booking, EventKind.NOTED, Cause(actor, note="Brought back from the archive."), now=now)
    return booking
