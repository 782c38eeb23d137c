"""
Keeps a process from waiting for a payment gateway in trouble: breaker and bulkhead together.

All of it belongs to this process and ends with it: nothing about payments is decided by it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import structlog

from bookings.conf import payment_calls_at_once
from bookings.gateways.resilience.breaker import Breaker
from bookings.gateways.resilience.bulkhead import Bulkhead
from bookings.observability import metrics
from bookings.ports import BreakerState, CallWord

log = structlog.get_logger(__name__)

# The higher, the worse.
LEVELS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class CallRefused(Exception):
    """The call was not made, and the message says why."""


class Call:
    """One call under way; the caller says how it ended. Until then it counts as failed."""

    def __init__(self) -> None:
        self.word = CallWord.UNKNOWN
        self.healthy: bool | None = False

    def ended(self, word: CallWord, *, healthy: bool | None) -> None:
        """Say how it ended, and whether the gateway is healthy; None says nothing about that."""
        self.word, self.healthy = word, healthy


class PaymentGuard:
    """Lets calls through to one payment gateway, and counts how they end."""

    def __init__(self, gateway: str, *, clock: Callable[[], float] = time.monotonic, places: int | None = None) -> None:
        self._gateway = gateway
        self.breaker = Breaker(clock=clock)
        self.bulkhead = Bulkhead(payment_calls_at_once() if places is None else places)
        self._shown: tuple[int, int] | None = None
        self._showing = Lock()
        self._show()

    @contextmanager
    def call(self, operation: str) -> Iterator[Call]:
        """
        Admit one call for the length of the block. A call that ends by an exception has failed.

        :raises CallRefused: if none may be made now
        """
        if not self.bulkhead.enter():
            raise self._refused(operation, CallWord.FULL, "too many calls at once")
        try:
            admission = self.breaker.admit()
            if admission is None:
                raise self._refused(operation, CallWord.OPEN, "circuit breaker open")
            call, started = Call(), time.perf_counter()
            try:
                yield call
            finally:
                metrics.PAYMENT_CALL_SECONDS.labels(self._gateway, operation).observe(time.perf_counter() - started)
                self._count(operation, call.word)
                moved = self.breaker.end(admission, healthy=call.healthy)
                if moved is not None:
                    log.warning("gateway.payments.breaker_moved", to=moved.value)
                self._show()
        finally:
            self.bulkhead.leave()

    def is_available(self) -> bool:
        """Tell whether a call would be admitted now."""
        return not self.bulkhead.is_full() and self.breaker.would_admit()

    def _show(self) -> None:
        """Update the gauge, where this process has not shown the same before."""
        # One thread after another: the last to write would otherwise show what was so before, until it changes again.
        with self._showing:
            shown = os.getpid(), LEVELS[self.breaker.view().state]
            if shown != self._shown:
                self._shown = shown
                metrics.PAYMENT_BREAKER_STATE.labels(self._gateway).set(shown[1])

    def _refused(self, operation: str, word: CallWord, why: str) -> CallRefused:
        self._count(operation, word)
        return CallRefused(why)

    def _count(self, operation: str, word: CallWord) -> None:
        metrics.PAYMENT_CALLS.labels(self._gateway, operation, word).inc()
