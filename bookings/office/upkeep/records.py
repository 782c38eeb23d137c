"""The records behind the bookings, each with its own rows: read, never changed."""

import functools

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bookings.models import Booking, BookingEvent, Reconciliation
from bookings.models.access.idempotency import RecordState
from bookings.office.base import RecordAdmin, column
from bookings.office.tags import moment, word_of
from bookings.office.upkeep.open_work import waits_for


def booking_link(booking: Booking) -> SafeString:
    """A booking by its reference, to click."""
    address = reverse("admin:bookings_booking_change", args=[booking.pk])
    return format_html('<a href="{}">{}</a>', address, booking.reference)


def in_words(kind: str) -> functools.partial[str]:
    """Shows a column's word as people say it."""
    return functools.partial(word_of, kind=kind)


@admin.display(description=_("Who"))
def who(event: BookingEvent) -> str:
    """Of what kind who did it is, and its name."""
    return f"{word_of(event.actor_kind, 'who')} {event.actor_name}"


class BookingEventAdmin(RecordAdmin):
    list_display = [
        column("created_at", _("When"), moment),
        column("booking", _("Booking"), booking_link),
        column("what", _("What"), in_words("event")),
        who,
        column("reason", _("Reason"), in_words("reason")),
        column("note", _("Note")),
        column("request_id", _("Request")),
    ]
    list_select_related = ["booking"]
    ordering = ["-pk"]


RECORD_STATE = {RecordState.RUNNING: _("not decided"), RecordState.DONE: _("answered")}


class IdempotencyRecordAdmin(RecordAdmin):
    """Without the answer itself: it has a booking in it, whose page is the place to read that."""

    list_display = [
        column("id", _("Number")),
        column("endpoint", _("Request to")),
        column("principal", _("Of")),
        column("state", _("State"), RECORD_STATE.__getitem__),
        column("status_code", _("Answer")),
        column("created_at", _("When"), moment),
    ]
    more = [column("key_hash", _("SHA-256 of the key")), column("call_key", _("Key of the call it made"))]
    ordering = ["-pk"]


@admin.display(description=_("Flights that differ"))
def flights_that_differ(found: Reconciliation) -> str:
    """Each with our seats and the Flight Service's."""
    return ", ".join(f"{row['flight']} ({row['held']}/{row['taken']})" for row in found.drift) or "-"


class ReconciliationAdmin(RecordAdmin):
    list_display = [
        column("finished_at", _("Finished"), moment),
        column("flights_compared", _("Flights compared")),
        column("flights_skipped", _("Flights left out")),
        column("seats_held", _("Seats, our side")),
        column("seats_taken", _("Seats, their side")),
        flights_that_differ,
    ]
    list_filter = [waits_for(Reconciliation)]
    ordering = ["-finished_at"]
