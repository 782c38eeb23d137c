"""The back office: everything can be found and read, nothing can be edited."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment, SeatCall

if TYPE_CHECKING:  # generic for the type checker alone
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyTabularInline = admin.TabularInline[Any, Any]
else:
    AnyModelAdmin = admin.ModelAdmin
    AnyTabularInline = admin.TabularInline


class ReadOnlyAdmin(AnyModelAdmin):
    """Shows rows, to superusers as well: what changes a booking is a service, not a form."""

    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(AnyTabularInline):
    extra = 0
    can_delete = False
    ordering = ["pk"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventInline(ReadOnlyInline):
    model = BookingEvent
    fields = [
        "created_at",
        "what",
        "actor_kind",
        "actor_name",
        "from_status",
        "to_status",
        "reason",
        "note",
        "request_id",
    ]


class PaymentInline(ReadOnlyInline):
    model = Payment
    fields = ["created_at", "amount", "state", "settled_at", "refunded_at", "last_error"]


@admin.register(Booking)
class BookingAdmin(ReadOnlyAdmin):
    list_display = [
        "reference",
        "status",
        "hold",
        "flight_id",
        "no_of_seats",
        "total_cost",
        "user_id",
        "created_at",
        "expires_at",
    ]
    list_filter = ["status", "hold", "cancel_reason"]
    search_fields = ["=reference", "=id", "=user_id", "=flight_id", "=request_id"]
    search_help_text = "Reference, booking id, user id, flight id or request id"
    ordering = ["-pk"]
    inlines = [PaymentInline, EventInline]


@admin.register(SeatCall)
class SeatCallAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "flight_id", "seats", "state", "claims", "next_at", "last_error", "created_at"]
    list_filter = ["state", "kind"]
    search_fields = ["=flight_id", "=call_key"]
    search_help_text = "Flight id or call key"
    ordering = ["-pk"]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "booking", "amount", "state", "created_at", "settled_at", "refunded_at", "last_error"]
    list_filter = ["state"]
    list_select_related = ["booking"]
    search_fields = ["=booking__reference", "=booking__id", "=gateway_key"]
    search_help_text = "Booking reference, booking id or gateway key"
    ordering = ["-pk"]


@admin.register(BookingEvent)
class BookingEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "booking", "what", "actor_kind", "actor_name", "reason", "note", "request_id"]
    list_filter = ["what", "actor_kind"]
    list_select_related = ["booking"]
    search_fields = ["=booking__reference", "=booking__id", "=request_id"]
    search_help_text = "Booking reference, booking id or request id"
    ordering = ["-pk"]


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ["id", "endpoint", "principal", "state", "status_code", "created_at"]
    list_filter = ["state", "endpoint"]
    search_fields = ["=key_hash"]
    search_help_text = "SHA-256 of the key, in hex"
    exclude = ["body"]
    ordering = ["-pk"]
