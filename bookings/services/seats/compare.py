"""Compares one flight with the Flight Service, for the report of differences and for corrections."""

# Note [Why a difference stays true]
# A flight is compared while nothing is under way: no reservation, release or correction of it is without an answer
# before the look, and after it our rows are what they were. Every call is written down before it is sent, so a call
# that could have changed what the look shows appears in the rows after it, as a new row or as one under way.
# A difference that is found like that does not grow old: from then on every create, cancellation and expiry moves both
# sides by the same number, through rows of its own, and leaves the difference as it is. So no booking has to be locked
# to correct it, and no booking that is made meanwhile can spoil it. Only another correction takes it away.
# Seats by number are looked at beside the counts, in the same answer: the rows of our side move with its bookings, so
# they are what they were where those are.

from dataclasses import dataclass
from typing import Any

from bookings.conf import WORKER_CALL_SECONDS, seats_have_numbers
from bookings.deadline import Deadline
from bookings.ports import Flight, FlightService, FlightsUnreachable, NoSeatMap, SeatStatus, UnknownFlight
from bookings.queries.seats.held import SeatsOfFlight, known_capacity, numbers_held, seats_of
from bookings.text.seat_numbers import in_order


@dataclass(frozen=True, slots=True)
class Compared:
    """
    The seats of one flight, as either side counts them while nothing is under way.

    By number: `leaked` are taken there, and no booking has them; `missing` are held here and not taken there, so that
    they can be sold again. Of these some may be `blocked` there.
    """

    flight: int
    ours: SeatsOfFlight
    taken: int
    leaked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        return self.ours.held

    @property
    def too_many(self) -> int:
        """Seats that are taken there and not held here; below zero they are held and not taken."""
        return self.taken - self.ours.held

    @property
    def drift(self) -> int:
        return max(abs(self.too_many), len(self.leaked), len(self.missing))

    @property
    def numbers_agree(self) -> bool:
        """Whether one call corrects numbers and counts alike. Otherwise people look at it."""
        if self.too_many > 0:
            return not self.missing and len(self.leaked) <= self.too_many
        return not self.leaked and not self.blocked and len(self.missing) <= -self.too_many

    def as_row(self) -> dict[str, Any]:
        """What is kept and shown of a difference; numbers only if some differ."""
        row: dict[str, Any] = {"flight": self.flight, "held": self.held, "taken": self.taken}
        by_number = {"leaked": self.leaked, "missing": self.missing}
        return {**row, **{name: [*numbers] for name, numbers in by_number.items() if numbers}}


def compare(flight_id: int, *, flights: FlightService, deadline: Deadline) -> Compared | None:
    """
    Look at both sides of a flight. See Note [Why a difference stays true].

    None while a call about it is unanswered or waits for staff, where our side changes during the look, and where
    the Flight Service does not show the flight, or its capacity is not known.
    """
    before = seats_of(flight_id)
    if before.under_way:
        return None
    try:
        flight, there = _look(flight_id, flights=flights, deadline=deadline)
    except (UnknownFlight, FlightsUnreachable):
        return None
    capacity = known_capacity(flight_id) if flight.capacity is None else flight.capacity
    # Without a map nothing is known about numbers.
    held = numbers_held(flight_id) if there else set()
    if capacity is None or seats_of(flight_id) != before:
        return None
    taken = {number for number, status in there.items() if status is SeatStatus.TAKEN}
    missing = in_order(held - taken)
    return Compared(
        flight_id,
        ours=before,
        taken=capacity - flight.seats_left + flight.oversold,
        leaked=in_order(taken - held),
        missing=missing,
        blocked=tuple(number for number in missing if there.get(number) is not SeatStatus.FREE),
    )


def _look(flight_id: int, *, flights: FlightService, deadline: Deadline) -> tuple[Flight, dict[str, SeatStatus]]:
    """Give the flight's counter, and how each of its seats stands, from one answer; no seats where it has no map."""
    if seats_have_numbers():
        try:
            shown = flights.get_seat_map(flight_id, seconds=min(WORKER_CALL_SECONDS, deadline.left()))
        except NoSeatMap:
            pass
        else:
            return shown.flight, {seat.number: seat.status for seat in shown.seats}
    return flights.get_flight(flight_id, seconds=min(WORKER_CALL_SECONDS, deadline.left())), {}
