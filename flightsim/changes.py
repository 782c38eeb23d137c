"""What a change of seats asks for: the body of the request, read exactly."""

import json
from typing import NamedTuple

from flightsim.seat_map import SeatNumbers, in_order
from flightsim.store import MAX_SEATS

# A longer word names no seat of any flight.
LONGEST_NUMBER = 8

PLAIN = {"seats", "dec"}
NAMED = PLAIN | {"seatNumbers", "inPlaceOf"}


class Given(NamedTuple):
    """Seats that are given back in exchange; those without a number are the rest of `seats`."""

    seats: int
    numbers: tuple[str, ...]


class SeatChange(NamedTuple):
    """
    A valid request to change seats: `dec` is 1 to take and 0 to give back.

    `numbers` are some of these seats, in the order of the map: the rest is counted. With `in_place_of` other seats are
    given back in the same change.
    """

    seats: int
    dec: int
    numbers: tuple[str, ...] = ()
    in_place_of: Given | None = None

    @property
    def taken(self) -> Given:
        """What is taken, counted and by number."""
        return Given(self.seats, self.numbers) if self.dec else Given(0, ())

    @property
    def given(self) -> Given:
        """What is given back, counted and by number."""
        return self.in_place_of or (Given(0, ()) if self.dec else Given(self.seats, self.numbers))

    def fingerprint(self) -> tuple[int, int, str, str]:
        """Return what tells two changes under one key apart."""
        other = self.in_place_of
        in_exchange = "" if other is None else f"{other.seats}:{','.join(other.numbers)}"
        return self.seats, self.dec, ",".join(self.numbers), in_exchange


def seat_change_in(body: bytes, numbers: SeatNumbers = SeatNumbers.KEPT) -> SeatChange | None:
    """Read the body of a seat change; None unless its members have the right types and bounds, and it has no others."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if type(content) is not dict:
        return None
    if numbers is SeatNumbers.IGNORED:
        content = {name: value for name, value in content.items() if name in PLAIN}
    if not PLAIN <= content.keys() <= (NAMED if numbers is SeatNumbers.KEPT else PLAIN):
        return None
    dec, wanted = content["dec"], _seats_in(content)
    # By exact type: True and 2.0 are no integers here, though Python would let them pass.
    if type(dec) is not int or dec not in (0, 1) or wanted is None:
        return None
    if "inPlaceOf" not in content:
        return SeatChange(wanted.seats, dec, wanted.numbers)
    other = content["inPlaceOf"]
    given = _seats_in(other) if type(other) is dict and other.keys() == {"seats", "seatNumbers"} else None
    if given is None or dec == 0 or set(given.numbers) & set(wanted.numbers):
        return None
    return SeatChange(wanted.seats, dec, wanted.numbers, given)


def _seats_in(content: dict[str, object]) -> Given | None:
    seats, numbers = content["seats"], content.get("seatNumbers", [])
    if type(seats) is not int or not 1 <= seats <= MAX_SEATS or type(numbers) is not list:
        return None
    if not all(type(number) is str and 1 <= len(number) <= LONGEST_NUMBER for number in numbers):
        return None
    if len(numbers) > seats or len(set(numbers)) < len(numbers):
        return None
    return Given(seats, tuple(in_order(numbers)))
