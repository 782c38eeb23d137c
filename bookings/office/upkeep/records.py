"""The records behind the bookings, each with its own rows: read, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bookings.models import Booking, IdempotencyRecord, Reconciliation
from bookings.models.access.idempotency import RecordState
from bookings.office.base import RecordAdmin, column
from bookings.office.tags import moment
from bookings.office.upkeep.open_work import waits_for
from bookings.queries.bookings.search import records_found


def booking_link(booking: Booking) -> SafeString:
    """A booking by its reference, to click."""
    address = reverse("admin:bookings_booking_change", args=[booking.pk])
    return format_html('<a href="{}">{}</a>', address, booking.reference)


RECORD_STATE = {RecordState.RUNNING: _("not decided"), RecordState.DONE: _("answered")}


class State(admin.SimpleListFilter):
    """Records of one state, off the reaper's index."""

    title = _("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, str(text)) for state, text in RECORD_STATE.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[IdempotencyRecord]) -> QuerySet[IdempotencyRecord]:
        return queryset.filter(state=self.value()) if self.value() else queryset


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
    list_filter = [State]
    search_fields = ["key_hash"]
    search_help_text = _("A client's key or its SHA-256, the key of a call, or whose: user:1001, service:…, staff:…")
    ordering = ["-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[IdempotencyRecord], search_term: str
    ) -> tuple[QuerySet[IdempotencyRecord], bool]:
        """Look up what was typed on indexes; Django would look into every row."""
        typed = search_term.strip()
        return queryset.filter(pk__in=records_found(typed, queryset)) if typed else queryset, False


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
