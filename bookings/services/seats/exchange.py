"""
What becomes of an exchange: the call that takes seats for a booking and gives as many of its seats back.

See Note [One exchange, and never two changes].
"""

# Note [One exchange, and never two changes]
# To take the new seats first and give the old ones back afterwards would hold twice as many in between, and cannot be
# done on a full flight; the other way around a booking could lose its seats and get none. So it is one call, decided as
# one by the Flight Service, written down before it is sent, and repeated under its key. As long as its outcome is not
# known the booking may have either: its owner can pay or cancel it, and nothing of it goes back on a guess. It ends at
# once if it is cancelled, and owes what the answer says that it has.

import uuid
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Actor, ActorKind, Cause
from bookings.answers.results import Changed, Refused, SeatChangePending, SeatsChanged
from bookings.conf import CALLS_PER_PASS, WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import BookingCancelled, FlightNotFound, Refusal, SeatsTakenByOthers, SeatsUnavailable
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, SeatExchange
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.observability import metrics
from bookings.ports import (
    Applied,
    CountedNotNamed,
    FlightService,
    InPlaceOf,
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
from bookings.services.seats.reserve import taken_by_others
from bookings.services.shared import idempotency
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.leases import claim, over, try_later, write
from bookings.services.shared.transitions import SeatGivenTwice, end_exchange, lock_booking, note_event
from bookings.text.seat_numbers import numbers_in
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)


def exchange_of(exchange: SeatExchange) -> SeatChange:
    """The one request that this row stands for."""
    return SeatChange(
        exchange.call_key,
        exchange.flight_id,
        exchange.seats,
        reserves=True,
        numbers=numbers_in(exchange.take_numbers),
        in_place_of=InPlaceOf(exchange.seats, numbers_in(exchange.give_numbers)),
    )


@in_transaction("exchange.claim")
def claim_exchange(exchange_id: int, *, lease: UUID) -> SeatExchange | None:
    """Lease an unresolved exchange, as `leases.claim` does. If it was first sent too long ago, it is stuck."""

    def give_up(exchange: SeatExchange, now: datetime) -> None:
        write(exchange, {"state": ExchangeState.STUCK, **over(exchange.last_error)})

    return claim(
        SeatExchange,
        exchange_id,
        lease=lease,
        is_unanswered=lambda exchange: exchange.state == ExchangeState.ASKING,
        give_up=give_up,
    )


