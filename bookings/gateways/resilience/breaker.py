"""
A circuit breaker: a peer that keeps failing gets no calls for a while, and then one at a time.

Knows no network and no booking. The lock is held while it looks and counts, never during a call.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from bookings.conf import (
    BREAKER_CALLS_NEEDED,
    BREAKER_CLOSES_AFTER,
    BREAKER_FAILURES_IN_A_ROW,
    BREAKER_FAILURES_PER_FLIGHT,
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
    """The permission for one call; `round` counts how often the breaker had closed by then."""

    round: int


@dataclass(frozen=True, slots=True)
class BreakerView:
    """How the breaker stands: `failures` that keep it from being closed, seconds to the next try."""

    state: BreakerState
    failures: int = 0
    next_try_in: float = 0.0


class Breaker:
    """
    Closed: all calls are admitted, and the last twenty count. Open: none is. Half-open: one at a time.

    It opens when half of at least ten calls have failed, or five in a row; three probes that succeed close it.
    A failure may be `about` one flight. Two failures of a flight count, so that one flight alone cannot open it; and
    one failed probe of a flight, so that one flight alone cannot keep it open. That flight has its own breaker.
    The caller of an admitted call must `end` it. `clock` is in seconds and never runs backwards.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, pause: Callable[[], float] = open_for) -> None:
        self._clock, self._pause = clock, pause
        self._lock = Lock()
        self._state = BreakerState.CLOSED
        self._round = 0
        # For each call: the flight that its failure was about, None for a failure of all, or "healthy".
        self._recent: deque[int | Literal["healthy"] | None] = deque(maxlen=BREAKER_WINDOW)
        self._failures = 0  # those that have opened it, and probes that failed since then
        self._retry_at = 0.0
        self._probe: Admission | None = None
        self._probe_ends_at = 0.0
        self._probes_succeeded = 0
        self._opened_again_by: set[int] = set()  # flights whose probe has failed since it was closed

    def admit(self) -> Admission | None:
        """Admit one call; None refuses it."""
        with self._lock:
            now = self._clock()
            if not self._would_admit(now):
                return None
            admission = Admission(self._round)
            if self._state is not BreakerState.CLOSED:
                self._state = BreakerState.HALF_OPEN
                self._probe, self._probe_ends_at = admission, now + BREAKER_PROBE_SECONDS
            return admission

    def end(self, admission: Admission, *, healthy: bool | None, about: int | None = None) -> BreakerState | None:
        """
        Count how a call ended. `healthy=None` says nothing about the peer; a failure `about` None concerns all flights.

        Calls of an earlier round, and probes that were given up, do not count: what they met is over.

        :returns: the new state, if it has changed
        """
        with self._lock:
            before = self._state
            if admission is self._probe:
                self._probe = None
                self._count_probe(healthy, about)
            elif before is BreakerState.CLOSED and admission.round == self._round:
                self._count(healthy, about)
            return None if self._state is before else self._state

    def would_admit(self) -> bool:
        """Tell whether a call would be admitted now, without admitting one."""
        with self._lock:
            return self._would_admit(self._clock())

    def is_open(self) -> bool:
        """Tell whether it lets nothing through but probes."""
        return self._state is not BreakerState.CLOSED

    def has_only_successes(self) -> bool:
        """Tell whether it is closed, and none of the calls that count has failed."""
        with self._lock:
            return self._state is BreakerState.CLOSED and all(each == "healthy" for each in self._recent)

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
        # A probe that does not come back (its thread died) must not keep it half-open forever.
        return self._probe is None or now >= self._probe_ends_at

    def _count(self, healthy: bool | None, about: int | None) -> None:
        if healthy is None:
            return
        self._recent.append("healthy" if healthy else about)
        if healthy and self._recent.count("healthy") == len(self._recent):
            return
        in_a_row, failed, calls = self._weigh()
        many = calls >= BREAKER_CALLS_NEEDED and 2 * failed >= calls
        if many or in_a_row >= BREAKER_FAILURES_IN_A_ROW:
            self._failures = failed
            self._open()

    def _weigh(self) -> tuple[int, int, int]:
        """Count failures in a row, failures and calls, with at most two failures for each flight."""
        in_a_row = failed = calls = 0
        of_flight: Counter[int] = Counter()
        is_unbroken = True
        for about in reversed(self._recent):
            if about == "healthy":
                is_unbroken = False
                calls += 1
                continue
            if about is not None:
                of_flight[about] += 1
                if of_flight[about] > BREAKER_FAILURES_PER_FLIGHT:
                    continue
            calls += 1
            failed += 1
            in_a_row += is_unbroken
        return in_a_row, failed, calls

    def _count_probe(self, healthy: bool | None, about: int | None) -> None:
        if healthy is None or (not healthy and about in self._opened_again_by):
            return
        if not healthy:
            if about is not None:
                self._opened_again_by.add(about)
            self._failures += 1
            self._open()
            return
        self._probes_succeeded += 1
        if self._probes_succeeded >= BREAKER_CLOSES_AFTER:
            self._state = BreakerState.CLOSED
            self._round += 1
            self._recent.clear()
            self._opened_again_by.clear()

    def _open(self) -> None:
        self._state = BreakerState.OPEN
        self._retry_at = self._clock() + self._pause()
        self._probes_succeeded = 0
