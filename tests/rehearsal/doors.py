"""The web processes as clients see them who know all their addresses, and a count of what they answer."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.client import HTTPException

from tests.rehearsal.verdict import Word, word_for
from tests.support.http import Reply, exchange
from tests.support.servers import Web

# No answer at all: neither a status nor a body.
NO_REPLY = Reply(0, {}, b"")


class Door:
    """One address, and when the process behind it was dead."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self._is_down, self._up_since = False, 0.0

    def kill(self) -> None:
        """Kill the process; from now on its clients have an excuse for what they did not hear."""
        self._is_down = True
        self.web.kill()

    def start(self) -> None:
        """Start it again, as whatever watches over it would."""
        self.web.start()
        self._up_since, self._is_down = time.monotonic(), False

    def was_down_since(self, moment: float) -> bool:
        """Tell whether the process was dead at any time from this moment on."""
        return self._is_down or moment < self._up_since


class Doors:
    """Sends each request through the next door, counts what became of it, and is used by many threads."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._turn = itertools.cycle(doors)
        self._lock = threading.Lock()
        self._words: Counter[Word] = Counter()
        self.errors: list[str] = []

    def ask(self, method: str, path: str, body: bytes | None = None, *, key: str = "") -> Reply:
        """Send one request; `NO_REPLY` if no answer came."""
        with self._lock:
            door = next(self._turn)
        headers = {"Idempotency-Key": key} if key else {}
        sent_at = time.monotonic()
        try:
            reply = exchange(door.web.port, method, path, body, headers)
        except (OSError, HTTPException) as error:
            was_cut = door.was_down_since(sent_at)
            self._count(Word.CUT if was_cut else Word.ERROR, f"{method} {path}: {type(error).__name__}")
            return NO_REPLY
        start = reply.body[:200].decode(errors="replace")
        self._count(word_for(reply), f"{method} {path} answered {reply.status} {start}")
        return reply

    def count(self, *words: Word) -> int:
        """Tell how many requests ended in one of these ways, or at all."""
        with self._lock:
            return sum(self._words[word] for word in words or Word)

    def _count(self, word: Word, what: str) -> None:
        with self._lock:
            self._words[word] += 1
            if word is Word.ERROR:
                self.errors.append(what)
