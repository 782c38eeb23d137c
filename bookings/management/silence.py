"""Finds out that the background work has fallen silent."""

import threading
import time
from datetime import datetime

import structlog
from django.db import DatabaseError, connection

from bookings import queries

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 5.0


class Silence:
    """
    How long passes have been missing, on this machine's clock.

    Only time in which they were expected and the database could be asked counts: a pause by staff is meant, and
    while the database is away no pass can finish.
    """

    def __init__(self, *, now: float) -> None:
        self._since = now
        self._last_pass: datetime | None = None

    def seconds(self, *, now: float, last_pass: datetime | None, rests: bool) -> float:
        """Take down what the database says now; give how long it has said nothing new."""
        if rests or last_pass != self._last_pass:
            self.excuse(now=now)
        self._last_pass = last_pass
        return now - self._since

    def excuse(self, *, now: float) -> None:
        """Begin to count anew."""
        self._since = now


class SilenceWatch:
    """
    Looks at the database now and then, in a thread of its own, until passes have been missing for too long.

    In a thread, because a database may also not answer at all: whoever waits for the end of the cluster, or for a
    signal, must not wait for that.
    """

    def __init__(self, limit_seconds: float) -> None:
        self.has_found_silence = False
        self._limit_seconds = limit_seconds
        self._is_reachable = True
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Look no more. A look that is under way may still end."""
        self._stopped.set()

    def _run(self) -> None:
        silence = Silence(now=time.monotonic())
        # A test may wish for less than the usual pause.
        while not self._stopped.wait(min(LOOK_EVERY_SECONDS, self._limit_seconds / 4)):
            if self._look(silence) > self._limit_seconds:
                self.has_found_silence = True
                return

    def _look(self, silence: Silence) -> float:
        try:
            last_pass, rests = queries.last_pass_finished_at(), queries.sweep_rests()
            seconds = silence.seconds(now=time.monotonic(), last_pass=last_pass, rests=rests)
        except DatabaseError as error:
            silence.excuse(now=time.monotonic())
            self._note(reachable=False, error=type(error).__name__)
            return 0.0
        finally:
            connection.close()
        self._note(reachable=True)
        return seconds

    def _note(self, *, reachable: bool, error: str | None = None) -> None:
        """Log a change, not each look of a long night."""
        if reachable != self._is_reachable:
            self._is_reachable = reachable
            if reachable:
                log.info("worker.database_back")
            else:
                log.warning("worker.database_unreachable", error=error)
