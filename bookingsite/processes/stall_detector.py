"""Detects that the background work of one worker has stalled, and says for it that it comes and goes."""

import contextlib
import threading
import time
from datetime import datetime

import structlog
from django.db import Error, connection

from bookings.db.error_numbers import UnsafeSession
from bookings.observability.metrics import is_alive
from bookings.queries.upkeep import background, workers
from bookings.services.upkeep.worker_heartbeats import say_goodbye, say_hello

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 2.0

# A worker that was given no name is called after its process.
PROCESS = "pid-"


class Silence:
    """
    How long passes of one worker have been missing, on this machine's clock.

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
    for a signal, must not wait for that. For the same reason the thread also writes the worker's heartbeat, where
    that is not a pass: see Note [Each worker has a heartbeat] in `bookings.services.upkeep.worker_heartbeats`.

    :param name: of the worker, as in its heartbeat
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._silence = Silence(now=time.monotonic())
        self._silent_seconds = 0.0
        self._database_answers: bool | None = None
        self._is_new = False
        self._leaves, self._has_left = threading.Event(), threading.Event()
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
        """Forget what was before: a new cluster has its own silence, and is introduced at the next look."""
        with self._lock:
            self._silence, self._silent_seconds, self._is_new = Silence(now=time.monotonic()), 0.0, True

    def leave(self, *, seconds: float) -> bool:
        """Say goodbye, once nothing of the last cluster is left; False if the database did not take it in time."""
        self._leaves.set()
        return self._has_left.wait(seconds)

    def silent_seconds(self) -> float:
        """
        Tell how long passes had been missing when the database last answered.

        :raises RuntimeError: if the watching thread has ended
        """
        with self._lock:
            return self._silent_seconds if self.database_answers() else 0.0

    def _run(self) -> None:
        while not self._leaves.is_set():
            self._look()
            self._leaves.wait(LOOK_EVERY_SECONDS)
        with contextlib.suppress(Error):
            say_goodbye(self._name)
            self._has_left.set()

    def _look(self) -> None:
        try:
            if self._is_new:
                self._introduce()
            last_pass, rests = workers.last_pass_of(self._name), background.passes_are_paused()
            with self._lock:
                self._silent_seconds = self._silence.seconds(now=time.monotonic(), last_pass=last_pass, rests=rests)
            self._note(answers=True)
        except Error as error:
            with self._lock:
                self._silence.excuse(now=time.monotonic())
            self._note(answers=False, error=error)
        finally:
            connection.close()

    def _introduce(self) -> None:
        """Say hello, and goodbye for workers of this machine that were killed: their numbers are of no process."""
        machine = self._name.rpartition("/")[0]
        for worker in workers.workers_of(machine):
            pid = worker.removeprefix(PROCESS)
            if pid != worker and pid.isdecimal() and not is_alive(pid):
                say_goodbye(f"{machine}/{worker}")
        say_hello(self._name)
        with self._lock:
            self._is_new = False

    def _note(self, *, answers: bool, error: Exception | None = None) -> None:
        """Log a change, not each look of a long night."""
        before, self._database_answers = self._database_answers, answers
        if not answers and before is not False:
            reason = error if isinstance(error, UnsafeSession) else None
            log.warning("worker.database_unreachable", error=type(error).__name__, exc_info=reason)
        elif answers and before is False:
            log.info("worker.database_back")
