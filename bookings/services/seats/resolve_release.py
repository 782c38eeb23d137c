"""Let staff decide about a seat call that the worker has given up: whether it was applied, or to send it again."""

import uuid
from datetime import datetime
from uuid import UUID

import structlog

from bookings.conf import peer_knows_keys
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import FlightServiceRests, NothingToDecide, SeatCallNotFound
from bookings.lifecycle import Decision
from bookings.models import Booking, SeatCall, SeatCallEvent
from bookings.models.seats.seat_call import SeatCallEventKind, SeatCallKind, SeatCallState
from bookings.ports import FlightService
from bookings.services.seats.release import send_call
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)


def resolve_release(*, call_id: int, resolution: Resolution, flights: FlightService) -> SeatCall:
    """
    Carry out what staff decided about a dead seat call, and return it as it is then.

    To retry sends the same request under the same key, once; without an answer it is open again, and the worker
    goes on from there: it gives up at once what was first sent more than 24 hours ago. Of a release that was not
    applied the worker sends the seats once more, under another key. Otherwise nothing is sent. The same page sent
    twice decides once.

    :raises SeatCallNotFound: if there is no such call
    :raises NothingToDecide: if it is not dead, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    :raises RetryCountsTwice: if it was sent to a Flight Service that knows no keys
    :raises FlightServiceRests: if the Flight Service is not asked just now; then nothing has changed
    """
    lease = uuid.uuid4()
    if resolution.is_retry and not flights.is_available():
        raise FlightServiceRests
    try:
        if resolution.is_retry:
            call = _claim(call_id, lease=lease, resolution=resolution)
        elif resolution.decision is Decision.APPLIED:
            call = _close(call_id, resolution=resolution)
        else:
            call = _void(call_id, resolution=resolution)
    except KeyTaken:
        call = SeatCall.objects.get(pk=call_id)
    if call.lease == lease:
        send_call(call, flights=flights)
        call.refresh_from_db()
    if call.kind == SeatCallKind.VOID:
        wake_worker()
    return call


@in_transaction("release.retry")
def _claim(call_id: int, *, lease: UUID, resolution: Resolution) -> SeatCall:
    resolution.begin("release", row_id=call_id)
    call = _lock_dead(call_id)
    now = database_time()
    refuse_to_count_twice(call.first_sent_at, now, knows_keys=peer_knows_keys())
    write(call, {"state": SeatCallState.OPEN, **leased(lease, now, before=call)})
    _append(call, SeatCallEventKind.RETRIED, resolution, now=now)
    return call


@in_transaction("release.decide")
def _close(call_id: int, *, resolution: Resolution) -> SeatCall:
    resolution.begin("release", row_id=call_id)
    call = _lock_dead(call_id)
    now = database_time()
    _end(call, now=now)
    _append(call, SeatCallEventKind.APPLIED, resolution, now=now)
    return call


@in_transaction("release.decide")
def _void(call_id: int, *, resolution: Resolution) -> SeatCall:
    """
    Owe the seats of the members back again, for a new call, and keep this call without members.

    A correction has none: the next comparison finds the difference again.
    Locks the members before the call, as every transaction does.
    """
    resolution.begin("release", row_id=call_id)
    ids = sorted(Booking.objects.filter(give_back=call_id).values_list("pk", flat=True))
    members = Booking.objects.filter(pk__in=ids, give_back=call_id)
    locked = list(members.order_by("pk").select_for_update().only("pk", "no_of_seats"))
    call = _lock_dead(call_id)
    if call.kind == SeatCallKind.RELEASE and sum(booking.no_of_seats for booking in locked) != call.seats:
        raise AssertionError("a dead release has lost a member: no call would give its seats back")
    now = database_time()
    members.update(give_back=None, next_at=now)
    call.kind = SeatCallKind.VOID  # a release has as many seats as its members
    _end(call, now=now)
    _append(call, SeatCallEventKind.NOT_APPLIED, resolution, now=now)
    return call


def _lock_dead(call_id: int) -> SeatCall:
    call = SeatCall.objects.select_for_update().filter(pk=call_id).first()
    if call is None:
        raise SeatCallNotFound
    if call.state != SeatCallState.DEAD:
        state = "void" if call.kind == SeatCallKind.VOID else call.state
        raise NothingToDecide(f"This call does not wait for a decision: it is {state}.")
    return call


def _end(call: SeatCall, *, now: datetime) -> None:
    write(call, {"kind": call.kind, "state": SeatCallState.DONE, "fixes_flight_id": None, "done_at": now})


def _append(call: SeatCall, what: SeatCallEventKind, resolution: Resolution, *, now: datetime) -> None:
    actor = resolution.actor
    SeatCallEvent.by(actor, at=now, seat_call=call, what=what, note=resolution.note).save()
    log.info("seat_call.decided", flight=call.flight_id, seats=call.seats, what=str(what), actor=str(actor.kind))
