"""Find out whether a Flight Service honors Idempotency-Key, by asking it twice for one seat."""

import enum
import uuid
from dataclasses import dataclass

from bookings.ports import Applied, FlightService, FlightsUnreachable, SeatChange, UnknownFlight

# How long an operator waits for the answer at a terminal.
CALL_SECONDS = 5.0


class Keys(enum.Enum):
    """What a repetition under one key did."""

    HONORED = "it was counted once"
    IGNORED = "it was counted twice"
    UNCLEAR = "it is not known"


@dataclass(frozen=True, slots=True)
class KeysTried:
    """The result; `seats_out` have not come back: an operator must give them back by hand, or look."""

    keys: Keys
    why: str
    seats_out: int = 0


def try_key_support(*, flights: FlightService, flight_id: int) -> KeysTried:
    """
    Take one seat of a test flight, ask for it again with the same key, and give back what is gone.

    Judges by the seats left, so no other client may book the flight meanwhile. Writes no row: if this process is
    killed in between, give the seats back by hand. Locks nothing.
    """
    try:
        at_first = flights.get_flight(flight_id, seconds=CALL_SECONDS).seats_left
    except UnknownFlight:
        return KeysTried(Keys.UNCLEAR, "there is no such flight")
    except FlightsUnreachable:
        return KeysTried(Keys.UNCLEAR, "the Flight Service does not show the flight")
    reservation = SeatChange(key=uuid.uuid4(), flight_id=flight_id, seats=1, reserves=True)
    tried = KeysTried(Keys.UNCLEAR, "it was interrupted")
    try:
        tried = _judged(flights, reservation, at_first)
    finally:
        # Interrupted or not: what is gone goes back.
        seats_out = _release(flights, flight_id, at_first)
    return KeysTried(tried.keys, tried.why, seats_out)


def _judged(flights: FlightService, reservation: SeatChange, at_first: int) -> KeysTried:
    """Send the reservation twice, and read the counter after each."""
    gone = []
    for _ in range(2):
        outcome = flights.change_seats(reservation, seconds=CALL_SECONDS)
        if not isinstance(outcome, Applied):
            return KeysTried(Keys.UNCLEAR, f"a reservation of one seat ended as {outcome}")
        try:
            gone.append(at_first - flights.get_flight(reservation.flight_id, seconds=CALL_SECONDS).seats_left)
        except (FlightsUnreachable, UnknownFlight):
            return KeysTried(Keys.UNCLEAR, "the Flight Service does not show the flight any more")
    if gone == [1, 1]:
        return KeysTried(Keys.HONORED, "a repeated reservation was counted once")
    if gone == [1, 2]:
        return KeysTried(Keys.IGNORED, "a repeated reservation was counted twice")
    return KeysTried(Keys.UNCLEAR, "the seats left changed in another way: other clients book this flight")


def _release(flights: FlightService, flight_id: int, at_first: int) -> int:
    """Give back what is gone, once: where keys are ignored a repetition counts. Tell what is still gone."""
    gone = _gone(flights, flight_id, at_first)
    # More, or fewer than none: other clients changed them.
    if gone not in (1, 2):
        return max(0, min(gone, 2))
    release = SeatChange(key=uuid.uuid4(), flight_id=flight_id, seats=gone, reserves=False)
    if isinstance(flights.change_seats(release, seconds=CALL_SECONDS), Applied):
        return 0
    return max(0, min(_gone(flights, flight_id, at_first), 2))


def _gone(flights: FlightService, flight_id: int, at_first: int) -> int:
    """Tell how many seats fewer there are; if that is not known, two, the most that there can be."""
    try:
        return at_first - flights.get_flight(flight_id, seconds=CALL_SECONDS).seats_left
    except (FlightsUnreachable, UnknownFlight):
        return 2
