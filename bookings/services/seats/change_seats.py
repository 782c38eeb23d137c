"""Give a booking other seats, as its customer wants: write the call down, ask the Flight Service, record its answer."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import Actor, Cause
from bookings.answers.results import AlreadyDone, Changed, Refused, SeatsChanged
from bookings.conf import CREATE_DEADLINE_SECONDS, RETRY_AFTER_SECONDS, seats_have_numbers
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import (
    BookingCancelled,
    FlightServiceUnavailable,
    InvalidRequest,
    PaymentWindowClosed,
    Refusal,
    RequestInProgress,
    SeatChangeInProgress,
    SeatSelectionUnavailable,
)
from bookings.lifecycle import BookingStatus
from bookings.models import Booking, IdempotencyRecord, SeatExchange
from bookings.models.access.idempotency import RecordState
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.ports import FlightService
from bookings.queries.bookings.visible import refuse_if_changed, visible_to
from bookings.services.seats.exchange import claim_exchange, exchange_of, settle_exchange
from bookings.services.seats.reserve import STUCK_RETRY_AFTER_SECONDS, ask
from bookings.services.seats.seat_map import in_our_words
from bookings.services.shared import idempotency
from bookings.services.shared.idempotency import KeyedRequest, KeyTaken
from bookings.services.shared.leases import leased
from bookings.services.shared.transitions import begin_exchange, lock_booking, note_event
from bookings.text.seat_numbers import as_text, numbers_in

log = structlog.get_logger(__name__)

Result = Changed | Refused | AlreadyDone


@dataclass(frozen=True, slots=True)
class SeatWish:
    """
    Which seats a booking is to have, who wants that, and which versions of it were seen, if that matters.

    `note` says why, for those who work here: it stands in the timeline, whatever comes of the wish.
    """

    booking_id: int
    numbers: tuple[str, ...]
    actor: Actor
    seen: Collection[int] | None = None
    note: str = ""


def change_seats(*, wish: SeatWish, keyed: KeyedRequest | None, flights: FlightService) -> Result:
    """
    Exchange the seats of a booking for as many others, as it costs the same.

    Asks the Flight Service outside any transaction, within four seconds in all; writes nothing while it is not
    available. Without an answer the worker asks again, and the booking shows what came of it. With a key, a repeat of
    a request whose outcome is unknown goes on where that one stood.

    :raises SeatSelectionUnavailable: if seats have no numbers on this flight, or in these settings
    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    :raises UserMismatch: if it is not the actor's and only the request itself names the actor
    :raises BookingChanged: if it is not as the actor has seen it
    :raises InvalidRequest: if the booking has another number of seats
    :raises SeatChangeInProgress: if its seats are not confirmed yet, or it is not known what became of another exchange
    :raises FlightNotFound: if there is no such flight any more
    :raises FlightUnusable: if the flight is shown in a way that makes no sense
    :raises FlightServiceUnavailable: if nothing could be sent; then nothing has changed
    :raises RequestInProgress: if the same key is being worked on
    :raises IdempotencyKeyReused: if the key stands for another request
    """
    if not seats_have_numbers():
        raise SeatSelectionUnavailable
    deadline = Deadline(CREATE_DEADLINE_SECONDS)
    if keyed is not None and (record := idempotency.find(keyed)) is not None:
        return _go_on(record, flights, deadline)
    _look_at_the_flight(wish, flights, deadline)
    if not flights.is_available():
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    try:
        written = _write(wish, keyed)
    except KeyTaken as error:
        raise RequestInProgress(retry_after=1) from error
    return _send(written, flights, deadline) if isinstance(written, SeatExchange) else written


def _look_at_the_flight(wish: SeatWish, flights: FlightService, deadline: Deadline) -> None:
    """
    Refuse seats by number where the flight has none. Of another's booking nothing is said: its lock comes later.

    :raises SeatSelectionUnavailable: see `change_seats`, and for the other refusals
    """
    mine = Booking.objects.filter(pk=wish.booking_id, **visible_to(wish.actor))
    flight_id = mine.values_list("flight_id", flat=True).first()
    if flight_id is None:
        return
    with in_our_words():
        flight = flights.recent_flight(flight_id, seconds=deadline.left())
        if flight.is_remembered and flight.seat_map is None:
            flight = flights.get_flight(flight_id, seconds=deadline.left())
    if flight.seat_map is None:
        raise SeatSelectionUnavailable


def _write(wish: SeatWish, keyed: KeyedRequest | None) -> SeatExchange | SeatsChanged | Refused:
    """
    Run `exchange.write`, and find the row of an unclear COMMIT.

    :raises KeyTaken: if another request has written the key first
    """
    call_key = uuid.uuid4()
    try:
        return _write_down(wish, keyed, call_key=call_key, lease=uuid.uuid4())
    except (KeyTaken, SeatChangeInProgress):
        own = SeatExchange.objects.filter(call_key=call_key).first()
        if own is None:
            raise
        return own


@in_transaction("exchange.write")
def _write_down(
    wish: SeatWish, keyed: KeyedRequest | None, *, call_key: UUID, lease: UUID
) -> SeatExchange | SeatsChanged | Refused:
    """Write the call down; or say what is so without one, and keep that under the key."""
    record = idempotency.begin(keyed, call_key=call_key) if keyed is not None else None
    booking, now = lock_booking(wish.booking_id, actor=wish.actor)
    refuse_if_changed(booking, seen=wish.seen)
    decided: SeatsChanged | Refused | None = None
    try:
        _refuse_a_change(booking, wish, now)
    except Refusal as problem:
        decided = Refused("change_seats", problem, wish.actor.request_id)
    else:
        if as_text(wish.numbers) == booking.seat_numbers:
            decided = SeatsChanged(booking, now)
    if decided is not None:
        if record is not None:
            idempotency.finish(record, decided)
        return decided
    has = numbers_in(booking.seat_numbers)
    take = [number for number in wish.numbers if number not in has]
    give = [number for number in has if number not in wish.numbers]
    exchange = SeatExchange(
        booking=booking,
        open_booking_id=booking.pk,
        call_key=call_key,
        flight_id=booking.flight_id,
        seats=len(take),
        take_numbers=as_text(take),
        give_numbers=as_text(give),
        actor_kind=wish.actor.kind,
        actor_name=wish.actor.name[:150],
        request_id=wish.actor.request_id,
        created_at=now,
        **leased(lease, now),
    )
    exchange.save(force_insert=True)
    begin_exchange(booking, wish.numbers, now=now)
    if wish.note:
        note_event(booking, EventKind.NOTED, Cause(wish.actor, note=wish.note), now=now)
    log.info("seats.exchange_written", booking=booking.reference, flight=booking.flight_id, seats=len(take))
    return exchange


def _refuse_a_change(booking: Booking, wish: SeatWish, now: datetime) -> None:
    """
    Refuse a booking whose seats cannot be changed, or not to these.

    :raises SeatChangeInProgress: see `change_seats`, and for the other refusals
    """
    if booking.status == BookingStatus.CANCELLED:
        raise BookingCancelled
    if booking.status == BookingStatus.INITIATED and booking.expires_at <= now:
        raise PaymentWindowClosed
    if booking.status == BookingStatus.PENDING or booking.wanted_seats:
        raise SeatChangeInProgress(retry_after=1)
    if len(wish.numbers) != booking.no_of_seats:
        said = f"This booking has {booking.no_of_seats}: name as many."
        raise InvalidRequest(fields={"seatNumbers": said})


def _go_on(record: IdempotencyRecord, flights: FlightService, deadline: Deadline) -> Result:
    """Replay a decided request, or take over the exchange of one whose lease is over."""
    if record.state == RecordState.DONE:
        return idempotency.replay(record)
    exchange = SeatExchange.objects.filter(call_key=record.call_key).first() if record.call_key else None
    if exchange is None:  # dropped and forgotten between two reads
        raise RequestInProgress(retry_after=1)
    if exchange.state == ExchangeState.STUCK:
        raise RequestInProgress(
            "The Flight Service gave no usable answer; support staff will decide.",
            retry_after=STUCK_RETRY_AFTER_SECONDS,
        )
    if exchange.is_due(database_time()) and not flights.is_available():
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    claimed = claim_exchange(exchange.pk, lease=uuid.uuid4())
    if claimed is None:
        raise RequestInProgress(retry_after=1)
    return _send(claimed, flights, deadline)


def _send(exchange: SeatExchange, flights: FlightService, deadline: Deadline) -> Changed | Refused:
    outcome = ask(exchange_of(exchange), flights=flights, deadline=deadline)
    result = settle_exchange(exchange, outcome=outcome)
    if result is None:
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    return result
