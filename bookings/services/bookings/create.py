"""Hold seats: write the booking down, ask the Flight Service, record what it said."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import IntegrityError

from bookings.actor import Actor, ActorKind
from bookings.answers.results import Accepted, AlreadyDone, Created, Refused
from bookings.cells import refuse_another_cell
from bookings.conf import (
    CREATE_DEADLINE_SECONDS,
    RETRY_AFTER_SECONDS,
    RETRY_NEEDS_SECONDS,
    payment_window,
)
from bookings.db.clock import database_time
from bookings.db.rows import insert, insert_later, new
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import (
    BookingCancelled,
    BookingError,
    FlightNotFound,
    FlightServiceUnavailable,
    FlightUnusable,
    RequestInProgress,
    TemporarilyUnavailable,
    TooManyUnpaidBookings,
    TooManyUnpaidSeats,
)
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, IdempotencyRecord
from bookings.models.access.idempotency import RecordState
from bookings.observability import tracing
from bookings.ports import (
    CountedNotNamed,
    Flight,
    FlightService,
    FlightsUnreachable,
    UnknownFlight,
    UnusableFlight,
)
from bookings.queries.bookings.free_references import free_reference
from bookings.services.bookings.orders import (
    SeatOrder,
    price_of,
    refuse_the_flight,
    refuse_the_numbers,
    refuse_the_price,
    refuse_what_is_not_of,
)
from bookings.services.bookings.unpaid_limit import refuse_one_too_many
from bookings.services.messages.contacts import contact_of
from bookings.services.seats.reserve import (
    STUCK_RETRY_AFTER_SECONDS,
    Waiting,
    ask,
    change_of,
    claim_reservation,
    result_of,
    settle_reservation,
)
from bookings.services.shared import idempotency
from bookings.services.shared.idempotency import KeyedRequest, KeyTaken
from bookings.services.shared.leases import leased, not_sent_yet
from bookings.services.shared.sealing import Seal
from bookings.text.money import Money

log = structlog.get_logger(__name__)

# Where one reference in a hundred is taken, ten of them in a row never are; where half are, once in a thousand.
MOST_REFERENCES_TRIED = 10

# Of callers that give no contact.
NO_SEAL = Seal([])

CreateResult = Created | Accepted | Refused | AlreadyDone


def takes_any_amount(money: Money) -> str:
    """Refuse nothing: the gateway is asked by the API alone."""
    return ""


@dataclass(frozen=True, slots=True)
class _Names:
    """All that names a new booking, made before its transaction so that a repeated block knows its own rows."""

    reference: str
    hold_key: UUID
    lease: UUID

    @classmethod
    def new(cls) -> "_Names":
        return cls(free_reference(), uuid.uuid4(), uuid.uuid4())


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request for seats: who wants what, who waits for it and how long, and whom to ask."""

    order: SeatOrder
    actor: Actor
    keyed: KeyedRequest | None
    waiting: Waiting
    flights: FlightService
    refuses: Callable[[Money], str]
    deadline: Deadline
    seal: Seal


