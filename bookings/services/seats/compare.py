"""Compares one flight with the Flight Service, for the report of differences and for corrections."""

# Note [Why a difference stays true]
# A flight is compared while nothing is under way: no reservation, release or correction of it is without an answer
# before the look, and after it our rows are what they were. Every call is written down before it is sent, so a call
# that could have changed what the look shows appears in the rows after it, as a new row or as one under way.
# A difference that is found like that does not grow old: from then on every create, cancellation and expiry moves both
# sides by the same number, through rows of its own, and leaves the difference as it is. So no booking has to be locked
# to correct it, and no booking that is made meanwhile can spoil it. Only another correction takes it away.

from dataclasses import dataclass

from bookings.conf import WORKER_CALL_SECONDS
from bookings.deadline import Deadline
from bookings.ports import FlightService, FlightsUnreachable, UnknownFlight
from bookings.queries.seats.held import SeatsOfFlight, known_capacity, seats_of


@dataclass(frozen=True, slots=True)
class Compared:
    """The seats of one flight, as either side counts them while nothing is under way."""

    flight: int
    ours: SeatsOfFlight
    taken: int

    @property
    def held(self) -> int:
        return self.ours.held

    @property
    def too_many(self) -> int:
        """Seats that are taken there and not held here; below zero they are held and not taken."""
        return self.taken - self.ours.held

    @property
    def drift(self) -> int:
        return abs(self.too_many)


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
        flight = flights.get_flight(flight_id, seconds=min(WORKER_CALL_SECONDS, deadline.left()))
    except (UnknownFlight, FlightsUnreachable):
        return None
    capacity = known_capacity(flight_id) if flight.capacity is None else flight.capacity
    if capacity is None or seats_of(flight_id) != before:
        return None
    return Compared(flight_id, ours=before, taken=capacity - flight.seats_left + flight.oversold)
