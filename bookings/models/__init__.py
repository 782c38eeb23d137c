"""The tables. What must always be true of a row is a named constraint."""

from bookings.models.api_key import ApiKey, ApiKeyEvent
from bookings.models.booking import Booking
from bookings.models.booking_event import BookingEvent
from bookings.models.bulk_cancel import BulkCancel, BulkCancelRow
from bookings.models.clock_proof import ClockProof
from bookings.models.flight_gate import FlightGate, PatchSlot
from bookings.models.heartbeat import Heartbeat
from bookings.models.idempotency import IdempotencyRecord
from bookings.models.payment import Payment
from bookings.models.rate_window import RateWindow
from bookings.models.reconciliation import Reconciliation
from bookings.models.seat_call import SeatCall, SeatCallEvent
from bookings.models.user_hold import UserHold

__all__ = [
    "ApiKey",
    "ApiKeyEvent",
    "Booking",
    "BookingEvent",
    "BulkCancel",
    "BulkCancelRow",
    "ClockProof",
    "FlightGate",
    "Heartbeat",
    "IdempotencyRecord",
    "PatchSlot",
    "Payment",
    "RateWindow",
    "Reconciliation",
    "SeatCall",
    "SeatCallEvent",
    "UserHold",
]
