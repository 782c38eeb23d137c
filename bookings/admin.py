"""What the back office shows, and as what."""

from django.contrib import admin

from bookings.models import ApiKey, Booking, BookingEvent, IdempotencyRecord, Payment, Reconciliation, SeatCall
from bookings.office.api_keys import ApiKeyAdmin
from bookings.office.bookings import BookingAdmin
from bookings.office.calls import SeatCallAdmin
from bookings.office.records import (
    BookingEventAdmin,
    IdempotencyRecordAdmin,
    PaymentAdmin,
    ReconciliationAdmin,
)

admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(Booking, BookingAdmin)
admin.site.register(BookingEvent, BookingEventAdmin)
admin.site.register(IdempotencyRecord, IdempotencyRecordAdmin)
admin.site.register(Payment, PaymentAdmin)
admin.site.register(Reconciliation, ReconciliationAdmin)
admin.site.register(SeatCall, SeatCallAdmin)
