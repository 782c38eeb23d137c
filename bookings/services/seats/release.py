"""Give the seats of cancelled bookings back to the Flight Service: one call for each flight."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from bookings.conf import CALLS_PER_PASS, RELEASE_BATCH, WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import Hold
from bookings.models import Booking, SeatCall
from bookings.models.seats.seat_call import SeatCallKind, SeatCallState
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
    SeatsTaken,
    Unknown,
)
from bookings.queries.seats import owed
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.text.seat_numbers import as_text, numbers_in

log = structlog.get_logger(__name__)

# What a log line says of a call that was carried out, and of one that was not.
GIVEN_BACK = ("seats.given_back", "seats.not_given_back")
TAKEN = ("seats.taken", "seats.not_taken")


def release_seats(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Send what is owed and return how many seats went back.

    For each flight: fix the members of one call, commit, send, record. An outcome that is unknown leaves the
    call open; it is sent again under the same key by `resend_open_calls`. While the Flight Service is not
    available no call is made: all that is owed by then goes into one.
    """

    owed_seats = owed.owed_by_flight(database_time())

    def release_seats_of(flight_id: int) -> int:
        given, ids = 0, owed_seats[flight_id]
        for first in range(0, len(ids), RELEASE_BATCH):
            if not deadline or not flights.is_available():
                break
            call = _cut(flight_id, ids[first : first + RELEASE_BATCH], call_key=uuid.uuid4(), lease=uuid.uuid4())
            delivered = send_call(call, flights=flights) if call is not None else 0
            given += delivered
            if not delivered:
                break
        return given

    return for_each(owed_seats, release_seats_of, deadline=deadline)


def resend_open_calls(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Send calls again whose lease or pause is over: same key, same payload. Returns the seats given back.

    None is claimed while the Flight Service is not available.
    """
    rows = SeatCall.objects.filter(state=SeatCallState.OPEN).due(database_time())

    def resend(call_id: int) -> int:
        if not flights.is_available():
            return 0
        call = _claim(call_id, lease=uuid.uuid4())
        return send_call(call, flights=flights) if call is not None else 0

    ids = rows.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, resend, deadline=deadline)


@in_transaction("seats.release")
def _cut(flight_id: int, ids: Sequence[int], *, call_key: UUID, lease: UUID) -> SeatCall | None:
    """
    Put the owed seats of these bookings of one flight into one call. From here on members and payload are fixed.

    None: nothing is owed, or another worker is just making the call.
    """
    if (cut := SeatCall.objects.filter(call_key=call_key).first()) is not None:
        return cut  # the COMMIT of the run before this one was lost
    now = database_time()
    owed = Booking.objects.due(now).filter(hold=Hold.GIVING_BACK, flight_id=flight_id, give_back=None)
    # That they are owed was read before: it is asked of the locked rows. While an exchange is open it is not known
    # which seats they are.
    rows = owed.filter(pk__in=ids, wanted_seats="").order_by("pk").select_for_update(skip_locked=True)
    members, numbers = _together(rows.values_list("pk", "no_of_seats", "seat_numbers"))
    if not members:
        return None
    seats = sum(members.values())
    call = leased_call(SeatCallKind.RELEASE, flight_id=flight_id, seats=seats, call_key=call_key, lease=lease, now=now)
    call.seat_numbers = as_text(numbers)
    call.save(force_insert=True)
    changed = Booking.objects.filter(pk__in=[*members], hold=Hold.GIVING_BACK, give_back=None).update(
        give_back=call, next_at=None
    )
    if changed != len(members):
        raise AssertionError("locked rows changed: the call would not match its members")
    return call


def _together(rows: Iterable[tuple[int, int, str]]) -> tuple[dict[int, int], set[str]]:
    """
    Which bookings go into one call with how many seats, and the numbers of all of them.

    A seat that two of them owe was given out twice: the later one waits for a call of its own.
    """
    members: dict[int, int] = {}
    numbers: set[str] = set()
    for booking_id, seats, text in rows:
        own = numbers_in(text)
        if numbers.isdisjoint(own):
            members[booking_id] = seats
            numbers.update(own)
    return members, numbers


def leased_call(
    kind: SeatCallKind, *, flight_id: int, seats: int, call_key: UUID, lease: UUID, now: datetime
) -> SeatCall:
    """Make a call that is leased to the process that writes it down, which will send it. It is not saved yet."""
    return SeatCall(
        kind=kind,
        flight_id=flight_id,
        seats=seats,
        call_key=call_key,
        created_at=now,
        **leases.leased(lease, now),
    )


@in_transaction("release.claim")
def _claim(call_id: int, *, lease: UUID) -> SeatCall | None:
    """Lease an open call, as `leases.claim` does. One that was first sent too long ago is dead."""

    def give_up(call: SeatCall, now: datetime) -> None:
        leases.write(call, {"state": SeatCallState.DEAD, **leases.over(call.last_error)})

    return leases.claim(
        SeatCall, call_id, lease=lease, is_unanswered=lambda call: call.state == SeatCallState.OPEN, give_up=give_up
    )


def send_call(call: SeatCall, *, flights: FlightService) -> int:
    """Send a call that is leased, once, and record the answer. Returns the seats that went back."""
    numbers = numbers_in(call.seat_numbers)
    change = SeatChange(call.call_key, call.flight_id, call.seats, reserves=call.reserves, numbers=numbers)
    outcome = flights.change_seats(change, seconds=WORKER_CALL_SECONDS)
    _settle(call, outcome)
    done, not_done = TAKEN if call.reserves else GIVEN_BACK
    if not isinstance(outcome, Applied):
        log.warning(not_done, flight=call.flight_id, seats=call.seats, outcome=repr(outcome))
        return 0
    log.info(done, flight=call.flight_id, seats=call.seats)
    return 0 if call.reserves else call.seats


@in_transaction("seats.released")
def _settle(call: SeatCall, outcome: SeatOutcome) -> None:
    """Record an answer. *Applied* and *dead* are final per key: a caller whose lease is over may record them."""
    now = database_time()
    still_open = SeatCall.objects.filter(pk=call.pk, state=SeatCallState.OPEN)
    match outcome:
        case Applied():
            still_open.update(state=SeatCallState.DONE, fixes_flight_id=None, done_at=now, **leases.over())
        case Mistake(why=why) | NeverKnown(why=why) | CountedNotNamed(why=why):
            still_open.update(state=SeatCallState.DEAD, **leases.over(why))
        case NoSeats() | SeatsTaken() | NoFlight():
            why = "refused: no such flight" if isinstance(outcome, NoFlight) else "refused"
            still_open.update(state=SeatCallState.DEAD, **leases.over(why))
        case NotSent() | Unknown():
            still_open.filter(lease=call.lease).update(**leases.put_off(call, outcome, now))
