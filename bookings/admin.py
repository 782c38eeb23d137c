"""What the back office shows, and as what."""

import django.contrib.auth.admin  # noqa: F401  # registers its own pages, one of which is replaced below
import django_otp.plugins.otp_totp.admin  # noqa: F401  # registers pages that show secrets, which are taken out below
import django_q.admin  # noqa: F401  # registers its own pages, which are replaced below
from django.contrib import admin
from django.contrib.auth.models import User
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_q.models import Failure, OrmQ, Schedule, Success

from bookings.models import (
    ApiKey,
    Booking,
    BookingEvent,
    BulkCancel,
    Dispute,
    GatewayNotice,
    IdempotencyRecord,
    Payment,
    PaymentComparison,
    Reconciliation,
    Refund,
    SeatCall,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookings.office.access.api_keys import ApiKeyAdmin
from bookings.office.access.people import PeopleAdmin
from bookings.office.bookings.activity import BookingEventAdmin
from bookings.office.bookings.bulk_cancel import BulkCancelAdmin
from bookings.office.bookings.page import BookingAdmin
from bookings.office.gateway_records import DisputeAdmin, GatewayNoticeAdmin, PaymentComparisonAdmin
from bookings.office.payments import PaymentAdmin
from bookings.office.refunds import RefundAdmin
from bookings.office.seats.calls import SeatCallAdmin
from bookings.office.upkeep.queue import FailedAdmin, ScheduleAdmin, TaskAdmin, WaitingAdmin
from bookings.office.upkeep.records import IdempotencyRecordAdmin, ReconciliationAdmin
from bookings.office.webhooks.deliveries import WebhookDeliveryAdmin
from bookings.office.webhooks.endpoints import WebhookEndpointAdmin

admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(Booking, BookingAdmin)
admin.site.register(BookingEvent, BookingEventAdmin)
admin.site.register(BulkCancel, BulkCancelAdmin)
admin.site.register(Dispute, DisputeAdmin)
admin.site.register(GatewayNotice, GatewayNoticeAdmin)
admin.site.register(IdempotencyRecord, IdempotencyRecordAdmin)
admin.site.register(Payment, PaymentAdmin)
admin.site.register(PaymentComparison, PaymentComparisonAdmin)
admin.site.register(Reconciliation, ReconciliationAdmin)
admin.site.register(Refund, RefundAdmin)
admin.site.register(SeatCall, SeatCallAdmin)
admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
admin.site.register(WebhookEndpoint, WebhookEndpointAdmin)

admin.site.unregister([TOTPDevice, Failure, OrmQ, Schedule, Success])
admin.site.register(Failure, FailedAdmin)
admin.site.register(OrmQ, WaitingAdmin)
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Success, TaskAdmin)

admin.site.unregister(User)
admin.site.register(User, PeopleAdmin)
