"""What the back office shows, and as what."""

from django.contrib import admin

from bookings.models import ApiKey, Booking, BookingEvent, BulkCancel, IdempotencyRecord, Payment, SeatCall
from bookings.office.api_keys import ApiKeyAdmin
from bookings.office.bookings import BookingAdmin
from bookings.office.bulk import BulkCancelAdmin
from bookings.office.records import BookingEventAdmin, IdempotencyRecordAdmin, PaymentAdmin, SeatCallAdmin

admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(Booking, BookingAdmin)
admin.site.register(BookingEvent, BookingEventAdmin)
admin.site.register(BulkCancel, BulkCancelAdmin)
admin.site.register(IdempotencyRecord, IdempotencyRecordAdmin)
admin.site.register(Payment, PaymentAdmin)
admin.site.register(SeatCall, SeatCallAdmin)
