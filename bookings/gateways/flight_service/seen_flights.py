"""
The flights that this process has seen: what it sells by for a moment, and promises by for five minutes.

Only the price is gone by. Whether there are seats, the Flight Service decides when they are taken.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Lock

from bookings.ports import Flight, FlightsUnreachable

# A price this old may still be promised to a client that asked for a response later (202).
RECALL_SECONDS = 300.0
RECALL_FLIGHTS = 1_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A flight as it was shown to a question that was asked then."""

    flight: Flight
    asked_at: float


class SeenFlights:
    """
    Remembers flights, each as it was shown to the latest question.

    Ages are of this process's monotonic clock, and begin when the question is asked: what is shown was true then
    or later. `seconds` is how old a flight may be to be sold; a doubted one is not, until a later question shows it.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._flights: OrderedDict[int, _Seen] = OrderedDict()
        # Until when: a flight that was not seen yet as well, as a question about it may be under way.
        self._doubted: OrderedDict[int, float] = OrderedDict()
        self._all_doubted = -math.inf
        self._questions: dict[int, Future[Flight]] = {}
        self._lock = Lock()

    def keep(self, flight: Flight, *, asked_at: float) -> None:
        """Remember a flight, unless a later question has shown it already."""
        with self._lock:
            before = self._flights.get(flight.id)
            if before is not None and before.asked_at > asked_at:
                return
            self._flights[flight.id] = _Seen(replace(flight, is_remembered=True), asked_at)
            self._flights.move_to_end(flight.id)
            if len(self._flights) > RECALL_FLIGHTS:
                self._flights.popitem(last=False)

    def doubt(self, flight_id: int) -> None:
        """Sell the flight by nothing that was asked until now. It can still be recalled."""
        with self._lock:
            self._questions.pop(flight_id, None)
            self._doubted[flight_id] = time.monotonic()
            self._doubted.move_to_end(flight_id)
            if len(self._doubted) > RECALL_FLIGHTS:
                # Which flight that was is forgotten, so it may be any.
                _, self._all_doubted = self._doubted.popitem(last=False)

    def recall(self, flight_id: int) -> Flight | None:
        """Show a flight that was seen within five minutes, doubted or not."""
        with self._lock:
            seen = self._flights.get(flight_id)
        return seen.flight if seen is not None and time.monotonic() - seen.asked_at <= RECALL_SECONDS else None

    def show(self, flight_id: int, ask: Callable[[], Flight], *, seconds: float) -> Flight:
        """
        Show a flight that may be sold as it was seen; otherwise `ask`, which keeps what it is shown.

        Threads that want the same flight meanwhile wait for this one question, `seconds` at most, and share its
        end, whatever it is. The next thread asks again.

        :raises FlightsUnreachable: if the question of another thread takes too long
        """
        with self._lock:
            if (known := self._for_sale(flight_id)) is not None:
                return known
            question: Future[Flight] = Future()
            under_way = self._questions.setdefault(flight_id, question)
        if under_way is not question:
            try:
                return replace(under_way.result(seconds), is_remembered=True)
            except TimeoutError as error:
                raise FlightsUnreachable(flight_id) from error
        try:
            flight = ask()
        except BaseException as error:
            self._end(flight_id, question)
            question.set_exception(error)
            raise
        self._end(flight_id, question)
        question.set_result(flight)
        return flight

    def _for_sale(self, flight_id: int) -> Flight | None:
        seen = self._flights.get(flight_id)
        if seen is None or time.monotonic() - seen.asked_at > self._seconds:
            return None
        if seen.asked_at <= self._doubted.get(flight_id, self._all_doubted):
            return None
        return seen.flight

    def _end(self, flight_id: int, question: Future[Flight]) -> None:
        with self._lock:
            # Doubted meanwhile: then another question may be under way.
            if self._questions.get(flight_id) is question:
                del self._questions[flight_id]
