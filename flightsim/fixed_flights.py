"""
Flights that always behave in one way, so that a client can try each answer at will.

The last three digits of an id say what it is about. They are there whatever the options say. Only two of them fail in a
way that may be of this whole service: a client may take three flights that fail like that for an outage, and must not
leave the others alone because these were tried one after another.
"""

import itertools

from flightsim.changes import seat_change_in
from flightsim.demo_flights import demo_flights
from flightsim.faults import Fault
from flightsim.seat_map import with_seats
from flightsim.store import Flight
from flightsim.wire import Request

SLOW, FULL, REFUSED, REPRICED, UNUSABLE, DOWN, UNCLEAR = 90200, 90400, 90409, 90412, 90502, 90503, 90504

# Beyond the ids that can be asked for by `--flights`.
SEATS = {SLOW: 120, FULL: 0, REFUSED: 0, REPRICED: 120, UNUSABLE: 120, DOWN: 120, UNCLEAR: 120}

# Each answer of SLOW takes so long: four of them, as without keys, are within the patience of a client that books.
SLOW_SECONDS = 0.5

# More seats than REFUSED has are shown, and never given.
SEATS_PRETENDED = 10

# What REPRICED costs goes up by a step each time it is shown, and down again after so many.
PRICE_STEP, PRICES = 100, 10

# How long a reservation on UNCLEAR gets no answer under its key: a client's first repetition still fails.
UNCLEAR_SECONDS = 5.0
KEYS_REMEMBERED = 1_000


def fixed_flights(*, currency: str | None) -> list[Flight]:
    """Return these flights, with all the seats free that they have."""
    (like,) = demo_flights(1, capacity=None, currency=currency)
    return [
        with_seats(like._replace(id=number, flight_number=f"ZZ {number % 1000}"), seats)
        for number, seats in SEATS.items()
    ]


class FixedFlights:
    """How these flights differ from others. What it remembers, prices and keys, ends with the process."""

    def __init__(self) -> None:
        self._times_shown = itertools.count()
        self._asked_at: dict[str, float] = {}

    def as_shown(self, flight: Flight) -> Flight:
        """Return a flight as it is shown to one question; any other as it is."""
        if flight.id == REFUSED:
            seats = SEATS_PRETENDED
            return flight._replace(capacity=flight.capacity + seats, remaining=flight.remaining + seats)
        if flight.id == REPRICED:
            return flight._replace(price=flight.price + PRICE_STEP * (next(self._times_shown) % PRICES))
        return flight

    def wait_seconds(self, flight_id: int | None) -> float:
        """Return how long a request about this flight waits before it is decided."""
        return SLOW_SECONDS if flight_id == SLOW else 0.0

    def fault(self, flight_id: int | None, request: Request, now: float) -> Fault | None:
        """Return what goes wrong with a request about this flight; `now` is in seconds of a clock that goes on."""
        if flight_id == DOWN:
            return Fault.UNAVAILABLE
        if flight_id == UNCLEAR and request.method == "PATCH":
            return self._lost(request, now)
        return None

    def _lost(self, request: Request, now: float) -> Fault | None:
        """Take one seat and cut the answer, or never answer for more; without a key again and again."""
        change, key = seat_change_in(request.body), request.headers.get("idempotency-key", "")
        if change is None or not change.dec:
            return None
        began = self._asked_at.setdefault(key, now) if key else now
        if len(self._asked_at) > KEYS_REMEMBERED:
            del self._asked_at[next(iter(self._asked_at))]
        if now - began >= UNCLEAR_SECONDS:
            return None
        return Fault.DROP_REPLY if change.seats == 1 else Fault.HANG
