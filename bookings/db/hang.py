"""Whether the database hangs: then one caller tries it now and then, and no other waits for it."""

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

# One caller in this time may find out, and waits for it.
TRY_EVERY_SECONDS = 1.0

# An error that comes sooner is an answer: of a closed port, or of a server that ends.
SHORTEST_HANG_SECONDS = 0.8


class Hang:
    """
    What one process knows of it; many threads.

    It hangs from the first statement or connection that got no answer in time, until a new connection gets one.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._is_on = False
        self._next_try = 0.0

    def is_on(self) -> bool:
        """Tell whether it hangs, as far as is known."""
        return self._is_on

    def begin(self) -> None:
        """Note that a caller got no answer. After the first the next caller tries at once, after others in a while."""
        with self._lock:
            is_news, self._is_on = not self._is_on, True
            self._next_try = self._clock() + (0.0 if is_news else TRY_EVERY_SECONDS)
        if is_news:
            log.error("database.hangs")

    def end(self) -> None:
        """Note that it has answered."""
        if not self._is_on:
            return
        with self._lock:
            is_news, self._is_on = self._is_on, False
        if is_news:
            log.info("database.answers_again")

    def may_try(self) -> bool:
        """Tell whether the caller may wait for an answer; while it hangs, one in a second may."""
        with self._lock:
            if not self._is_on:
                return True
            is_turn = self._clock() >= self._next_try
            if is_turn:
                self._next_try = self._clock() + TRY_EVERY_SECONDS
            return is_turn


# Of the primary; `ReplicaHealth` sees a replica that hangs.
hang = Hang()
