"""Let staff decide about a give-back that the worker has given up: whether it was applied, or to send it again."""

import uuid
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import FlightServiceRests, GiveBackNotFound, NothingToDecide
from bookings.lifecycle import Decision
from bookings.models import Booking, SeatCall, SeatCallEvent
from bookings.models.seats.seat_call import SeatCallEventKind, SeatCallKind, SeatCallState
from bookings.ports import FlightService
from bookings.services.seats.release import send_call
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import is_written, note_of_decision
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)


def resolve_release(*, call_id: int, decision: Decision, actor: Actor, note: str, flights: FlightService) -> SeatCall:
    """
    Carry out what staff decided about a dead give-back, and return it as it is then.

    To retry sends the same request under the same key, once; without an answer it is open again, and the worker
    goes on from there: it gives up at once what was first sent more than 24 hours ago. Of one that was not
    applied the worker sends the seats anew, under another key. Otherwise nobody is called.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note says nothing, or too much
    :raises GiveBackNotFound: if there is no such give-back
    :raises NothingToDecide: if it is not dead, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key may be forgotten
    :raises RetryCountsTwice: if it was sent to a Flight Service that knows no keys
    :raises FlightServiceRests: if the Flight Service is not asked just now; then nothing has changed
    """
    note = note_of_decision(note, actor=actor)
    if decision is Decision.RETRY:
        if not flights.is_available():
            raise FlightServiceRests
        call = _claim(call_id, lease=uuid.uuid4(), actor=actor, note=note)
        send_call(call, flights=flights)
        call.refresh_from_db()
        return call
    if decision is Decision.APPLIED:
        return _close(call_id, actor=actor, note=note, since=database_time())
    call = _void(call_id, actor=actor, note=note, since=database_time())
    wake_worker()
    return call


@in_transaction("release.retry")
def _claim(call_id: int, *, lease: UUID, actor: Actor, note: str) -> SeatCall:
    call = _lock(call_id)
    if call.lease == lease:  # the COMMIT of the run before this one was lost
        return call
    _must_be_dead(call)
    now = database_time()
    refuse_to_count_twice(call.first_sent_at, now)
    write(call, {"state": SeatCallState.OPEN, **leased(lease, now, before=call)})
    _append(call, SeatCallEventKind.RETRIED, actor=actor, note=note, now=now)
    return call


@in_transaction("release.decide")
def _close(call_id: int, *, actor: Actor, note: str, since: datetime) -> SeatCall:
    call = _lock(call_id)
    if _is_mine(call, actor=actor, note=note, since=since):
        return call
    _must_be_dead(call)
    now = database_time()
    _end(call, now=now)
    _append(call, SeatCallEventKind.APPLIED, actor=actor, note=note, now=now)
    return call


@in_transaction("release.decide")
def _void(call_id: int, *, actor: Actor, note: str, since: datetime) -> SeatCall:
    """
    Put the members on the ledger again, to be cut under a new call, and keep this one without any.

    A fix has none: the next comparison finds the difference again.
    Locks the members before the call, as everybody does.
    """
    ids = sorted(Booking.objects.filter(give_back=call_id).values_list("pk", flat=True))
    members = Booking.objects.filter(pk__in=ids, give_back=call_id)
    locked = list(members.order_by("pk").select_for_update().only("pk", "no_of_seats"))
    call = _lock(call_id)
    if _is_mine(call, actor=actor, note=note, since=since):
        return call
    _must_be_dead(call)
    if call.kind == SeatCallKind.GIVE and sum(booking.no_of_seats for booking in locked) != call.seats:
        raise AssertionError("a dead give-back has lost a member: its seats would be given back by nobody")
    now = database_time()
    members.update(give_back=None, next_at=now)
    call.kind = SeatCallKind.VOID  # a give-back has as many seats as its members
    _end(call, now=now)
    _append(call, SeatCallEventKind.NOT_APPLIED, actor=actor, note=note, now=now)
    return call


def _lock(call_id: int) -> SeatCall:
    call = SeatCall.objects.select_for_update().filter(pk=call_id).first()
    if call is None:
        raise GiveBackNotFound
    return call


def _must_be_dead(call: SeatCall) -> None:
    if call.state != SeatCallState.DEAD:
        state = "void" if call.kind == SeatCallKind.VOID else call.state
        raise NothingToDecide(f"This give-back does not wait for a decision: it is {state}.")


def _is_mine(call: SeatCall, *, actor: Actor, note: str, since: datetime) -> bool:
    """Tell whether the run before this one has decided, and the answer to its COMMIT was lost."""
    return call.state != SeatCallState.DEAD and is_written(
        call.events.order_by("pk").last(), actor=actor, note=note, since=since
    )


def _end(call: SeatCall, *, now: datetime) -> None:
    call.state = SeatCallState.DONE
    call.fixes_flight_id = None
    call.done_at = now
    call.save(update_fields=["kind", "state", "fixes_flight_id", "done_at"])


def _append(call: SeatCall, what: SeatCallEventKind, *, actor: Actor, note: str, now: datetime) -> None:
    SeatCallEvent.by(actor, at=now, seat_call=call, what=what, note=note).save()
    log.info("seat_call.decided", flight=call.flight_id, seats=call.seats, what=str(what), actor=str(actor.kind))
