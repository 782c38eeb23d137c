"""Let staff decide about a reservation that the worker gave up: whether it was applied, or to ask once more."""

import uuid
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM
from bookings.conf import WORKER_CALL_SECONDS, peer_knows_keys
from bookings.db.transactions import in_transaction
from bookings.errors import FlightServiceRests, NothingToDecide, SeatsOfAnother
from bookings.lifecycle import BookingStatus, CancelReason, Decision, Hold
from bookings.models import Booking
from bookings.models.bookings.booking_event import EventKind
from bookings.ports import FlightService
from bookings.services.seats.reserve import Waiting, change_of, settle_reservation, store_result
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.services.shared.transitions import (
    SeatGivenTwice,
    cancel,
    confirm_hold,
    end_reservation,
    lock_booking,
    note_event,
    owe_seats,
    reopen_reservation,
)
from bookings.wake import wake_worker


def resolve_reservation(*, booking_id: int, resolution: Resolution, flights: FlightService) -> Booking:
    """
    Carry out what staff decided about a stuck reservation, and return the booking as it is then.

    To retry sends the same request under the same key, once; without an answer the booking is asking again, and
    the worker goes on from there: it gives up at once what was first sent more than 24 hours ago. The other
    two decisions take the place of the answer; nothing is sent. The same page sent twice decides once.

    :raises BookingNotFound: if there is no such booking
    :raises NothingToDecide: if the reservation is not stuck, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    :raises RetryCountsTwice: if it was sent to a Flight Service that knows no keys
    :raises FlightServiceRests: if the Flight Service is not asked just now; then nothing has changed
    :raises SeatsOfAnother: if it was to be applied, and another booking has one of its seats; nothing has changed
    """
    lease = uuid.uuid4()
    if resolution.is_retry and not flights.is_available():
        raise FlightServiceRests
    try:
        if resolution.is_retry:
            booking = _claim(booking_id, lease=lease, resolution=resolution)
        else:
            booking = _decide(booking_id, resolution=resolution)
    except SeatGivenTwice as error:
        raise SeatsOfAnother from error
    except KeyTaken:
        booking = Booking.objects.get(pk=booking_id)
    if booking.lease == lease:
        outcome = flights.change_seats(change_of(booking), seconds=WORKER_CALL_SECONDS)
        return settle_reservation(booking, lease=lease, outcome=outcome, waiting=Waiting.NO_CLIENT)
    if booking.hold == Hold.GIVING_BACK:
        wake_worker()
    return booking


@in_transaction("reservation.retry")
def _claim(booking_id: int, *, lease: UUID, resolution: Resolution) -> Booking:
    resolution.begin("reservation", row_id=booking_id)
    booking, now = _lock_stuck(booking_id)
    refuse_to_count_twice(booking.first_sent_at, now, knows_keys=peer_knows_keys())
    write(booking, {"hold": Hold.ASKING, **leased(lease, now, before=booking)})
    note_event(booking, EventKind.RESERVATION_RETRIED, resolution.cause(), now=now)
    return booking


@in_transaction("reservation.decide")
def _decide(booking_id: int, *, resolution: Resolution) -> Booking:
    resolution.begin("reservation", row_id=booking_id)
    booking, now = _lock_stuck(booking_id)
    decision = resolution.decision
    reopen_reservation(booking, now=now)
    if decision is Decision.NOT_APPLIED and booking.status == BookingStatus.PENDING:
        # Its event says who and why: this decision has no other.
        cancel(booking, resolution.cause(CancelReason.UNAVAILABLE), now=now)
    else:
        note_event(booking, EventKind.RESERVATION_RESOLVED, resolution.cause(decision), now=now)
    if decision is Decision.NOT_APPLIED:
        end_reservation(booking, Hold.REFUSED, now=now, why=booking.last_error)
    elif not confirm_hold(booking):
        # Cancelled meanwhile: no booking wants the seats.
        owe_seats(booking, now=now, why=booking.last_error)
    store_result(booking, Waiting.NO_CLIENT, now)
    return booking


def _lock_stuck(booking_id: int) -> tuple[Booking, datetime]:
    booking, now = lock_booking(booking_id, actor=SYSTEM)
    if booking.hold != Hold.STUCK:
        raise NothingToDecide(
            f"The reservation of this booking does not wait for a decision: it is {booking.hold}, "
            f"and the booking is {booking.status}."
        )
    return booking, now
