"""Give the seats of cancelled bookings back to the Flight Service: one call for each flight."""

import uuid
from uuid import UUID

import structlog
from django.db.models import F
from django.db.models.functions import Coalesce

from bookings import queries
from bookings.clock import database_time
from bookings.conf import CALLS_PER_PASS, GIVE_BACK_BATCH, LEASE, WORKER_CALL_SECONDS
from bookings.lifecycle import Hold
from bookings.models import Booking, SeatCall
from bookings.models.seat_call import SeatCallKind, SeatCallState
from bookings.ports import (
    Applied,
    FlightService,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    SeatOutcome,
    Unknown,
)
from bookings.services.deadline import Deadline
from bookings.services.pauses import is_too_old, next_try
from bookings.transactions import in_transaction

log = structlog.get_logger(__name__)


def give_seats_back(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Send what is owed and return how many seats went back.

    For each flight: fix the members of one call, commit, send, record. An outcome that is unknown leaves the
    call open; it is sent again under the same key by `resend_open_calls`.
    """
    given = 0
    for flight_id in queries.flights_owed_seats(database_time()):
        while deadline:
            call = _cut(flight_id, call_key=uuid.uuid4(), lease=uuid.uuid4())
            if call is None:
                break
            given += _send(call, flights=flights)
    return given


def resend_open_calls(*, flights: FlightService, deadline: Deadline) -> int:
    """Send calls again whose lease or pause is over: same key, same payload. Returns the seats given back."""
    due = SeatCall.objects.filter(state=SeatCallState.OPEN, next_at__lte=database_time())
    given = 0
    for call_id in due.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]:
        if not deadline:
            break
        call = _claim(call_id, lease=uuid.uuid4())
        if call is not None:
            given += _send(call, flights=flights)
    return given


@in_transaction("give.t7")
def _cut(flight_id: int, *, call_key: UUID, lease: UUID) -> SeatCall | None:
    """
    Put the owed seats of one flight into one call. From here on members and payload are fixed.

    None: nothing is owed, or somebody else is just cutting it.
    """
    now = database_time()
    owed = Booking.objects.unfinished_business(now).filter(
        hold=Hold.GIVING_BACK, flight_id=flight_id, give_back=None
    )
    ids = sorted(owed.values_list("pk", flat=True)[:GIVE_BACK_BATCH])
    # The plain read may be stale: the condition is asked again of the locked rows.
    members = list(
        owed.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True).only("pk", "no_of_seats")
    )
    if not members:
        return None
    call = SeatCall(
        call_key=call_key,
        kind=SeatCallKind.GIVE,
        flight_id=flight_id,
        seats=sum(booking.no_of_seats for booking in members),
        claims=1,
        lease=lease,
        next_at=now + LEASE,
        first_sent_at=now,
        created_at=now,
    )
    call.save(force_insert=True)
    changed = Booking.objects.filter(
        pk__in=[booking.pk for booking in members], hold=Hold.GIVING_BACK, give_back=None
    ).update(give_back=call, hold_next_at=None)
    if changed != len(members):
        raise AssertionError("locked rows changed: the call would not match its members")
    return call


@in_transaction("sweep.t9")
def _claim(call_id: int, *, lease: UUID) -> SeatCall | None:
    now = database_time()
    claimed = SeatCall.objects.filter(pk=call_id, state=SeatCallState.OPEN, next_at__lte=now).update(
        lease=lease,
        claims=F("claims") + 1,
        next_at=now + LEASE,
        first_sent_at=Coalesce("first_sent_at", now),
    )
    return SeatCall.objects.filter(pk=call_id, lease=lease).first() if claimed else None


def _send(call: SeatCall, *, flights: FlightService) -> int:
    change = SeatChange(key=call.call_key, flight_id=call.flight_id, seats=call.seats, take=False)
    outcome = flights.change_seats(change, seconds=WORKER_CALL_SECONDS)
    _settle(call, outcome)
    if not isinstance(outcome, Applied):
        log.warning("seats.not_given_back", flight=call.flight_id, seats=call.seats, outcome=repr(outcome))
        return 0
    log.info("seats.given_back", flight=call.flight_id, seats=call.seats)
    return call.seats


@in_transaction("give.t8")
def _settle(call: SeatCall, outcome: SeatOutcome) -> None:
    """Record an answer. Applied and dead are final for the key, so whoever brings the word may write it."""
    now = database_time()
    still_open = SeatCall.objects.filter(pk=call.pk, state=SeatCallState.OPEN)
    match outcome:
        case Applied():
            still_open.update(state=SeatCallState.DONE, lease=None, next_at=None, done_at=now, last_error="")
        case Mistake(why=why):
            still_open.update(state=SeatCallState.DEAD, lease=None, next_at=None, last_error=why[:200])
        case NoSeats() | NoFlight():
            why = "refused: no such flight" if isinstance(outcome, NoFlight) else "refused"
            still_open.update(state=SeatCallState.DEAD, lease=None, next_at=None, last_error=why)
        case NotSent(why=why) | Unknown(why=why):
            mine = still_open.filter(lease=call.lease)
            if is_too_old(call.first_sent_at, now):
                mine.update(state=SeatCallState.DEAD, lease=None, next_at=None, last_error=why[:200])
                return
            asked_for = outcome.retry_after if isinstance(outcome, Unknown) else None
            at = next_try(now, claims=call.claims, asked_for=asked_for)
            mine.update(lease=None, next_at=at, last_error=why[:200])