def create_booking(
    *,
    order: SeatOrder,
    actor: Actor,
    keyed: KeyedRequest | None,
    respond_async: bool,
    flights: FlightService,
    refuses: Callable[[Money], str] = takes_any_amount,
    seal: Seal = NO_SEAL,
) -> CreateResult:
    """
    Hold seats for a payment window, at the price the flight has now, or had within FLIGHT_PRICE_SECONDS.

    Asks the Flight Service outside any transaction, within four seconds in all; writes nothing while it is not
    available. With a key, a repeat of a request whose outcome is unknown goes on where that one stood. `refuses` says
    why a total cannot be paid, as the payment gateway does: then no seats are held for it. `seal` seals the contact.

    :raises BookingNotFound: if the user has no such booking as is to be replaced
    :raises WrongCell: if the flight is of another cell
    :raises FlightNotFound: if there is no such flight
    :raises FlightUnusable: if the flight is shown in a way that cannot be sold
    :raises SeatsUnavailable: if the flight shows fewer seats than wanted
    :raises SeatSelectionUnavailable: if seats are wanted by number, and have none
    :raises PriceChanged: if a seat does not cost what the client expects; nothing is held and nothing written
    :raises InvalidRequest: if all seats together cost more than a number that every client reads exactly
    :raises AmountNotPayable: if the payment gateway cannot charge what they cost together
    :raises FlightServiceUnavailable: if the seats could not be asked for, or their answer is unknown
    :raises TooManyUnpaidBookings: if the user has as many of them as it may have
    :raises TooManyUnpaidSeats: if the user had more of them on this flight than it may have
    :raises RequestInProgress: if the same key is being worked on
    :raises IdempotencyKeyReused: if the key stands for another request
    """
    refuse_another_cell(order.flight_id)
    deadline = Deadline(CREATE_DEADLINE_SECONDS)
    waiting = _waiting(keyed, respond_async=respond_async)
    attempt = _Attempt(order, actor, keyed, waiting, flights, refuses, deadline, seal)
    if keyed is not None and (record := idempotency.find(keyed)) is not None:
        return _go_on(record, attempt)
    if order.replaces_id is not None:
        refuse_what_is_not_of(order.user_id, order.replaces_id)
    try:
        flight = _find_flight(attempt)
    except UnknownFlight as error:
        raise FlightNotFound from error
    except UnusableFlight as error:
        # Not at the price of five minutes ago either: what it shows now is not that any more.
        raise FlightUnusable from error
    except FlightsUnreachable as error:
        return _accept_unseen(attempt, error)
    # The flight came late, so the seats would come too late; or they cannot be asked for at all any more.
    if deadline.left() < RETRY_NEEDS_SECONDS or not flights.is_available():
        if not respond_async:
            raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        return _accept(attempt, flight)
    try:
        booking = _insert(attempt, flight, claimed=True)
    except KeyTaken:
        return _look_again(attempt)
    return _reserve(booking, attempt)


def _waiting(keyed: KeyedRequest | None, *, respond_async: bool) -> Waiting:
    if respond_async:
        return Waiting.CLIENT_IN_NO_HURRY
    return Waiting.CLIENT if keyed is None else Waiting.CLIENT_WITH_KEY


def _find_flight(attempt: _Attempt) -> Flight:
    """
    Give the flight, if it can be sold. What is remembered refuses nothing: before it would, the flight is asked for.

    :raises SeatsUnavailable: see `create_booking`, and for the other refusals
    """
    order, flights = attempt.order, attempt.flights
    flight = flights.recent_flight(order.flight_id, seconds=attempt.deadline.left())
    try:
        refuse_the_flight(order, flight, attempt.refuses)
    except BookingError:
        if not flight.is_remembered:
            raise
        flight = flights.get_flight(order.flight_id, seconds=attempt.deadline.left())
        refuse_the_flight(order, flight, attempt.refuses)
    return flight


def _accept_unseen(attempt: _Attempt, error: FlightsUnreachable) -> Accepted:
    """Accept a flight that is not shown now, as it was seen within the last five minutes."""
    order, is_patient = attempt.order, attempt.waiting is Waiting.CLIENT_IN_NO_HURRY
    known = attempt.flights.recall_flight(order.flight_id) if is_patient else None
    if known is None:
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    if order.seat_numbers:
        refuse_the_numbers(known)
    refuse_the_price(order, price_of(known), attempt.refuses)
    return _accept(attempt, known)


def _accept(attempt: _Attempt, flight: Flight) -> Accepted:
    """Accept without a try: the worker asks for the seats as soon as the Flight Service is back."""
    try:
        booking = _insert(attempt, flight, claimed=False)
    except KeyTaken as error:
        raise RequestInProgress(retry_after=1) from error
    return Accepted(booking, booking.created_at)


def _insert(attempt: _Attempt, flight: Flight, *, claimed: bool) -> Booking:
    """
    Run `booking.create` with fresh names, and again where a reference is taken; find the row of an unclear COMMIT.

    :raises KeyTaken: if another request has written the key first
    :raises TemporarilyUnavailable: if every reference was taken
    """
    order, keyed = attempt.order, attempt.keyed
    for _ in range(MOST_REFERENCES_TRIED):
        names = _Names.new()
        try:
            booking = _write_down(attempt, flight, names, claimed=claimed)
            log.info("booking.created", booking=booking.reference, flight=order.flight_id, seats=order.no_of_seats)
            return booking
        except (TooManyUnpaidBookings, TooManyUnpaidSeats) as error:
            # The one too many may be this very request, sent twice: then its key is there by now.
            if keyed is not None and idempotency.find(keyed) is not None:
                raise KeyTaken from error
            raise
        except (KeyTaken, IntegrityError):
            own = Booking.objects.filter(hold_key=names.hold_key).first()
            if own is not None:
                return own
            if not Booking.objects.filter(reference=names.reference).exists():
                raise
    log.error("booking.no_free_reference", flight=order.flight_id, seats=order.no_of_seats)
    raise TemporarilyUnavailable(retry_after=RETRY_AFTER_SECONDS)


