"""Bookings in the back office: the list, the page of one, and what can be done there."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from bookings.models import BookingEvent, Payment
from bookings.office.base import ReadOnlyAdmin
from bookings.office.booking_list import BookingList

if TYPE_CHECKING:  # generic for the type checker alone
    AnyTabularInline = admin.TabularInline[Any, Any]
else:
    AnyTabularInline = admin.TabularInline


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


class PaymentInline(ReadOnlyInline):
    model = Payment
    fields = ["created_at", "amount", "state", "settled_at", "refunded_at", "last_error"]


class BookingAdmin(BookingList, ReadOnlyAdmin):
    inlines = [PaymentInline, EventInline]
