"""The web processes as clients see them who know all their addresses, and a count of what they answer."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException

from devtools.processes import HOST, free_port
from tests.rehearsal.verdict import Word, word_for
from tests.support.http import Reply, exchange
from tests.support.running import await_that
from tests.support.servers import Command

# A web process imports Django and listens: two seconds on an idle machine.
START_SECONDS = 60.0

# As many requests as there are clients.
THREADS = 8

# No answer at all: neither a status nor a body.
NO_REPLY = Reply(0, {}, b"")


class Door(Command):
    """One `manage.py run_web` on a port that stays the same over restarts, and when it was dead."""

    def __init__(self, *, env: dict[str, str]) -> None:
        self.port = free_port()
        options = ("--host", HOST, "--port", str(self.port), "--workers", "1", "--threads", str(THREADS))
        super().__init__("run_web", *options, env=env)
        self._is_down, self._up_since = False, 0.0

    def kill(self) -> None:
        """Kill it and all below it; from now on its clients have an excuse for what they did not hear."""
        self._is_down = True
        super().kill()

    def await_answer(self) -> None:
        """
        Wait until it takes requests.

        :raises RuntimeError: if it does not; the message has what it printed
        """
        if not await_that(self._answers, START_SECONDS):
            raise RuntimeError(f"a web process does not answer: {self.printed()}")
        self._up_since, self._is_down = time.monotonic(), False

    def was_down_since(self, moment: float) -> bool:
        """Tell whether the process was dead at any time from this moment on."""
        return self._is_down or moment < self._up_since

    def _answers(self) -> bool:
        try:
            return exchange(self.port, "GET", "/health/live").status == 200
        except (OSError, HTTPException):
            return False


class ThroughProxy:
    """The one address that clients have otherwise; there is no excuse behind it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def was_down_since(self, moment: float) -> bool:
        return False


class Doors:
    """Sends each request through the next door, counts what became of it, and is used by many threads."""

    def __init__(self, doors: Sequence[Door | ThroughProxy]) -> None:
        self._turn = itertools.cycle(doors)
        self._lock = threading.Lock()
        self._words: Counter[Word] = Counter()
        self._unavailable = 0
        self.errors: list[str] = []

    def ask(self, method: str, path: str, body: bytes | None = None, *, key: str = "") -> Reply:
        """Send one request; `NO_REPLY` if no answer came."""
        with self._lock:
            door = next(self._turn)
        headers = {"Idempotency-Key": key} if key else {}
        sent_at = time.monotonic()
        try:
            reply = exchange(door.port, method, path, body, headers)
        except (OSError, HTTPException) as error:
            was_cut = door.was_down_since(sent_at)
            self._count(Word.CUT if was_cut else Word.ERROR, f"{method} {path}: {type(error).__name__}")
            return NO_REPLY
        start = reply.body[:200].decode(errors="replace")
        with self._lock:
            self._unavailable += reply.status == HTTPStatus.SERVICE_UNAVAILABLE
        self._count(word_for(reply), f"{method} {path} answered {reply.status} {start}")
        return reply

    def counts(self) -> Counter[Word]:
        """Tell how many requests have ended in which way so far."""
        with self._lock:
            return self._words.copy()

    def told_to_come_again(self) -> int:
        """Tell how many answers were 503."""
        with self._lock:
            return self._unavailable

    def _count(self, word: Word, what: str) -> None:
        with self._lock:
            self._words[word] += 1
            if word is Word.ERROR:
                self.errors.append(what)
