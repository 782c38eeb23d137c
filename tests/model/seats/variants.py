"""What is played through, and the protocol without one of its rules each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.model.explore import NO_END
from tests.model.seats.protocol import LOST, OVERSOLD, SEATLESS, TOO_MANY_BACK, Bounds
from tests.model.seats.world import Left

NO_FAULTS = Left(*(0,) * len(Left._fields))


def bounds(*seats: int, capacity: int = 2, **left: int) -> Bounds:
    """Bounds without faults and wishes but those that are named."""
    return Bounds(seats, capacity, left=NO_FAULTS._replace(**left))


class Broken(NamedTuple):
    """What the lack of a rule leads to, and bounds within which it does."""

    wrong: str
    bounds: Bounds


QUICK: Mapping[str, Bounds] = MappingProxyType(
    {
        "two bookings for one seat, a delayed call, a lease that ends": bounds(
            1, 1, capacity=1, delays=1, pauses=1, repeats=1, cancels=1
        ),
        "two bookings for one seat, a lost call, a day and a week": bounds(
            1, 1, capacity=1, losses=1, ages=2, cancels=1
        ),
        "two bookings, a dead process, one release": bounds(2, 1, capacity=3, crashes=1, cancels=1),
        "one booking, most faults": bounds(1, crashes=1, losses=1, pauses=1, repeats=1, ages=2),
    }
)

FULL: Mapping[str, Bounds] = MappingProxyType(
    {
        "two bookings for one seat, most faults": bounds(
            1, 1, capacity=1, crashes=1, losses=1, pauses=1, repeats=1, cancels=1
        ),
        "three bookings, a lost call, a lease that ends": bounds(1, 2, 1, capacity=3, losses=1, pauses=1, cancels=1),
        "one booking, each fault, two of some": bounds(
            1, crashes=1, losses=2, delays=1, pauses=1, repeats=1, cancels=1, ages=2
        ),
    }
)

BROKEN: Mapping[str, Broken] = MappingProxyType(
    {
        "an unclear reservation is forgotten": Broken(LOST, bounds(1, losses=2)),
        "an unclear reservation is released at once": Broken(TOO_MANY_BACK, bounds(1, losses=2)),
        "seats are released before they are known to be held": Broken(TOO_MANY_BACK, bounds(1, cancels=1)),
        "a late reservation is not released": Broken(LOST, bounds(1, cancels=1)),
        "an expiry releases nothing": Broken(LOST, bounds(1)),
        "a new key at each reservation": Broken(LOST, bounds(1, crashes=1)),
        "a new key at each release": Broken(SEATLESS, bounds(1, 1, crashes=1, cancels=1)),
        "not sent is never applied": Broken(LOST, bounds(1, crashes=1, losses=1)),
        "confirmed before it is known": Broken(OVERSOLD, bounds(1, 1, capacity=1)),
        "an unclear release is made again": Broken(TOO_MANY_BACK, bounds(1, losses=1)),
        "a release is done before it is sent": Broken(LOST, bounds(1)),
        "members are added to a release": Broken(LOST, bounds(1, 1, crashes=1)),
        "a call is repeated after a week": Broken(TOO_MANY_BACK, bounds(1, crashes=1, ages=2)),
        "a refusal is not final": Broken(LOST, bounds(1, 1, capacity=1, delays=1, pauses=1)),
        "a reservation is asked for once": Broken(NO_END, bounds(1, losses=2)),
        "a lease never ends": Broken(NO_END, bounds(1, crashes=1)),
    }
)
