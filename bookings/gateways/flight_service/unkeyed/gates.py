"""
The gates of flights at a Flight Service without keys: the transactions of `unkeyed.flights`, and nothing else.

A gate lets one seat change at a time through, and keeps the last one with its outcome until that is recorded in
the row it is about. See Note [What a gate remembers].
"""

# Note [What a gate remembers]
# If a worker dies between the answer and the COMMIT that records it, the next worker asks again, under the same key.
# A Flight Service with keys would answer as before; this one would count twice. So the outcome is written here first,
# under the key, and the next change of the flight must not replace it until the booking or seat call that owns the
# key is decided. And a process that was paused and overtaken finds its key decided, and sends nothing. Refusals are
# kept like all other outcomes: a refusal that was answered must stay one.

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, Sum

from bookings.conf import CLOCK_TOLERANCE, GATE_LEASE, WORKER_CALL_SECONDS
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.db.waiting_line import lines
from bookings.errors import TemporarilyUnavailable
from bookings.lifecycle import Hold
from bookings.models import Booking, FlightGate, PatchSlot, SeatCall
from bookings.models.seats.flight_gate import GateOutcome, InFlightKind
from bookings.models.seats.seat_call import SeatCallState
from bookings.ports import (
    Applied,
    Mistake,
    NeverKnown,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    SeatOutcome,
    Unknown,
)

WORDS: dict[type[object], GateOutcome] = {
    Applied: GateOutcome.APPLIED,
    NoSeats: GateOutcome.NO_SEATS,
    NoFlight: GateOutcome.NO_FLIGHT,
    Mistake: GateOutcome.MISTAKE,
    NeverKnown: GateOutcome.NEVER_KNOWN,
}

CLOCK_IN_DOUBT = "the database's clock has jumped"

# Of a slot that was never used.
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NotOurTurn:
    """The gate is taken; `seconds` is a lower bound of the wait, 0 if it is unknown."""

    why: str
    seconds: float = 0.0


def make_lockable(flight_id: int, *, slots: int) -> None:
    """Insert missing rows, which are locked later."""
    has_gate = FlightGate.objects.filter(pk=flight_id).exists()
    if not has_gate or PatchSlot.objects.filter(number__lt=slots).count() < slots:
        _insert_missing(flight_id, slots=slots)


@in_transaction("gate.make")
def _insert_missing(flight_id: int, *, slots: int) -> None:
    FlightGate.objects.bulk_create([FlightGate(flight_id=flight_id)], ignore_conflicts=True)
    every = [PatchSlot(number=number, until=NEVER) for number in range(slots)]
    PatchSlot.objects.bulk_create(every, ignore_conflicts=True)


@in_transaction("gate.claim")
def claim_gate(
    change: SeatChange, *, lease: UUID, settle: timedelta, is_exclusive: bool
) -> FlightGate | SeatOutcome | NotOurTurn:
    """
    Lease the gate to this change, or say what became of the change, or that another one has the gate.

    A gate that is given with a call in flight has this very change in flight, and it has settled.
    """
    try:
        with lines.place_for(f"gate {change.flight_id}"):
            gate = _lock(change.flight_id)
    except TemporarilyUnavailable:
        return NotOurTurn("others wait for the gate without success")
    now = database_time()
    if gate.lease == lease:  # the COMMIT of the run before this one was lost
        return gate
    is_mine = gate.inflight_key == change.key
    if is_mine and gate.outcome:
        return _outcome(gate)
    must_settle = gate.is_unresolved or gate.outcome == GateOutcome.NEVER_KNOWN
    if must_settle:
        _begin_again_if_ahead(gate, now)
    if gate.is_leased(now):
        return (
            _unknown("is being sent", gate.leased_until, now) if is_mine else NotOurTurn("another change is under way")
        )
    if (gate.lease is not None or must_settle) and not clock_is_proven():
        # The lease is over by a clock that has jumped: its holder may still be sending.
        return _unknown(CLOCK_IN_DOUBT, None, now) if is_mine else NotOurTurn(CLOCK_IN_DOUBT)
    if is_mine and not is_exclusive:
        # Its sender has not come back. The counter does not tell whether it was applied, as others change it.
        return _end(gate, NeverKnown("no answer, and others change the counter too"), known_remaining=None)
    if must_settle:
        settled_at = None if gate.inflight_since is None else gate.inflight_since + settle
        if settled_at is not None and settled_at > now:
            if is_mine:
                return _unknown("no answer; the counter is read when it has settled", settled_at, now)
            return NotOurTurn("the outcome of another change is unknown", (settled_at - now).total_seconds())
    if not is_mine and _is_open(gate.inflight_key):
        return NotOurTurn("the outcome of another change is being recorded")
    if not is_mine:
        _take_out_of_flight(gate)
    gate.lease, gate.leased_until, gate.slot = lease, now + GATE_LEASE, None
    gate.save()
    return gate


