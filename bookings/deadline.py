"""The time one piece of work may take, on this process's own monotonic clock."""

import time


class Deadline:
    """Counts down from `seconds`. Bounds waiting only: nothing about bookings is judged on it."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def __bool__(self) -> bool:
        return self.left() > 0
