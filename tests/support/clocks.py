"""Clocks that show what a test wants, inside one process: a program's, and the database's."""

from datetime import timedelta
from typing import Any

from bookings.db import clock
from bookings.db.clock_watch import ClockWatch

RIGHT = dict(clock.STATEMENT_TIME)


class Clock:
    """A clock that goes on when told, by its attribute `now`, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class DatabaseClock:
    """The database's clock, which a test can put ahead or back; this process has believed it before."""

    def __init__(self, monkeypatch: Any) -> None:
        self._times = clock.STATEMENT_TIME
        monkeypatch.setattr(clock, "WATCH", ClockWatch("a boot of this test"))
        for vendor, time in RIGHT.items():
            monkeypatch.setitem(self._times, vendor, time)
        clock.database_time()
        clock.clock_is_proven()

    def jump(self, by: timedelta) -> None:
        """Let it show another time from now on; `timedelta(0)` is the right one again."""
        seconds = by.total_seconds()
        self._times["mysql"] = f"UTC_TIMESTAMP(6) + INTERVAL {seconds:.0f} SECOND"
        self._times["postgresql"] = f"CLOCK_TIMESTAMP() + INTERVAL '{seconds:.0f} seconds'"
        self._times["sqlite"] = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{seconds:+.0f} seconds')"