def resolve_exchanges(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Send exchanges of unknown outcome again, under the same keys. Returns how many were sent.

    None is claimed while the Flight Service is not available.
    """

    def resend(exchange_id: int) -> int:
        if not flights.is_available():
            return 0
        exchange = claim_exchange(exchange_id, lease=uuid.uuid4())
        if exchange is None:
            return 0
        settle_exchange(exchange, outcome=flights.change_seats(exchange_of(exchange), seconds=WORKER_CALL_SECONDS))
        return 1

    due = SeatExchange.objects.unanswered().due(database_time())
    ids = due.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, resend, deadline=deadline)


def settle_exchange(exchange: SeatExchange, *, outcome: SeatOutcome) -> Changed | Refused | None:
    """
    Record what the Flight Service said, and return what it came to; None: nothing was sent, and nothing has changed.

    `exchange` is as its sender has leased it. Changes nothing if it was resolved meanwhile.
    """
    try:
        result, is_owed = _settle(exchange, outcome)
    except SeatGivenTwice:
        # Nothing goes back by number: it may be the other passenger's. Staff find out whose it is.
        metrics.COUNTER_ALARMS.labels("seat_given_twice").inc()
        log.error("flights.seat_given_twice", flight=exchange.flight_id, item=exchange.take_numbers)
        result, is_owed = _settle(exchange, Mistake("another booking has one of these seats"))
    if is_owed:
        wake_worker()
    return result


@in_transaction("exchange.settled")
def _settle(sent: SeatExchange, outcome: SeatOutcome) -> tuple[Changed | Refused | None, bool]:
    """Say as well whether seats of an ended booking can go back from now on."""
    booking, exchange, now = lock_exchange(sent)
    if exchange.state != ExchangeState.ASKING:
        return _found(booking, exchange, now), False
    match outcome:
        case Applied():
            return end_as_applied(booking, exchange, now=now), booking.hold == Hold.GIVING_BACK
        case SeatsTaken(seats=seats):
            problem: Refusal = taken_by_others(dict(seats), so="the booking keeps its seats")
            said = ",".join(f"{number}:{word}" for number, word in seats)
            return end_as_refused(booking, exchange, problem, why=said, now=now), booking.hold == Hold.GIVING_BACK
        case NoSeats():
            return end_as_refused(booking, exchange, SeatsUnavailable(), now=now), booking.hold == Hold.GIVING_BACK
        case NoFlight():
            return end_as_refused(booking, exchange, FlightNotFound(), now=now), booking.hold == Hold.GIVING_BACK
        case NotSent() if exchange.claims == 1 and exchange.lease == sent.lease:
            _end(booking, exchange, ExchangeState.DROPPED, why=outcome.why, now=now)
            idempotency.forget_call(exchange.call_key)
            return None, booking.hold == Hold.GIVING_BACK
        case NotSent() | Unknown():
            try_later(exchange, outcome, lease=sent.lease, now=now)
        case CountedNotNamed(why=why) | Mistake(why=why) | NeverKnown(why=why):
            write(exchange, {"state": ExchangeState.STUCK, **over(why)})
            log.error("seats.exchange_stuck", flight=exchange.flight_id, outcome=repr(outcome))
    return SeatChangePending(booking, now), False


def lock_exchange(sent: SeatExchange) -> tuple[Booking, SeatExchange, datetime]:
    """Lock the booking, then the exchange, and give both as they are now."""
    booking, now = lock_booking(sent.booking_id, actor=SYSTEM)
    return booking, SeatExchange.objects.select_for_update().get(pk=sent.pk), now


def end_as_applied(booking: Booking, exchange: SeatExchange, *, now: datetime) -> SeatsChanged | Refused:
    """
    Record that the booking has the seats it was to have, and keep the answer.

    :raises SeatGivenTwice: if another booking has one of them
    """
    before = booking.seat_numbers or str(booking.no_of_seats)
    _end(booking, exchange, ExchangeState.DONE, now=now)
    actor = Actor(ActorKind(exchange.actor_kind), exchange.actor_name, exchange.request_id)
    note_event(booking, EventKind.SEATS_CHANGED, Cause(actor, note=f"{before} → {booking.seat_numbers}"), now=now)
    result: SeatsChanged | Refused = SeatsChanged(booking, now)
    if booking.status == BookingStatus.CANCELLED:
        result = Refused("change_seats", BookingCancelled(), exchange.request_id)
    idempotency.finish_call(exchange.call_key, result)
    return result


def end_as_refused(
    booking: Booking, exchange: SeatExchange, problem: Refusal, *, now: datetime, why: str = ""
) -> Refused:
    """
    Record that the booking keeps its seats, and why, and keep the answer.

    :raises SeatGivenTwice: if another booking has one of them
    """
    _end(booking, exchange, ExchangeState.REFUSED, why=why, now=now)
    result = Refused("change_seats", problem, exchange.request_id)
    idempotency.finish_call(exchange.call_key, result)
    return result


def _end(booking: Booking, exchange: SeatExchange, state: ExchangeState, *, now: datetime, why: str = "") -> None:
    end_exchange(booking, is_applied=state == ExchangeState.DONE, now=now)
    write(exchange, {"state": state, "open_booking_id": None, "done_at": now, **over(why)})
    log.info("seats.exchange_ended", booking=booking.reference, flight=booking.flight_id, outcome=str(state))


def _found(booking: Booking, exchange: SeatExchange, now: datetime) -> Changed | Refused | None:
    """What an exchange came to that another process has resolved meanwhile."""
    match ExchangeState(exchange.state):
        case ExchangeState.DONE:
            return SeatsChanged(booking, now)
        case ExchangeState.REFUSED:
            return Refused("change_seats", SeatsTakenByOthers(), exchange.request_id)
        case ExchangeState.DROPPED:
            return None
        case ExchangeState.ASKING | ExchangeState.STUCK:
            return SeatChangePending(booking, now)
