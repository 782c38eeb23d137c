"""How many repetitions a process may send, so that a peer in trouble does not get twice as many calls."""

from threading import Lock

from bookings.conf import RETRY_BUDGET, SUCCESSES_PER_RETRY


class RetryBudget:
    """
    Ten repetitions at most; ten calls that succeed earn one more.

    Counted in parts of a repetition, as integers: a tenth has no exact float.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._parts = RETRY_BUDGET * SUCCESSES_PER_RETRY

    def spend(self) -> bool:
        """Spend one repetition. False: none is left, so none may be sent."""
        with self._lock:
            parts = self._parts
            if parts < SUCCESSES_PER_RETRY:
                return False
            self._parts = parts - SUCCESSES_PER_RETRY
            return True

    def earn(self) -> None:
        """Count one call that succeeded."""
        with self._lock:
            self._parts = min(RETRY_BUDGET * SUCCESSES_PER_RETRY, self._parts + 1)

    def left(self) -> float:
        """How many repetitions are left, in tenths."""
        return self._parts / SUCCESSES_PER_RETRY
