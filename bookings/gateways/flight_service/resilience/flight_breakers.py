"""
A circuit breaker for each flight that the Flight Service fails to serve, while it serves others.

Only flights that fail have one. See "One flight that cannot be served" in docs/protocol.md.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import structlog

from bookings.conf import BREAKERS_OF_FLIGHTS
from bookings.gateways.resilience.breaker import Admission, Breaker
from bookings.ports import BreakerState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FlightAdmission:
    """The permission to ask about one flight; a flight without failures has no breaker."""

    flight_id: int
    breaker: Breaker | None
    admission: Admission | None

    @property
    def is_refused(self) -> bool:
        return self.breaker is not None and self.admission is None


class BreakersOfFlights:
    """Flights that fail, each with its breaker; beyond a thousand, the one that failed first is forgotten."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failing: OrderedDict[int, Breaker] = OrderedDict()

    def admit(self, flight_id: int) -> FlightAdmission:
        """Admit one call about a flight, or refuse it. The caller of an admitted call must `end` it."""
        with self._lock:
            breaker = self._failing.get(flight_id)
        return FlightAdmission(flight_id, breaker, breaker.admit() if breaker else None)

    def end(self, leave: FlightAdmission, *, healthy: bool | None) -> None:
        """Count how the call ended; None says nothing about the flight. A flight without failures loses its breaker."""
        breaker, admission = leave.breaker, leave.admission
        if breaker is None and healthy is False:
            breaker = self._begin(leave.flight_id)
            admission = breaker.admit()
        if breaker is None or admission is None:
            return
        if breaker.end(admission, healthy=healthy) is BreakerState.OPEN:
            log.warning("gateway.flights.flight_rests", flight=leave.flight_id)
        if healthy and breaker.has_only_successes():
            with self._lock:
                self._failing.pop(leave.flight_id, None)

    def is_open(self, flight_id: int) -> bool:
        """Tell whether nothing about this flight is let through but probes."""
        breaker = self._failing.get(flight_id)
        return breaker is not None and breaker.is_open()

    def resting(self) -> int:
        """Count the flights that are not asked about now."""
        with self._lock:
            return sum(not breaker.would_admit() for breaker in self._failing.values())

    def _begin(self, flight_id: int) -> Breaker:
        with self._lock:
            breaker = self._failing.setdefault(flight_id, Breaker(clock=self._clock))
            self._failing.move_to_end(flight_id)
            if len(self._failing) > BREAKERS_OF_FLIGHTS:
                self._failing.popitem(last=False)
            return breaker
