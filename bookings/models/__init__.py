"""The tables. What must always be true of a row is a named constraint."""

from bookings.models.access.api_key import ApiKey, ApiKeyEvent
from bookings.models.access.idempotency import IdempotencyRecord
from bookings.models.access.rate_window import RateWindow
from bookings.models.access.staff_log_in import LogInEvent, Passkey, RecoveryCode, StaffIdentity
from bookings.models.announcements import Announcement
from bookings.models.bookings.archived_booking import ArchivedBooking, ArchiveRound
from bookings.models.bookings.booking import Booking
from bookings.models.bookings.booking_case import BookingCase
from bookings.models.bookings.booking_event import BookingEvent
from bookings.models.bookings.bulk_cancel import BulkCancel, BulkCancelRow
from bookings.models.bookings.user_hold import UserHold
from bookings.models.disputes import Dispute
from bookings.models.messages import Contact, Message, SuppressedAddress
from bookings.models.notices import GatewayNotice
from bookings.models.payment_comparison import PaymentComparison
from bookings.models.payments import Payment
from bookings.models.refunds import Refund
from bookings.models.reports import Report
from bookings.models.seats.booking_seat import BookingSeat
from bookings.models.seats.flight_gate import FlightGate, PatchSlot
from bookings.models.seats.reconciliation import Reconciliation
from bookings.models.seats.seat_call import SeatCall, SeatCallEvent
from bookings.models.seats.seat_exchange import SeatExchange
from bookings.models.upkeep.clock_proof import ClockProof
from bookings.models.upkeep.heartbeat import Heartbeat
from bookings.models.upkeep.worker_heartbeat import WorkerHeartbeat
from bookings.models.webhooks import EndpointEvent, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookReplay

__all__ = [
    "Announcement",
    "ApiKey",
    "ApiKeyEvent",
    "ArchiveRound",
    "ArchivedBooking",
    "Booking",
    "BookingCase",
    "BookingEvent",
    "BookingSeat",
    "BulkCancel",
    "BulkCancelRow",
    "ClockProof",
    "Contact",
    "Dispute",
    "EndpointEvent",
    "FlightGate",
    "GatewayNotice",
    "Heartbeat",
    "IdempotencyRecord",
    "LogInEvent",
    "Message",
    "Passkey",
    "PatchSlot",
    "Payment",
    "PaymentComparison",
    "RateWindow",
    "Reconciliation",
    "RecoveryCode",
    "Refund",
    "Report",
    "SeatCall",
    "SeatCallEvent",
    "SeatExchange",
    "StaffIdentity",
    "SuppressedAddress",
    "UserHold",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookReplay",
    "WorkerHeartbeat",
]
