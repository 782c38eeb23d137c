"""Let staff decide about an exchange that the worker gave up: whether it was applied, or to ask once more."""

import uuid
from datetime import datetime
from uuid import UUID

from bookings.conf import WORKER_CALL_SECONDS, peer_knows_keys
from bookings.db.transactions import in_transaction
from bookings.errors import (
    FlightServiceRests,
    NothingToDecide,
    SeatCallNotFound,
    SeatsOfAnother,
    SeatsTakenByOthers,
)
from bookings.lifecycle import Decision, Hold
from bookings.models import Booking, SeatExchange
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.ports import FlightService
from bookings.services.seats.exchange import end_as_applied, end_as_refused, exchange_of, lock_exchange, settle_exchange
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.services.shared.transitions import SeatGivenTwice, note_event
from bookings.wake import wake_worker


def resolve_exchange(*, exchange_id: int, resolution: Resolution, flights: FlightService) -> SeatExchange:
    """
    Carry out what staff decided about a stuck exchange, and return it as it is then.

    To retry sends the same request under the same key, once; without an answer it is asking again, and the worker
    goes on from there. The other two decisions take the place of the answer; nothing is sent. The same page sent
    twice decides once.

    :raises SeatCallNotFound: if there is no such exchange
    :raises NothingToDecide: if it is not stuck, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    :raises FlightServiceRests: if the Flight Service is not asked just now; then nothing has changed
    :raises SeatsOfAnother: if another booking has one of the seats that this one would have; nothing has changed
    """
    exchange = SeatExchange.objects.filter(pk=exchange_id).first()
    if exchange is None:
        raise SeatCallNotFound
    lease = uuid.uuid4()
    if resolution.is_retry and not flights.is_available():
        raise FlightServiceRests
    try:
        if resolution.is_retry:
            exchange = _claim(exchange, lease=lease, resolution=resolution)
        elif _decide(exchange, resolution=resolution).hold == Hold.GIVING_BACK:
            wake_worker()
    except SeatGivenTwice as error:
        raise SeatsOfAnother from error
    except KeyTaken:
        pass
    if exchange.lease == lease:
        settle_exchange(exchange, outcome=flights.change_seats(exchange_of(exchange), seconds=WORKER_CALL_SECONDS))
    exchange.refresh_from_db()
    return exchange


@in_transaction("exchange.retry")
def _claim(exchange: SeatExchange, *, lease: UUID, resolution: Resolution) -> SeatExchange:
    resolution.begin("exchange", row_id=exchange.pk)
    booking, exchange, now = _lock_stuck(exchange)
    refuse_to_count_twice(exchange.first_sent_at, now, knows_keys=peer_knows_keys())
    write(exchange, {"state": ExchangeState.ASKING, **leased(lease, now, before=exchange)})
    note_event(booking, EventKind.EXCHANGE_RETRIED, resolution.cause(), now=now)
    return exchange


@in_transaction("exchange.decide")
def _decide(exchange: SeatExchange, *, resolution: Resolution) -> Booking:
    resolution.begin("exchange", row_id=exchange.pk)
    booking, exchange, now = _lock_stuck(exchange)
    note_event(booking, EventKind.EXCHANGE_RESOLVED, resolution.cause(resolution.decision), now=now)
    if resolution.decision is Decision.APPLIED:
        end_as_applied(booking, exchange, now=now)
    else:
        end_as_refused(booking, exchange, SeatsTakenByOthers(), why=exchange.last_error, now=now)
    return booking


def _lock_stuck(exchange: SeatExchange) -> tuple[Booking, SeatExchange, datetime]:
    booking, exchange, now = lock_exchange(exchange)
    if exchange.state != ExchangeState.STUCK:
        raise NothingToDecide(f"This exchange does not wait for a decision: it is {exchange.state}.")
    return booking, exchange, now
