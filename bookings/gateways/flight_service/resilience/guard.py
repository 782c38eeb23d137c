"""
Keeps this process from burdening a peer in trouble: breaker, bulkhead and retry budget together.

All of it belongs to this process and ends with it: nothing about bookings is decided by it.
"""

import functools
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import structlog
from prometheus_client import Histogram

from bookings.conf import calls_at_once
from bookings.gateways.flight_service.resilience.flight_breakers import BreakersOfFlights
from bookings.gateways.flight_service.resilience.retry_budget import RetryBudget
from bookings.gateways.resilience.breaker import Breaker
from bookings.gateways.resilience.bulkhead import Bulkhead
from bookings.observability import metrics
from bookings.ports import BreakerState, CallWord, FlightsHealth

log = structlog.get_logger(__name__)

# The higher, the worse.
LEVELS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@functools.cache
def _seconds_of(word: CallWord) -> Histogram:
    return metrics.FLIGHT_CALL_SECONDS.labels(word)


class CallRefused(Exception):
    """The call was not made: `word` says why."""

    def __init__(self, word: CallWord, why: str) -> None:
        self.word = word
        super().__init__(why)


class Call:
    """One call under way; the caller says how it ended. Until then it counts as failed, for its flight alone."""

    def __init__(self) -> None:
        self.word = CallWord.UNKNOWN
        self.healthy: bool | None = False
        self.concerns_all = False

    def ended(self, word: CallWord, *, healthy: bool | None, concerns_all: bool = True) -> None:
        """
        Say how it ended, and whether the peer is healthy; None says nothing about that.

        A failure either concerns all flights, or may concern only the flight that was asked about.
        """
        self.word, self.healthy, self.concerns_all = word, healthy, concerns_all


class Guard:
    """Lets calls through to one peer, and counts how they end."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, places: int | None = None) -> None:
        self._clock = clock
        self.breaker = Breaker(clock=clock)
        self.flights = BreakersOfFlights(clock=clock)
        self.bulkhead = Bulkhead(calls_at_once() if places is None else places)
        self.budget = RetryBudget()
        self._lock = Lock()
        self._calls: Counter[CallWord] = Counter()
        self._answered_at = -math.inf
        # An outcome that has not happened yet is a zero, not a gap.
        self._counters = {word: metrics.FLIGHT_CALLS.labels(word) for word in CallWord}
        self._shown: tuple[int, int, float] | None = None
        self._showing = Lock()
        self._show()

    @contextmanager
    def call(self, flight_id: int | None = None) -> Iterator[Call]:
        """
        Admit one call for the length of the block. A call that ends by an exception has failed.

        :param flight_id: what it asks about, if that is one flight
        :raises CallRefused: if none may be made now
        """
        if not self.bulkhead.enter():
            raise self._refused(CallWord.FULL, "too many calls at once")
        try:
            with self._admitted(flight_id) as call:
                metrics.CALLS_IN_FLIGHT.inc()
                started = time.perf_counter()
                try:
                    yield call
                finally:
                    metrics.CALLS_IN_FLIGHT.dec()
                    _seconds_of(call.word).observe(time.perf_counter() - started)
                    self._count(call.word)
                    if call.healthy:
                        self.budget.earn()
                        self._answered_at = self._clock()
        finally:
            self.bulkhead.leave()

    @contextmanager
    def _admitted(self, flight_id: int | None) -> Iterator[Call]:
        """Ask both breakers to admit the call, and tell them how it ended."""
        of_flight = None if flight_id is None else self.flights.admit(flight_id)
        if of_flight is not None and of_flight.is_refused:
            raise self._refused(CallWord.OPEN, "circuit breaker of this flight open")
        admission = self.breaker.admit()
        if admission is None:
            if of_flight is not None:
                self.flights.end(of_flight, healthy=None)
            raise self._refused(CallWord.OPEN, "circuit breaker open")
        call = Call()
        try:
            yield call
        finally:
            if of_flight is not None:
                self.flights.end(of_flight, healthy=None if call.concerns_all and not call.healthy else call.healthy)
            about = None if call.concerns_all else flight_id
            moved = self.breaker.end(admission, healthy=call.healthy, about=about)
            if moved is not None:
                log.warning("gateway.flights.breaker_moved", to=moved.value)
            self._show()

    def count_a_wait(self, flight_id: int) -> None:
        """Count as a failure of this flight alone that a thread has waited in vain for the call of another one."""
        of_flight = self.flights.admit(flight_id)
        if not of_flight.is_refused:
            self.flights.end(of_flight, healthy=False)
            self._show()

    def is_probing(self, flight_id: int) -> bool:
        """Tell whether a call about this flight would be a probe, or refused."""
        return self.breaker.is_open() or self.flights.is_open(flight_id)

    def is_available(self) -> bool:
        """Tell whether a call would be admitted now."""
        return not self.bulkhead.is_full() and self.breaker.would_admit()

    def health(self) -> FlightsHealth:
        """Show what this process has seen of the peer."""
        seen = self.breaker.view()
        with self._lock:
            calls = {word: self._calls[word] for word in CallWord}
        return FlightsHealth(
            breaker=seen.state,
            failures=seen.failures,
            next_try_in=seen.next_try_in,
            repetitions_left=self.budget.left(),
            calls_in_flight=self.bulkhead.inside(),
            calls=calls,
            answered_ago=self._clock() - self._answered_at,
            flights_resting=self.flights.resting(),
        )

    def _show(self) -> None:
        """Update the metrics, where this process has not shown the same before."""
        # One thread after another: the last to write would otherwise show what was so before, until it changes again.
        with self._showing:
            shown = os.getpid(), LEVELS[self.breaker.view().state], self.budget.left()
            if shown != self._shown:
                self._shown = shown
                metrics.BREAKER_STATE.set(shown[1])
                metrics.RETRY_BUDGET.set(shown[2])

    def _refused(self, word: CallWord, why: str) -> CallRefused:
        self._count(word)
        return CallRefused(word, why)

    def _count(self, word: CallWord) -> None:
        self._counters[word].inc()
        with self._lock:
            self._calls[word] += 1
