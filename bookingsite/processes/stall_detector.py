"""Detects that the background work has stalled."""

import threading
import time
from datetime import datetime

import structlog
from django.db import Error, connection

from bookings.db.error_numbers import UnsafeSession
from bookings.queries.upkeep import background

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 2.0


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
        """Note what the database says now, and return for how long no new pass has finished."""
        if rests or last_pass != self._last_pass:
            self.excuse(now=now)
        self._last_pass = last_pass
        return now - self._since

    def excuse(self, *, now: float) -> None:
        """Begin to count again."""
        self._since = now


class SilenceWatch:
    """
    Looks at the database now and then, in a thread of its own that ends with the process.

    In a thread, because a database may also not answer at all: the command that waits for the end of a cluster, or
    for a signal, must not wait for that.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silence = Silence(now=time.monotonic())
        self._silent_seconds = 0.0
        self._database_answers: bool | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def database_answers(self) -> bool:
        """
        Tell whether the database answered when it was last asked; False if it has not been asked yet.

        :raises RuntimeError: if the watching thread has ended
        """
        if not self._thread.is_alive():
            raise RuntimeError("the thread that watches the database has ended; the log above says why")
        return bool(self._database_answers)

    def begin_again(self) -> None:
        """Forget what was before: a new cluster has its own silence."""
        with self._lock:
            self._silence, self._silent_seconds = Silence(now=time.monotonic()), 0.0

    def silent_seconds(self) -> float:
        """
        Tell how long passes had been missing when the database last answered.

        :raises RuntimeError: if the watching thread has ended
        """
        with self._lock:
            return self._silent_seconds if self.database_answers() else 0.0

    def _run(self) -> None:
        while True:
            self._look()
            time.sleep(LOOK_EVERY_SECONDS)

    def _look(self) -> None:
        try:
            last_pass, rests = background.last_pass_finished_at(), background.passes_are_paused()
            with self._lock:
                self._silent_seconds = self._silence.seconds(now=time.monotonic(), last_pass=last_pass, rests=rests)
            self._note(answers=True)
        except Error as error:
            with self._lock:
                self._silence.excuse(now=time.monotonic())
            self._note(answers=False, error=error)
        finally:
            connection.close()

    def _note(self, *, answers: bool, error: Exception | None = None) -> None:
        """Log a change, not each look of a long night."""
        before, self._database_answers = self._database_answers, answers
        if not answers and before is not False:
            reason = error if isinstance(error, UnsafeSession) else None
            log.warning("worker.database_unreachable", error=type(error).__name__, exc_info=reason)
        elif answers and before is False:
            log.info("worker.database_back")
