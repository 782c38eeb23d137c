"""Let staff decide about a take that the worker has given up: whether it was applied, or to ask once more."""

import uuid
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM, Actor, Cause
from bookings.conf import WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import FlightServiceRests, NothingToDecide
from bookings.lifecycle import BookingStatus, CancelReason, Decision, Hold
from bookings.models import Booking, BookingEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.ports import FlightService
from bookings.services.seats.reserve import Waiting, change_of, settle_reservation, store_result
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import is_written, note_of_decision
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.services.shared.transitions import (
    cancel,
    confirm_hold,
    end_take,
    lock_booking,
    note_event,
    reopen_take,
)
from bookings.wake import wake_worker


def resolve_reservation(
    *, booking_id: int, decision: Decision, actor: Actor, note: str, flights: FlightService
) -> Booking:
    """
    Carry out what staff decided about a stuck take, and return the booking as it is then.

    To retry sends the same request under the same key, once; without an answer the take is asking again, and
    the worker goes on from there: it gives up at once what was first sent more than 24 hours ago. The other
    two decisions take the place of the answer, and call nobody.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note says nothing, or too much
    :raises BookingNotFound: if there is no such booking
    :raises NothingToDecide: if the take is not stuck, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    :raises RetryCountsTwice: if it was sent to a Flight Service that knows no keys
    :raises FlightServiceRests: if the Flight Service is not asked just now; then nothing has changed
    """
    note = note_of_decision(note, actor=actor)
    if decision is not Decision.RETRY:
        booking = _decide(booking_id, decision=decision, actor=actor, note=note, since=database_time())
        if booking.hold == Hold.GIVING_BACK:
            wake_worker()
        return booking
    if not flights.is_available():
        raise FlightServiceRests
    lease = uuid.uuid4()
    booking = _claim(booking_id, lease=lease, actor=actor, note=note)
    outcome = flights.change_seats(change_of(booking), seconds=WORKER_CALL_SECONDS)
    return settle_reservation(booking, lease=lease, outcome=outcome, waiting=Waiting.NOBODY)


@in_transaction("reservation.retry")
def _claim(booking_id: int, *, lease: UUID, actor: Actor, note: str) -> Booking:
    booking = lock_booking(booking_id, actor=SYSTEM)
    if booking.lease == lease:  # the COMMIT of the run before this one was lost
        return booking
    _must_be_stuck(booking)
    now = database_time()
    refuse_to_count_twice(booking.first_sent_at, now)
    write(booking, {"hold": Hold.ASKING, **leased(lease, now, before=booking)})
    note_event(booking, EventKind.TAKE_RETRIED, Cause(actor, note=note), now=now)
    return booking


@in_transaction("reservation.decide")
def _decide(booking_id: int, *, decision: Decision, actor: Actor, note: str, since: datetime) -> Booking:
    booking = lock_booking(booking_id, actor=SYSTEM)
    last = BookingEvent.objects.filter(booking=booking).order_by("pk").last()
    if booking.hold != Hold.STUCK and is_written(last, actor=actor, note=note, since=since):
        return booking
    _must_be_stuck(booking)
    now = database_time()
    reopen_take(booking, now=now)
    if decision is Decision.NOT_APPLIED and booking.status == BookingStatus.PENDING:
        # Its event says who and why: this decision has no other.
        cancel(booking, Cause(actor, CancelReason.UNAVAILABLE, note), now=now)
    else:
        note_event(booking, EventKind.TAKE_RESOLVED, Cause(actor, decision, note), now=now)
    if decision is Decision.NOT_APPLIED:
        end_take(booking, Hold.REFUSED, now=now, why=booking.last_error)
    elif not confirm_hold(booking, now=now):
        # Cancelled meanwhile: the seats were taken for nobody.
        end_take(booking, Hold.GIVING_BACK, now=now, why=booking.last_error)
    store_result(booking, Waiting.NOBODY, now)
    return booking


def _must_be_stuck(booking: Booking) -> None:
    if booking.hold != Hold.STUCK:
        raise NothingToDecide(
            f"The take of this booking does not wait for a decision: it is {booking.hold}, "
            f"and the booking is {booking.status}."
        )
