"""The web processes as clients see them who know all their addresses, and a count of what they answer."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException

from tests.campaigns.verdict import Word, word_for
from tests.deploy.webs import RunWeb
from tests.support.http import Reply, exchange

# No answer at all: neither a status nor a body.
NO_REPLY = Reply(0, {}, b"")


class Door(RunWeb):
    """One `manage.py run_web`, and when it was dead."""

    _is_down, _up_since = False, 0.0

    def kill(self) -> None:
        """Kill it and all below it; from now on its clients have an excuse for what they did not hear."""
        self._is_down = True
        super().kill()

    def await_answer(self) -> None:
        super().await_answer()
        self._up_since, self._is_down = time.monotonic(), False

    def was_down_since(self, moment: float) -> bool:
        """Tell whether the process was dead at any time from this moment on."""
        return self._is_down or moment < self._up_since


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