@in_transaction("gate.send")
def begin_sending(
    change: SeatChange, *, lease: UUID, known_remaining: int, slots: int, is_exclusive: bool
) -> NotOurTurn | NotSent | None:
    """
    Write down what is in flight, as the last thing before it is sent. None: send it now.

    Looks once more whether the change still has the gate, and whether it is still undecided.
    """
    gate = _lock(change.flight_id)
    now = database_time()
    if gate.lease != lease or gate.leased_until is None:
        return NotSent("overtaken")
    if gate.leased_until - now < timedelta(seconds=WORKER_CALL_SECONDS):
        return NotSent("too late to send")
    if gate.slot is not None:  # the COMMIT of the run before this one was lost
        return None
    if _is_open(change.key) is False:
        return NotSent("decided meanwhile")
    if not clock_is_proven():
        # A slot whose time is over by a clock that has jumped may be in use.
        return NotSent(CLOCK_IN_DOUBT)
    every = PatchSlot.objects.filter(number__lt=slots)
    every.filter(until__gt=now + GATE_LEASE + CLOCK_TOLERANCE).update(until=now + GATE_LEASE)
    free = every.select_for_update(skip_locked=True).filter(until__lte=now)
    slot = free.order_by("number").first()
    if slot is None:
        return NotOurTurn(f"{slots} changes are under way")
    slot.until = gate.leased_until
    slot.save(update_fields=["until"])
    _put_in_flight(gate, change, now)
    gate.slot, gate.known_remaining = slot.number, known_remaining
    if not is_exclusive:
        gate.capacity = None
    elif gate.capacity is None and not _waits_for_staff(change.flight_id):
        gate.capacity = known_remaining + _seats_taken(change.flight_id)
    gate.save()
    return None


@in_transaction("gate.answered")
def end_sending(
    change: SeatChange, outcome: SeatOutcome, *, lease: UUID, known_remaining: int | None, settle: timedelta
) -> bool:
    """
    Keep the outcome of a change and end its lease. False: the lease had ended before, and another change got one.

    `known_remaining` is what the counter should show now; None if that is not known. A change that was not sent
    leaves nothing behind; one with an unknown outcome stays in flight, and keeps its slot until it has settled.
    """
    gate = _lock(change.flight_id)
    now = database_time()
    if gate.lease != lease:
        # Also where the COMMIT of the run before this one was lost: then the outcome is there, or nothing is left.
        if isinstance(outcome, NotSent):
            return gate.inflight_key != change.key
        return gate.inflight_key == change.key and gate.outcome == WORDS.get(type(outcome), "")
    if gate.inflight_key != change.key:  # refused before it was sent
        _put_in_flight(gate, change, now)
    # The Flight Service may still be working on a change that it has not answered.
    is_over = not isinstance(outcome, Unknown | NeverKnown)
    _free_slot(gate, until=now if is_over else now + settle)
    if isinstance(outcome, Unknown):
        _end_turn(gate)
    else:
        _end(gate, outcome, known_remaining=known_remaining)
    return True


@in_transaction("gate.leave")
def leave_gate(flight_id: int, *, lease: UUID) -> None:
    """End the lease without having sent anything; what was in flight before stays."""
    FlightGate.objects.filter(pk=flight_id, lease=lease).update(lease=None, leased_until=None)


