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
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Actor, Cause
from bookings.answers.results import Accepted, Created, Refused
from bookings.conf import RETRY_NEEDS_SECONDS
from bookings.db.transactions import in_one_statement, in_transaction
from bookings.deadline import Deadline
from bookings.errors import BookingCancelled, FlightNotFound, SeatsTakenByOthers, SeatsUnavailable
from bookings.lifecycle import BookingStatus, CancelReason, Hold
from bookings.models import Booking
from bookings.observability import metrics
from bookings.ports import (
    Applied,
    CountedNotNamed,
    FlightService,
    Mistake,
    NeverKnown,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    SeatOutcome,
    SeatRefusal,
    SeatsTaken,
    Unknown,
)
from bookings.services.shared import idempotency
from bookings.services.shared.leases import claim, try_later
from bookings.services.shared.transitions import (
    SeatGivenTwice,
    cancel,
    confirm_hold,
    count_seats,
    end_reservation,
    lock_booking,
    note_refused_seats,
    owe_seats,
)
from bookings.text.seat_numbers import numbers_in

log = structlog.get_logger(__name__)

# A person has to find out first.
STUCK_RETRY_AFTER_SECONDS = 60

RefusedSeats = tuple[tuple[str, SeatRefusal], ...]

# What a customer reads of a seat.
REFUSED_SEATS = {
    SeatRefusal.TAKEN: "is taken",
    SeatRefusal.BLOCKED: "is not for sale",
    SeatRefusal.UNKNOWN: "does not exist",
}


class Waiting(enum.Enum):
    """Who waits for a reservation, and so what an unknown outcome means for the booking."""

    CLIENT = "cannot ask again, so the booking ends"
    CLIENT_WITH_KEY = "asks again with the key, so the booking stays pending"
    CLIENT_IN_NO_HURRY = "was told 202, so the booking stays pending"
    NO_CLIENT = "the worker asks again"


def change_of(booking: Booking) -> SeatChange:
    """The one request that this booking's reservation stands for."""
    numbers = numbers_in(booking.seat_numbers)
    return SeatChange(booking.hold_key, booking.flight_id, booking.no_of_seats, reserves=True, numbers=numbers)


def ask(change: SeatChange, *, flights: FlightService, deadline: Deadline) -> SeatOutcome:
    """
    Ask for seats, and once more with the same key if the outcome is open.

    Not without the time for it, nor without leave: a service in trouble would get twice the calls.
    """
    first = flights.change_seats(change, seconds=deadline.left())
    open_end = isinstance(first, NotSent) or (isinstance(first, Unknown) and first.retry_after is None)
    if not open_end or deadline.left() < RETRY_NEEDS_SECONDS:
        return first
    if not (flights.is_available() and flights.spend_repetition()):
        return first
    second = flights.change_seats(change, seconds=deadline.left())
    # A refused connection proves nothing about the try before it.
    return first if isinstance(second, NotSent) and isinstance(first, Unknown) else second


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
    # Without a key there is no answer to store, and the usual case is one statement; numbers have rows of their own.
    if isinstance(outcome, Applied) and waiting is Waiting.CLIENT and not booking.seat_numbers and _confirm(booking):
        return booking
    try:
        return _settle(booking, lease, outcome, waiting, actor)
    except SeatGivenTwice:
        # Nothing goes back by number: it may be the other passenger's. Staff find out whose it is.
        metrics.COUNTER_ALARMS.labels("seat_given_twice").inc()
        log.error("flights.seat_given_twice", flight=booking.flight_id, booking=booking.reference)
        return _settle(booking, lease, Mistake("another booking has one of these seats"), waiting, actor)


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
                owe_seats(booking, now=now)
            case NoSeats():
                _refuse(booking, CancelReason.NO_SEATS, now)
            case SeatsTaken(seats=seats):
                _refuse(booking, CancelReason.SEATS_TAKEN, now, seats=seats)
            case NoFlight():
                _refuse(booking, CancelReason.NO_FLIGHT, now)
            case NotSent():
                _not_sent(booking, lease, outcome, waiting, now)
            case Unknown():
                try_later(booking, outcome, lease=lease, now=now)
            case CountedNotNamed():
                _count(booking, now)
            case Mistake():
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
    if booking.cancel_reason == CancelReason.SEATS_TAKEN:
        return Refused("create", seats_taken(booking), booking.request_id)
    problem = {
        CancelReason.NO_SEATS: SeatsUnavailable,
        CancelReason.NO_FLIGHT: FlightNotFound,
    }.get(CancelReason(booking.cancel_reason), BookingCancelled)
    return Refused("create", problem(), booking.request_id)


def seats_taken(booking: Booking) -> SeatsTakenByOthers:
    """Say of each seat that was refused why; if nothing was said of any, of all together."""
    refused = dict(each.split(":") for each in numbers_in(booking.refused_seats))
    return taken_by_others(refused, so="no seat is held")


def taken_by_others(refused: Mapping[str, str], *, so: str) -> SeatsTakenByOthers:
    """Say of each seat why it cannot be had, and what follows."""
    said = [f"{number} {REFUSED_SEATS[SeatRefusal(word)]}" for number, word in refused.items()]
    if not said:
        fields = {"seatNumbers": "Not all of these seats can be had."}
        return SeatsTakenByOthers(f"Some of these seats cannot be had; {so}.", fields=fields)
    return SeatsTakenByOthers(
        f"{', '.join(said)}; {so}.", fields={"seatNumbers": " ".join(f"{each}." for each in said)}, seats=refused
    )


def _refuse(booking: Booking, reason: CancelReason, now: datetime, *, seats: RefusedSeats = ()) -> None:
    if booking.status == BookingStatus.PENDING:  # cancelled first: a pending booking is never refused
        cancel(booking, Cause(SYSTEM, reason), now=now)
        if seats:
            note_refused_seats(booking, seats)
    end_reservation(booking, Hold.REFUSED, now=now)


def _count(booking: Booking, now: datetime) -> None:
    """
    Owe seats back by count that a Flight Service has taken without their numbers, which no booking may show then.

    Nothing was decided about the request: its key is free again.
    """
    metrics.COUNTER_ALARMS.labels("seat_numbers_ignored").inc()
    log.error("flights.seat_numbers_ignored", flight=booking.flight_id, booking=booking.reference)
    count_seats(booking)
    if booking.status == BookingStatus.PENDING:
        cancel(booking, Cause(SYSTEM, CancelReason.UNAVAILABLE), now=now)
    end_reservation(booking, Hold.GIVING_BACK, now=now)
    idempotency.forget_call(booking.hold_key)


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
