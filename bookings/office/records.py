"""The records behind the bookings, each with its own rows: read, never changed."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bookings.models import BookingEvent, Payment
from bookings.office.base import ReadOnlyAdmin
from bookings.office.tags import badge, word_of


class SeatCallAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "flight_id", "seats", "state", "claims", "next_at", "last_error", "created_at"]
    list_filter = ["state", "kind"]
    search_fields = ["=flight_id", "=call_key"]
    search_help_text = "Flight id or call key"
    ordering = ["-pk"]


class PaymentAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "booking",
        "amount",
        "shown_state",
        "created_at",
        "settled_at",
        "refunded_at",
        "last_error",
    ]
    list_filter = ["state"]
    list_select_related = ["booking"]
    ordering = ["-pk"]

    @admin.display(description=_("state"))
    def shown_state(self, payment: Payment) -> SafeString:
        return badge("payment", payment.state)


class BookingEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "booking", "shown_what", "who", "shown_reason", "note", "request_id"]
    list_filter = ["what"]
    list_select_related = ["booking"]
    ordering = ["-pk"]

    @admin.display(description=_("what"))
    def shown_what(self, event: BookingEvent) -> str:
        return word_of(event.what, "event")

    @admin.display(description=_("who"))
    def who(self, event: BookingEvent) -> str:
        return f"{word_of(event.actor_kind, 'who')} {event.actor_name}"

    @admin.display(description=_("reason"))
    def shown_reason(self, event: BookingEvent) -> str:
        return word_of(event.reason, "reason")


class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ["id", "endpoint", "principal", "state", "status_code", "created_at"]
    list_filter = ["state"]
    # The answer has a booking in it, whose page is the place to read it.
    exclude = ["body"]
    ordering = ["-pk"]