def is_of_a_fix(key: UUID) -> bool:
    """Whether a seat call has this key; of the calls that take seats, only corrections are seat calls."""
    return SeatCall.objects.filter(call_key=key).exists()


def _lock(flight_id: int) -> FlightGate:
    return FlightGate.objects.select_for_update().get(pk=flight_id)


def _is_open(key: UUID | None) -> bool | None:
    """Tell whether the booking or seat call that owns a key waits for its outcome; None if there is none."""
    if key is None:
        return None
    hold = Booking.objects.filter(hold_key=key).values_list("hold", flat=True).first()
    if hold is not None:
        return hold == Hold.ASKING
    state = SeatCall.objects.filter(call_key=key).values_list("state", flat=True).first()
    return None if state is None else state == SeatCallState.OPEN


def _begin_again_if_ahead(gate: FlightGate, now: datetime) -> None:
    """
    Treat a change that seems to be sent in the future as sent now, under a lease that begins now.

    A clock was ahead for an unknown time: the lease's holder may have sent the change a moment ago.
    """
    if gate.inflight_since is None or gate.inflight_since <= now + CLOCK_TOLERANCE:
        return
    gate.inflight_since = now
    if gate.lease is not None:
        gate.leased_until = now + GATE_LEASE
    gate.save(update_fields=["inflight_since", "leased_until"])


def _put_in_flight(gate: FlightGate, change: SeatChange, now: datetime) -> None:
    gate.inflight_kind = InFlightKind.RESERVATION if change.reserves else InFlightKind.RELEASE
    gate.inflight_key = change.key
    gate.inflight_seats, gate.inflight_since = change.seats, now
    gate.outcome = gate.why = ""


def _take_out_of_flight(gate: FlightGate) -> None:
    gate.inflight_kind = gate.outcome = gate.why = ""
    gate.inflight_key = gate.inflight_seats = gate.inflight_since = None


def _end(gate: FlightGate, outcome: SeatOutcome, *, known_remaining: int | None) -> SeatOutcome:
    """End the lease with an outcome that is final."""
    if isinstance(outcome, NotSent):
        _take_out_of_flight(gate)
    else:
        gate.outcome, gate.why = WORDS[type(outcome)], str(getattr(outcome, "why", ""))[:200]
    gate.known_remaining = known_remaining
    _end_turn(gate)
    return outcome


def _end_turn(gate: FlightGate) -> None:
    gate.lease = gate.leased_until = gate.slot = None
    gate.save()


def _free_slot(gate: FlightGate, *, until: datetime) -> None:
    if gate.slot is not None and gate.leased_until is not None:
        PatchSlot.objects.filter(number=gate.slot, until=gate.leased_until).update(until=min(until, gate.leased_until))


def _outcome(gate: FlightGate) -> SeatOutcome:
    match gate.outcome:
        case GateOutcome.APPLIED:
            return Applied()
        case GateOutcome.NO_SEATS:
            return NoSeats()
        case GateOutcome.NO_FLIGHT:
            return NoFlight()
        case GateOutcome.MISTAKE:
            return Mistake(gate.why)
    return NeverKnown(gate.why)


def _unknown(why: str, until: datetime | None, now: datetime) -> Unknown:
    return Unknown(why, retry_after=0.0 if until is None else (until - now).total_seconds())


def _waits_for_staff(flight_id: int) -> bool:
    """Whether the flight has a call of which it is not known whether the counter contains its seats."""
    stuck = Booking.objects.filter(flight_id=flight_id, hold=Hold.STUCK)
    return stuck.exists() or SeatCall.objects.filter(flight_id=flight_id, state=SeatCallState.DEAD).exists()


def _seats_taken(flight_id: int) -> int:
    """Count the seats that are ours at the Flight Service while no change of the flight is under way."""
    not_back = Q(give_back=None) | ~Q(give_back__state=SeatCallState.DONE)
    ours = Booking.objects.filter(Q(hold=Hold.HELD) | Q(hold=Hold.GIVING_BACK) & not_back, flight_id=flight_id)
    return ours.aggregate(seats=Sum("no_of_seats"))["seats"] or 0
