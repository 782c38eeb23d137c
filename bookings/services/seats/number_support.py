"""Find out whether a Flight Service keeps seats by number, by taking one and giving it back."""

import enum
import uuid
from dataclasses import dataclass

from bookings.ports import (
    Applied,
    CountedNotNamed,
    FlightService,
    FlightsUnreachable,
    Mistake,
    NoSeatMap,
    NotSent,
    SeatChange,
    SeatOutcome,
    SeatStatus,
    Unknown,
    UnknownFlight,
)
from bookings.services.seats.key_support import CALL_SECONDS

# The flight cannot be looked at: nothing is known of its seats.
NOT_SHOWN = (UnknownFlight, FlightsUnreachable)


class Numbers(enum.Enum):
    """What became of a seat that was asked for by its number."""

    KEPT = "it was taken by its number"
    NO_MAP = "the flight has no map"
    REFUSED = "the number was refused as a mistake"
    IGNORED = "a seat was counted, and its number ignored"
    NOT_MARKED = "the map does not show it as taken"
    UNCLEAR = "it is not known"


@dataclass(frozen=True, slots=True)
class NumbersTried:
    """The result; with `is_out` the seat, or one by count, has not come back: an operator must see to it."""

    numbers: Numbers
    seat: str = ""
    why: str = ""
    is_out: bool = False


def try_number_support(*, flights: FlightService, flight_id: int) -> NumbersTried:
    """
    Take the last free seat of a test flight by its number, look at the map, and give the seat back.

    For a Flight Service that honors keys: what a lost answer said is asked for under the same key. Writes no row: if
    this process is killed in between, give the seat back by hand.
    """
    try:
        seats = flights.get_seat_map(flight_id, seconds=CALL_SECONDS).seats
    except NoSeatMap:
        return NumbersTried(Numbers.NO_MAP)
    except NOT_SHOWN:
        return NumbersTried(Numbers.UNCLEAR, why="the Flight Service does not show the map")
    free = [seat.number for seat in seats if seat.status is SeatStatus.FREE]
    if not free:
        return NumbersTried(Numbers.UNCLEAR, why="no seat of the flight is free")
    seat = free[-1]
    reservation = SeatChange(uuid.uuid4(), flight_id, 1, reserves=True, numbers=(seat,))
    taken, numbers, is_out = None, Numbers.UNCLEAR, True
    try:
        taken = flights.change_seats(reservation, seconds=CALL_SECONDS)
        numbers = _judged(flights, reservation, taken)
    finally:
        # Interrupted or not: what was taken goes back.
        is_out = not _release(flights, reservation, taken)
    return NumbersTried(numbers, seat, f"a reservation of seat {seat} ended as {taken}", is_out)


def _judged(flights: FlightService, reservation: SeatChange, taken: SeatOutcome) -> Numbers:
    if isinstance(taken, CountedNotNamed):
        return Numbers.IGNORED
    if isinstance(taken, Mistake):
        return Numbers.REFUSED
    if not isinstance(taken, Applied):
        return Numbers.UNCLEAR
    try:
        seats = flights.get_seat_map(reservation.flight_id, seconds=CALL_SECONDS).seats
    except (NoSeatMap, *NOT_SHOWN):
        return Numbers.UNCLEAR
    stands = {seat.number: seat.status for seat in seats}
    return Numbers.KEPT if stands.get(reservation.numbers[0]) is SeatStatus.TAKEN else Numbers.NOT_MARKED


def _release(flights: FlightService, reservation: SeatChange, taken: SeatOutcome | None) -> bool:
    """Give back what was taken, by its number if it was taken so; tell whether nothing of it is out any more."""
    if taken is None or isinstance(taken, Unknown):
        # What it came to; and if it never arrived, the seat is taken now, and goes back at once.
        taken = flights.change_seats(reservation, seconds=CALL_SECONDS)
        if isinstance(taken, NotSent | Unknown):
            return False
    if not isinstance(taken, Applied | CountedNotNamed):
        return True
    numbers = reservation.numbers if isinstance(taken, Applied) else ()
    release = SeatChange(uuid.uuid4(), reservation.flight_id, 1, reserves=False, numbers=numbers)
    return isinstance(flights.change_seats(release, seconds=CALL_SECONDS), Applied)
