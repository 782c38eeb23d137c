"""
Lets few threads of a process wait for one row, so that it cannot use up the threads that other requests need.

Without it a row that a stuck transaction locks would hold every thread that wants it until its lock wait is over:
forty repeats of one cancellation, and no client can book. A thread that finds the places taken waits only while the
line moves.

It locks nothing and decides nothing: the database does.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from bookings.db.error_numbers import CONFLICTS, LOCK_WAITS, number_of
from bookings.errors import TemporarilyUnavailable

# Of one process: one thread that gets the row next, and one that finds out whether the row is given at all.
PLACES = 2

# A transaction of ours takes a few hundredths of a second. A line that does not move for so long is stuck.
STANDSTILL_SECONDS = 1.0

# After a thread waited without success the line counts as stuck for so long: as long as a repeat waits.
KNOWN_STUCK_SECONDS = 3.0

LINE_RETRY_AFTER_SECONDS = 2


@dataclass(slots=True)
class _Line:
    waiting: int = 0
    behind: int = 0
    moved_at: float = 0.0
    stuck_until: float = 0.0


class WaitingLines:
    """The lines of one process, by the name of what is waited for; many threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def place_for(self, row: str) -> Iterator[None]:
        """
        Ask the database for a row inside the block, and for nothing else: the place is free once it is given.

        :raises TemporarilyUnavailable: if the places are taken, and the line does not move
        """
        self._enter(row)
        is_given = True  # or refused, or taken by another: what is found there is another matter
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            is_given = number_of(error) in CONFLICTS and number_of(error) not in LOCK_WAITS
            raise
        finally:
            self._leave(row, is_given=is_given)

    def _enter(self, row: str) -> None:
        with self._changed:
            line = self._lines.setdefault(row, _Line(moved_at=self._clock()))
            if not line.waiting:
                line.moved_at = self._clock()
            line.behind += 1
            try:
                while line.waiting >= PLACES:
                    now = self._clock()
                    left = line.moved_at + STANDSTILL_SECONDS - now
                    if left <= 0 or line.stuck_until > now:
                        raise TemporarilyUnavailable(
                            "Others are waiting for the same thing. Repeat the request, with the same Idempotency-Key.",
                            retry_after=LINE_RETRY_AFTER_SECONDS,
                        )
                    self._changed.wait(left)
                line.waiting += 1
            finally:
                line.behind -= 1

    def _leave(self, row: str, *, is_given: bool) -> None:
        with self._changed:
            line, now = self._lines[row], self._clock()
            line.waiting -= 1
            if is_given:
                line.moved_at, line.stuck_until = now, 0.0
            else:
                line.stuck_until = now + KNOWN_STUCK_SECONDS
            over = [
                name
                for name, each in self._lines.items()
                if not each.waiting and not each.behind and each.stuck_until <= now
            ]
            for name in over:
                del self._lines[name]
            self._changed.notify_all()


# Of this process.
lines = WaitingLines()
