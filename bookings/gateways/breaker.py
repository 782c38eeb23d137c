"""
A circuit breaker: a peer that keeps failing is not asked for a while, then carefully.

Knows no network and no booking. The lock is held while it looks and counts, never while somebody calls.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from bookings.conf import (
    BREAKER_CALLS_NEEDED,
    BREAKER_CLOSES_AFTER,
    BREAKER_FAILURES_IN_A_ROW,
    BREAKER_OPEN_SECONDS,
    BREAKER_PROBE_SECONDS,
    BREAKER_WINDOW,
)
from bookings.ports import BreakerState


def open_for() -> float:
    """Choose how long to leave the peer alone, in seconds: processes that opened together come back apart."""
    return BREAKER_OPEN_SECONDS * random.uniform(0.8, 1.2)  # jitter, not a secret  # noqa: S311  # nosec B311


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """The leave to make one call; `round` counts how often the breaker had closed by then."""

    round: int


@dataclass(frozen=True, slots=True)
class BreakerView:
    """How the breaker stands: `failures` that keep it from being closed, seconds to the next try."""

    state: BreakerState
    failures: int = 0
    next_try_in: float = 0.0


class Breaker:
    """
    Closed: everybody calls, the last twenty calls count. Open: nobody does. Half-open: one at a time.

    It opens when half of at least ten calls have failed, or five in a row; three probes that succeed close it.
    Whoever is admitted must come back with `end`. `clock` is in seconds and never runs backwards.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, pause: Callable[[], float] = open_for
    ) -> None:
        self._clock, self._pause = clock, pause
        self._lock = Lock()
        self._state = BreakerState.CLOSED
        self._round = 0
        self._recent: deque[bool] = deque(maxlen=BREAKER_WINDOW)
        self._in_a_row = 0  # failures, while closed
        self._failures = 0  # that have opened it, and of probes since then
        self._retry_at = 0.0
        self._probe: Admission | None = None
        self._probe_ends_at = 0.0
        self._probes_succeeded = 0

    def admit(self) -> Admission | None:
        """Give leave for one call, or none."""
        with self._lock:
            now = self._clock()
            if not self._would_admit(now):
                return None
            admission = Admission(self._round)
            if self._state is not BreakerState.CLOSED:
                self._state = BreakerState.HALF_OPEN
                self._probe, self._probe_ends_at = admission, now + BREAKER_PROBE_SECONDS
            return admission

    def end(self, admission: Admission, *, healthy: bool | None) -> BreakerState | None:
        """
        Count how a call ended. None is a call that says nothing about the peer.

        Calls of an earlier round, and probes that were given up, count for nothing: what they met is over.

        :returns: the state that this has led to, if it is another one
        """
        with self._lock:
            before = self._state
            if admission is self._probe:
                self._probe = None
                self._count_probe(healthy)
            elif before is BreakerState.CLOSED and admission.round == self._round:
                self._count(healthy)
            return None if self._state is before else self._state

    def would_admit(self) -> bool:
        """Tell whether a call would get leave now. Takes none."""
        with self._lock:
            return self._would_admit(self._clock())

    def view(self) -> BreakerView:
        """Show how it stands now."""
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return BreakerView(BreakerState.CLOSED)
            left = max(0.0, self._retry_at - self._clock())
            state = BreakerState.OPEN if left else BreakerState.HALF_OPEN
            return BreakerView(state, failures=self._failures, next_try_in=left)

    def _would_admit(self, now: float) -> bool:
        if self._state is BreakerState.CLOSED:
            return True
        if self._state is BreakerState.OPEN:
            return now >= self._retry_at
        # A probe far beyond its time limit (a peer that drips its answer) must not keep it half-open for ever.
        return self._probe is None or now >= self._probe_ends_at

    def _count(self, healthy: bool | None) -> None:
        if healthy is None:
            return
        self._recent.append(healthy)
        self._in_a_row = 0 if healthy else self._in_a_row + 1
        failed = self._recent.count(False)
        many = len(self._recent) >= BREAKER_CALLS_NEEDED and 2 * failed >= len(self._recent)
        if many or self._in_a_row >= BREAKER_FAILURES_IN_A_ROW:
            self._failures = failed
            self._open()

    def _count_probe(self, healthy: bool | None) -> None:
        if healthy is None:
            return
        if not healthy:
            self._failures += 1
            self._open()
            return
        self._probes_succeeded += 1
        if self._probes_succeeded >= BREAKER_CLOSES_AFTER:
            self._state = BreakerState.CLOSED
            self._round += 1
            self._recent.clear()
            self._in_a_row = 0

    def _open(self) -> None:
        self._state = BreakerState.OPEN
        self._retry_at = self._clock() + self._pause()
        self._probes_succeeded = 0
