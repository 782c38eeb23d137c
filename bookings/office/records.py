"""The records behind the bookings, each with its own rows: read, never changed."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from bookings.models import Reconciliation
from bookings.office.base import ReadOnlyAdmin


class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "booking", "amount", "state", "created_at", "settled_at", "refunded_at", "last_error"]
    list_filter = ["state"]
    list_select_related = ["booking"]
    search_fields = ["=booking__reference", "=booking__id", "=gateway_key"]
    search_help_text = "Booking reference, booking id or gateway key"
    ordering = ["-pk"]


class BookingEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "booking", "what", "actor_kind", "actor_name", "reason", "note", "request_id"]
    list_filter = ["what", "actor_kind"]
    list_select_related = ["booking"]
    search_fields = ["=booking__reference", "=booking__id", "=request_id"]
    search_help_text = "Booking reference, booking id or request id"
    ordering = ["-pk"]


class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ["id", "endpoint", "principal", "state", "status_code", "created_at"]
    list_filter = ["state", "endpoint"]
    search_fields = ["=key_hash"]
    search_help_text = "SHA-256 of the key, in hex"
    exclude = ["body"]
    ordering = ["-pk"]


class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = [
        "finished_at",
        "flights_compared",
        "flights_skipped",
        "seats_held",
        "seats_taken",
        "flights_that_differ",
    ]
    ordering = ["-finished_at"]

    @admin.display(description=_("flights that differ"))
    def flights_that_differ(self, found: Reconciliation) -> str:
        return ", ".join(str(row["flight"]) for row in found.drift) or "-"
