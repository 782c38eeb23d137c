"""
A Flight Service without keys, made to look as if it had them.

See Note [What a gate remembers], and docs/unkeyed.md.
"""

import enum
import functools
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from bookings.conf import GATE_LOOK_EVERY_SECONDS, GATE_SEND_NEEDS_SECONDS, GATE_WAIT_SECONDS, WORKER_CALL_SECONDS
from bookings.deadline import Deadline
from bookings.gateways.flight_service.unkeyed.gates import (
    NotOurTurn,
    begin_sending,
    claim_gate,
    end_sending,
    is_of_a_fix,
    leave_gate,
    make_lockable,
)
from bookings.models import FlightGate
from bookings.observability import metrics
from bookings.ports import (
    Applied,
    Flight,
    FlightService,
    FlightsHealth,
    FlightsUnreachable,
    Mistake,
    NeverKnown,
    NoFlight,
    NoSeatMap,
    NoSeats,
    NotSent,
    SeatChange,
    SeatMap,
    SeatOutcome,
    Unknown,
    UnknownFlight,
)

log = structlog.get_logger(__name__)

# For one look at the counter after a change, while the client waits for its answer.
LOOK_SECONDS = 1.0

R = TypeVar("R")


class Counter(enum.Enum):
    """Who changes the seats of the flights."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class UnkeyedFlights:
    """
    The port to a Flight Service that adds and subtracts, never refuses and remembers nothing.

    Wraps the gateway to it. Each flight has one change at a time; it is sent only if the counter shows the seats,
    and its outcome is kept under its key. After a lost answer the counter tells the outcome when `settle` has
    passed, if no other system changes it; otherwise it stays unknown, and the change is never sent again.

    Waits at most a second for the flight, then says *not sent*. Needs the database, and raises what that raises:
    the change is then settled by the next call under its key.
    """

    def __init__(self, service: FlightService, *, counter: Counter, settle: timedelta, at_once: int) -> None:
        self._service = service
        self._is_exclusive = counter is Counter.EXCLUSIVE
        self._settle = settle
        self._at_once = at_once

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        return self._service.get_flight(flight_id, seconds=seconds)

    def recent_flight(self, flight_id: int, *, seconds: float) -> Flight:
        return self._service.get_flight(flight_id, seconds=seconds)

    def get_seat_map(self, flight_id: int, *, seconds: float) -> SeatMap:
        # What became of a number whose answer was lost, no counter tells.
        raise NoSeatMap(flight_id)

    def answers(self, *, seconds: float) -> bool:
        return self._service.answers(seconds=seconds)

    def recall_flight(self, flight_id: int) -> Flight | None:
        return self._service.recall_flight(flight_id)

    def is_available(self) -> bool:
        return self._service.is_available()

    def spend_repetition(self) -> bool:
        return self._service.spend_repetition()

    def health(self) -> FlightsHealth:
        return self._service.health()

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        if change.numbers or change.in_place_of:
            return Mistake("without keys there are no seats by number")
        deadline = Deadline(seconds)
        lease = uuid.uuid4()
        make_lockable(change.flight_id, slots=self._at_once)
        gate = _in_turn(functools.partial(self._claim, change, lease), deadline)
        if isinstance(gate, NotOurTurn):
            return NotSent(gate.why)
        if not isinstance(gate, FlightGate):
            return gate
        flight = self._look(change, gate, deadline)
        if flight is None:
            return self._leave(gate, "the counter cannot be read", lease=lease)
        if not isinstance(flight, Flight):
            return self._end(change, flight, lease=lease, remaining=None)
        remaining = flight.seats_left - flight.oversold
        judge = self._conclude if gate.is_unresolved else self._refuse
        verdict = judge(gate, change, remaining)
        if verdict is not None:
            return self._end(change, verdict, lease=lease, remaining=remaining)
        return self._send(change, gate, remaining, lease=lease, deadline=deadline)

    def _claim(self, change: SeatChange, lease: UUID) -> FlightGate | SeatOutcome | NotOurTurn:
        return claim_gate(change, lease=lease, settle=self._settle, is_exclusive=self._is_exclusive)

    def _leave(self, gate: FlightGate, why: str, *, lease: UUID) -> NotSent | Unknown:
        """End the lease without having sent anything; a change that was sent under an earlier one stays unknown."""
        leave_gate(gate.flight_id, lease=lease)
        return Unknown(why) if gate.is_unresolved else NotSent(why)

    def _look(self, change: SeatChange, gate: FlightGate, deadline: Deadline) -> Flight | NoFlight | Mistake | None:
        """Read the counter. None: it could not be read."""
        try:
            flight = self._service.get_flight(change.flight_id, seconds=deadline.left())
        except UnknownFlight:
            # If the change was sent, its seats are gone with the flight, or come back with it.
            return NoFlight() if change.reserves and not gate.is_unresolved else Mistake("there is no such flight")
        except FlightsUnreachable:
            return None
        _tell_if_oversold(flight)
        return flight

    def _refuse(self, gate: FlightGate, change: SeatChange, remaining: int) -> SeatOutcome | None:
        """Refuse in place of a Flight Service that never refuses."""
        known = gate.known_remaining
        if self._is_exclusive and known is not None and known != remaining:
            metrics.COUNTER_ALARMS.labels("counter_moved").inc()
            log.error("flights.counter_moved", flight=change.flight_id, seats=remaining - known)
        return NoSeats() if change.reserves and remaining < change.seats else None

    def _conclude(self, gate: FlightGate, change: SeatChange, remaining: int) -> SeatOutcome | None:
        """Tell by the counter what became of a change whose answer was lost. None: it may be sent again."""
        moved = remaining - (gate.known_remaining or 0)
        if moved == (-change.seats if change.reserves else change.seats):
            return Applied()
        if moved == 0:
            return NoSeats() if change.reserves and _ends_unsent(change, remaining) else None
        metrics.COUNTER_ALARMS.labels("counter_unexplained").inc()
        log.error("flights.counter_unexplained", flight=change.flight_id, seats=moved)
        return Mistake(f"no answer, and the counter moved by {moved:+d}")

    def _send(
        self, change: SeatChange, gate: FlightGate, remaining: int, *, lease: UUID, deadline: Deadline
    ) -> SeatOutcome:
        def begin() -> NotOurTurn | NotSent | None:
            if deadline.left() < GATE_SEND_NEEDS_SECONDS:
                return NotSent("no time for an answer")
            return begin_sending(
                change,
                lease=lease,
                known_remaining=remaining,
                slots=self._at_once,
                is_exclusive=self._is_exclusive,
            )

        held = _in_turn(begin, deadline)
        if held is not None:
            return self._leave(gate, held.why, lease=lease)
        outcome: SeatOutcome = NotSent("paused before it was sent")
        if deadline.left() >= GATE_SEND_NEEDS_SECONDS / 2:
            outcome = self._service.change_seats(change, seconds=min(WORKER_CALL_SECONDS, deadline.left()))
        if isinstance(outcome, Unknown):
            outcome = self._unseen(outcome)
        if isinstance(outcome, Applied):
            remaining += -change.seats if change.reserves else change.seats
        outcome = self._end(change, outcome, lease=lease, remaining=remaining)
        if isinstance(outcome, Applied) and change.reserves and not self._is_exclusive:
            self._look_back(change.flight_id, deadline)
        return outcome

    def _unseen(self, outcome: Unknown) -> SeatOutcome:
        """Say what a lost answer means: ask when it has settled, or never."""
        if self._is_exclusive:
            return Unknown(outcome.why, retry_after=self._settle.total_seconds())
        return NeverKnown(f"{outcome.why}: others change the counter too")

    def _end(self, change: SeatChange, outcome: SeatOutcome, *, lease: UUID, remaining: int | None) -> SeatOutcome:
        """Store the outcome. If the lease was lost meanwhile: *unknown*, unless the outcome proves what was sent."""
        if end_sending(change, outcome, lease=lease, known_remaining=remaining, settle=self._settle):
            return outcome
        # This process was paused for longer than its lease, and another one had the gate since.
        metrics.COUNTER_ALARMS.labels("answer_too_late").inc()
        log.error("flights.answer_too_late", flight=change.flight_id, seats=change.seats, outcome=repr(outcome))
        return outcome if isinstance(outcome, Applied | NotSent) else Unknown("overtaken")

    def _look_back(self, flight_id: int, deadline: Deadline) -> None:
        """Raise the alarm if other systems took the same seats at the same time."""
        try:
            _tell_if_oversold(self._service.get_flight(flight_id, seconds=min(LOOK_SECONDS, deadline.left())))
        except (UnknownFlight, FlightsUnreachable):
            return


def _ends_unsent(change: SeatChange, remaining: int) -> bool:
    """
    Tell whether a change that was not applied is final.

    Always for a booking, whose client has gone; for a correction only if too few seats are left.
    """
    return remaining < change.seats or not is_of_a_fix(change.key)


def _tell_if_oversold(flight: Flight) -> None:
    if flight.oversold:
        metrics.COUNTER_ALARMS.labels("oversold").inc()
        log.error("flights.oversold", flight=flight.id, seats=flight.oversold)


def _in_turn(ask: Callable[[], R], deadline: Deadline) -> R:
    """Ask again for up to one second; give up at once if the wait is known to be longer."""
    patience = Deadline(min(GATE_WAIT_SECONDS, deadline.left()))
    while isinstance(answer := ask(), NotOurTurn) and answer.seconds <= patience.left() and patience:
        time.sleep(GATE_LOOK_EVERY_SECONDS)
    return answer
