"""The tables. What must always be true of a row is a named constraint."""

from bookings.models.booking import Booking
from bookings.models.booking_event import BookingEvent
from bookings.models.heartbeat import Heartbeat
from bookings.models.idempotency import IdempotencyRecord
from bookings.models.payment import Payment
from bookings.models.seat_call import SeatCall

__all__ = ["Booking", "BookingEvent", "Heartbeat", "IdempotencyRecord", "Payment", "SeatCall"]
