"""
Which seats a flight has by number, and how they stand.

A flight of up to 600 seats has a map: rows of 3-3, or of 2-2 below 100 seats, the last one short. One seat more than
its capacity is shown, for the crew: blocked from the start, and never sold.

Only seats that differ from this stand in the store. So 10,000 flights are stored as quickly as without maps.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice

from flightsim.store import Flight

# What the answer with the map has room for: clients may read no more than 64 KiB.
MOST_SEATS_ON_A_MAP = 600

WIDE_FROM_SEATS = 100
NARROW = ("A", "B", None, "C", "D")
WIDE = ("A", "B", "C", None, "D", "E", "F")

CABIN = "economy"
CREW_SEAT = "1A"

_NUMBER = re.compile(r"([1-9][0-9]{0,2})([A-Z])", re.ASCII)


class SeatNumbers(Enum):
    """What this Flight Service makes of seat numbers."""

    KEPT = "numbers are shown, taken and given back"
    IGNORED = "the map is shown, and numbers in a change are ignored: it counts"
    UNKNOWN = "no map, and a change with numbers is invalid"


class Standing(Enum):
    """How one seat stands; the word is the wire's."""

    FREE = "free"
    TAKEN = "taken"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


def with_seats(flight: Flight, seats: int) -> Flight:
    """Return the flight with so many seats, all of them free, and the map that goes with them."""
    mapped = seats + 1 if 0 < seats <= MOST_SEATS_ON_A_MAP else 0
    return flight._replace(capacity=seats, remaining=seats, mapped=mapped)


def columns_of(flight: Flight) -> tuple[str | None, ...]:
    """Return the columns of its rows from left to right; None is the aisle."""
    return WIDE if flight.mapped > WIDE_FROM_SEATS else NARROW


def seats_of(flight: Flight) -> list[tuple[int, str]]:
    """Return row and column of each of its seats, from the front to the back."""
    letters = [letter for letter in columns_of(flight) if letter is not None]
    rows = range(1, flight.mapped // len(letters) + 2)
    return list(islice(((row, letter) for row in rows for letter in letters), flight.mapped))


def in_order(numbers: Iterable[str]) -> list[str]:
    """Sort numbers by row, then by column; what is no number comes last."""
    return sorted(numbers, key=_place)


def _place(number: str) -> tuple[int, str]:
    read = _NUMBER.fullmatch(number)
    return (int(read[1]), read[2]) if read else (10**6, number)


def standing(flight: Flight, number: str, kept: Mapping[str, tuple[bool, str | None]]) -> Standing:
    """Return how a seat stands, by what the store has `kept` about the seats of its flight."""
    if not _is_on(flight, number):
        return Standing.UNKNOWN
    blocked, taken_by = kept.get(number, (number == CREW_SEAT, None))
    if taken_by is not None:
        return Standing.TAKEN
    return Standing.BLOCKED if blocked else Standing.FREE


def _is_on(flight: Flight, number: str) -> bool:
    read = _NUMBER.fullmatch(number)
    letters = [letter for letter in columns_of(flight) if letter is not None]
    if read is None or read[2] not in letters:
        return False
    return (int(read[1]) - 1) * len(letters) + letters.index(read[2]) < flight.mapped


def map_as_json(flight: Flight, kept: Mapping[str, tuple[bool, str | None]]) -> dict[str, object]:
    """Return counter and map with the names of the wire."""
    described: dict[str, object] = {"flightId": flight.id, "version": flight.map_version, "price": flight.price}
    if flight.currency is not None:
        described["currency"] = flight.currency
    described["capacity"] = flight.capacity
    described["totalSeats"] = flight.remaining
    described["cabins"] = [{"name": CABIN, "columns": list(columns_of(flight))}]
    described["seats"] = [
        {
            "number": f"{row}{letter}",
            "row": row,
            "column": letter,
            "cabin": CABIN,
            "status": standing(flight, f"{row}{letter}", kept).value,
        }
        for row, letter in seats_of(flight)
    ]
    return described
