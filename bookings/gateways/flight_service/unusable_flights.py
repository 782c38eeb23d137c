"""Shows operators the flights that the Flight Service shows in a form that cannot be sold."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import structlog

from bookings.observability import metrics

log = structlog.get_logger(__name__)

# Flights that cannot be sold and are named to operators, the newest.
UNUSABLE_FLIGHTS_NAMED = 10


class UnusableFlights:
    """
    The last ten of them. A flight is a gauge's value and not its label, as there may be a million of them.

    `clock` is the time of day in seconds, as Prometheus has it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._places: OrderedDict[int, int] = OrderedDict()

    def note(self, flight_id: int, why: str) -> None:
        """Name a flight, in the place of the one that was named longest ago if all ten are taken."""
        with self._lock:
            is_new = flight_id not in self._places
            if is_new:
                self._places[flight_id] = self._free_place()
            self._places.move_to_end(flight_id)
            place = self._places[flight_id]
            metrics.UNUSABLE_FLIGHT.labels(place).set(flight_id)
            metrics.UNUSABLE_FLIGHT_SEEN.labels(place).set(self._clock())
        tell = log.error if is_new else log.warning
        tell("gateway.flights.unusable", flight=flight_id, reason=why)

    def forget(self, flight_id: int) -> None:
        """A flight can be sold again, or is gone."""
        if flight_id not in self._places:
            return
        with self._lock:
            place = self._places.pop(flight_id, None)
            if place is not None:
                metrics.UNUSABLE_FLIGHT.labels(place).set(0)

    def _free_place(self) -> int:
        if len(self._places) >= UNUSABLE_FLIGHTS_NAMED:
            return self._places.popitem(last=False)[1]
        return next(place for place in range(UNUSABLE_FLIGHTS_NAMED) if place not in self._places.values())
