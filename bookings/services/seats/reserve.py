"""
What becomes of a reservation: the call that asks the Flight Service for the seats of one booking.

See Note [Why pending exists].
"""

# Note [Why pending exists]
# The booking is committed with its key before the first byte is sent. Whatever crashes or gets lost after that,
# the row says which key may have taken which seats, and asking again with the same key tells the outcome.
# Until it is known the booking is pending, or cancelled and still asking: nothing is given back, as nothing
# may have been taken, and nothing is confirmed.

import enum
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM, Actor, Cause
from bookings.answers.results import Accepted, Created, Refused
from bookings.db.transactions import in_one_statement, in_transaction
from bookings.errors import BookingCancelled, FlightNotFound, SeatsUnavailable
from bookings.lifecycle import BookingStatus, CancelReason, Hold
from bookings.models import Booking
from bookings.ports import (
    Applied,
    CountedNotNamed,
    Mistake,
    NeverKnown,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    SeatOutcome,
    SeatsTaken,
    Unknown,
)
from bookings.services.shared import idempotency
from bookings.services.shared.leases import claim, try_later
from bookings.services.shared.transitions import cancel, confirm_hold, end_reservation, lock_booking


class Waiting(enum.Enum):
    """Who waits for a reservation, and so what an unknown outcome means for the booking."""

    CLIENT = "cannot ask again, so the booking ends"
    CLIENT_WITH_KEY = "asks again with the key, so the booking stays pending"
    CLIENT_IN_NO_HURRY = "was told 202, so the booking stays pending"
    NO_CLIENT = "the worker asks again"


def change_of(booking: Booking) -> SeatChange:
    """The one request that this booking's reservation stands for."""
    return SeatChange(key=booking.hold_key, flight_id=booking.flight_id, seats=booking.no_of_seats, reserves=True)


@in_transaction("reservation.claim")
def claim_reservation(booking_id: int, *, lease: UUID) -> Booking | None:
    """Lease an unresolved reservation, as `leases.claim` does. If it was first sent too long ago, it is stuck."""

    def give_up(booking: Booking, now: datetime) -> None:
        end_reservation(booking, Hold.STUCK, now=now, why=booking.last_error)

    return claim(
        Booking, booking_id, lease=lease, is_unanswered=lambda booking: booking.hold == Hold.ASKING, give_up=give_up
    )


def settle_reservation(
    booking: Booking, *, lease: UUID, outcome: SeatOutcome, waiting: Waiting, actor: Actor = SYSTEM
) -> Booking:
    """
    Record what the Flight Service said, and return the booking as it is then.

    Changes nothing if the reservation was resolved meanwhile. Does not call the Flight Service.
    """
    # Without a key there is no answer to store, and the usual case is one statement.
    if isinstance(outcome, Applied) and waiting is Waiting.CLIENT and _confirm(booking):
        return booking
    return _settle(booking, lease, outcome, waiting, actor)


@in_one_statement("seats.reserved")
def _confirm(booking: Booking) -> bool:
    return confirm_hold(booking)


@in_transaction("seats.reserved")
def _settle(booking: Booking, lease: UUID, outcome: SeatOutcome, waiting: Waiting, actor: Actor) -> Booking:
    if isinstance(outcome, Applied) and confirm_hold(booking):
        store_result(booking, waiting, booking.updated_at)
        return booking
    booking, now = lock_booking(booking.pk, actor=SYSTEM)
    if booking.hold == Hold.ASKING:
        match outcome:
            case Applied() if booking.status == BookingStatus.PENDING:
                confirm_hold(booking)  # redated since it was read: its deadline is another one
            case Applied():
                # The conditional UPDATE above has found it cancelled: no booking wants the seats.
                end_reservation(booking, Hold.GIVING_BACK, now=now)
            case NoSeats() | SeatsTaken():
                _refuse(booking, CancelReason.NO_SEATS, now)
            case NoFlight():
                _refuse(booking, CancelReason.NO_FLIGHT, now)
            case NotSent():
                _not_sent(booking, lease, outcome, waiting, now)
            case Unknown():
                try_later(booking, outcome, lease=lease, now=now)
            case Mistake() | CountedNotNamed():
                end_reservation(booking, Hold.STUCK, now=now, why=outcome.why)
            case NeverKnown():
                _give_up(booking, outcome, now)
        if booking.hold in (Hold.ASKING, Hold.STUCK):
            _abandon(booking, waiting, actor, now)
    store_result(booking, waiting, now)
    return booking


def result_of(booking: Booking, waiting: Waiting, *, at: datetime) -> Created | Accepted | Refused | None:
    """What the request that made this booking came to; None while that is neither decided nor promised."""
    if booking.status in (BookingStatus.INITIATED, BookingStatus.BOOKED):
        return Created(booking, at)
    if booking.hold in (Hold.ASKING, Hold.STUCK, Hold.DROPPED):
        is_promised = waiting is Waiting.CLIENT_IN_NO_HURRY and booking.status == BookingStatus.PENDING
        return Accepted(booking, at) if is_promised else None
    problem = {
        CancelReason.NO_SEATS: SeatsUnavailable,
        CancelReason.NO_FLIGHT: FlightNotFound,
    }.get(CancelReason(booking.cancel_reason), BookingCancelled)
    return Refused("create", problem(), booking.request_id)


def _refuse(booking: Booking, reason: CancelReason, now: datetime) -> None:
    if booking.status == BookingStatus.PENDING:  # cancelled first: a pending booking is never refused
        cancel(booking, Cause(SYSTEM, reason), now=now)
    end_reservation(booking, Hold.REFUSED, now=now)


def _not_sent(booking: Booking, lease: UUID, outcome: NotSent, waiting: Waiting, now: datetime) -> None:
    """
    Drop the reservation if this claim was the only one ever: a refused connection after another proves nothing.

    A pending booking without a waiting client is kept: it was promised an answer by its deadline.
    """
    only_claim = booking.claims == 1 and booking.lease == lease
    told_to_retry = waiting in (Waiting.CLIENT, Waiting.CLIENT_WITH_KEY)
    if not only_claim or not (told_to_retry or booking.status == BookingStatus.CANCELLED):
        try_later(booking, outcome, lease=lease, now=now)
        return
    if booking.status == BookingStatus.PENDING:
        cancel(booking, Cause(SYSTEM, CancelReason.UNAVAILABLE), now=now)
    end_reservation(booking, Hold.DROPPED, now=now, why=outcome.why)
    idempotency.forget_call(booking.hold_key)


def _give_up(booking: Booking, outcome: NeverKnown, now: datetime) -> None:
    """End the booking, which can never be confirmed. Its seats stay blocked until staff decide about them."""
    if booking.status == BookingStatus.PENDING:
        cancel(booking, Cause(SYSTEM, CancelReason.UNAVAILABLE), now=now)
    end_reservation(booking, Hold.STUCK, now=now, why=outcome.why)


def _abandon(booking: Booking, waiting: Waiting, actor: Actor, now: datetime) -> None:
    """A client without a key can never learn the outcome: end the booking, and let the worker find out."""
    if waiting is Waiting.CLIENT and booking.status == BookingStatus.PENDING:
        cancel(booking, Cause(actor, CancelReason.ABANDONED), now=now)


def store_result(booking: Booking, waiting: Waiting, now: datetime) -> None:
    """Store what the request came to under the client's key, once it is decided."""
    if waiting is Waiting.CLIENT:
        return  # there is no key, so there is no record
    result = result_of(booking, waiting, at=now)
    if result is not None:
        idempotency.finish_call(booking.hold_key, result)
