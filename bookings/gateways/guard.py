"""
What keeps this process from leaning on a peer in trouble: breaker, bulkhead and retry budget together.

All of it is of this process and is gone with it: nothing about bookings is decided on it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import structlog

from bookings.conf import CALLS_AT_ONCE
from bookings.gateways.breaker import Breaker
from bookings.gateways.bulkhead import Bulkhead
from bookings.gateways.retry_budget import RetryBudget
from bookings.ports import CallWord, FlightsHealth

log = structlog.get_logger(__name__)


class CallRefused(Exception):
    """The call was not made: `word` says why."""

    def __init__(self, word: CallWord, why: str) -> None:
        self.word = word
        super().__init__(why)


class Call:
    """One call under way; whoever makes it says how it ended."""

    def __init__(self) -> None:
        self.word = CallWord.UNKNOWN
        self.healthy: bool | None = False

    def ended(self, word: CallWord, *, healthy: bool | None) -> None:
        """Say how it ended, and whether that speaks for the peer; None says nothing about it."""
        self.word, self.healthy = word, healthy


class Guard:
    """Lets calls through to one peer, and counts how they end."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.breaker = Breaker(clock=clock)
        self.bulkhead = Bulkhead(CALLS_AT_ONCE)
        self.budget = RetryBudget()
        self._lock = Lock()
        self._calls: Counter[CallWord] = Counter()

    @contextmanager
    def call(self) -> Iterator[Call]:
        """
        Admit one call for the length of the block. One that ends by an exception has failed.

        :raises CallRefused: if none may be made now
        """
        if not self.bulkhead.enter():
            raise self._refused(CallWord.FULL, "too many calls at once")
        try:
            admission = self.breaker.admit()
            if admission is None:
                raise self._refused(CallWord.OPEN, "circuit breaker open")
            call = Call()
            try:
                yield call
            finally:
                self._count(call.word)
                if call.healthy:
                    self.budget.earn()
                moved = self.breaker.end(admission, healthy=call.healthy)
                if moved is not None:
                    log.warning("gateway.flights.breaker_moved", to=moved.value)
        finally:
            self.bulkhead.leave()

    def is_available(self) -> bool:
        """Tell whether a call would be let through now."""
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
        )

    def _refused(self, word: CallWord, why: str) -> CallRefused:
        self._count(word)
        return CallRefused(word, why)

    def _count(self, word: CallWord) -> None:
        with self._lock:
            self._calls[word] += 1