@in_transaction("booking.create")
def _write_down(attempt: _Attempt, flight: Flight, names: _Names, *, claimed: bool) -> Booking:
    order, actor, price, leg = attempt.order, attempt.actor, price_of(flight), flight.leg
    now = refuse_one_too_many(order.user_id, flight_id=order.flight_id, seats=order.no_of_seats, besides=names.hold_key)
    record = None
    if attempt.keyed is not None:
        record = idempotency.begin(attempt.keyed, call_key=names.hold_key)
    booking = new(
        Booking,
        reference=names.reference,
        user_id=order.user_id,
        flight_id=order.flight_id,
        no_of_seats=order.no_of_seats,
        seat_numbers=",".join(order.seat_numbers),
        seat_price=price.amount,
        total_cost=price.amount * order.no_of_seats,
        currency=price.currency,
        flight_number=leg.number,
        departure_airport=leg.departure_airport,
        arrival_airport=leg.arrival_airport,
        departure_at=leg.departure_at,
        arrival_at=leg.arrival_at,
        client_reference=order.client_reference,
        metadata=json.dumps(dict(order.metadata), ensure_ascii=False) if order.metadata else "",
        replaces_id=order.replaces_id,
        created_at=now,
        updated_at=now,
        expires_at=now + payment_window(),
        request_id=actor.request_id,
        traceparent=tracing.traceparent(),
        created_by=actor.name if actor.kind == ActorKind.SERVICE else "",
        hold=Hold.ASKING,
        hold_key=names.hold_key,
        **(leased(names.lease, now) if claimed else not_sent_yet(now)),
    )
    is_accepted = record is not None and not claimed
    if is_accepted or order.contact is not None:
        insert(booking)
    else:
        insert_later(booking)
    if order.contact is not None:
        contact_of(booking, order.contact, seal=attempt.seal, now=now).save(force_insert=True)
    if record is not None and not claimed:
        idempotency.finish(record, Accepted(booking, now))
    return booking


def _look_again(attempt: _Attempt) -> CreateResult:
    record = idempotency.find(attempt.keyed) if attempt.keyed is not None else None
    if record is None:  # it was there a moment ago, and nothing was decided: the client may ask again
        raise RequestInProgress(retry_after=1)
    return _go_on(record, attempt)


def _go_on(record: IdempotencyRecord, attempt: _Attempt) -> CreateResult:
    """Replay a decided request, or take over the reservation of one whose lease is over."""
    if record.state == RecordState.DONE:
        return idempotency.replay(record)
    booking = Booking.objects.filter(hold_key=record.call_key).first() if record.call_key else None
    if booking is None:  # dropped and forgotten between two reads
        raise RequestInProgress(retry_after=1)
    if booking.hold == Hold.STUCK and booking.status == BookingStatus.CANCELLED:
        raise BookingCancelled
    if booking.hold == Hold.STUCK:
        raise RequestInProgress(
            "The Flight Service gave no usable answer; support staff will decide.",
            retry_after=STUCK_RETRY_AFTER_SECONDS,
        )
    if booking.is_due(database_time()) and not attempt.flights.is_available():
        # Nothing is written, so nothing may be promised either: no 202.
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    claimed = claim_reservation(booking.pk, lease=uuid.uuid4())
    if claimed is None:
        raise RequestInProgress(retry_after=1)
    return _reserve(claimed, attempt)


def _reserve(booking: Booking, attempt: _Attempt) -> Created | Accepted | Refused:
    lease = booking.lease
    if lease is None:
        raise AssertionError("a reservation is sent under a lease only")
    waiting = attempt.waiting
    outcome = ask(change_of(booking), flights=attempt.flights, deadline=attempt.deadline)
    booking = settle_reservation(booking, lease=lease, outcome=outcome, waiting=waiting, actor=attempt.actor)
    result = result_of(booking, waiting, at=booking.updated_at)
    if result is None or isinstance(outcome, CountedNotNamed):
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    return result
