"""The web servers as clients see them who know all their addresses, and a count of what they answer."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Protocol

from devtools.processes import HOST
from tests.campaigns.verdict import Word, word_for
from tests.support.http import ANSWER_SECONDS, NO_REPLY, Reply, exchange, exchange_on

Exchange = Callable[..., Reply]


class Door(Protocol):
    """An address that clients know, which has an excuse for no answer while its process is dead."""

    port: int

    def was_down_since(self, moment: float) -> bool: ...


class ThroughProxy:
    """The one address that clients have otherwise; there is no excuse behind it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def was_down_since(self, moment: float) -> bool:
        return False


class Excused(ThroughProxy):
    """A server of which processes die on demand: whatever it does not answer is excused."""

    def was_down_since(self, moment: float) -> bool:
        return True


class KeptConnections:
    """Sends each thread's requests on one connection, as browsers and services do, until one of them fails."""

    def __init__(self) -> None:
        self._of_thread: dict[int, HTTPConnection] = {}

    def __call__(self, port: int, *request: object) -> Reply:
        peer = self._of_thread.setdefault(threading.get_ident(), HTTPConnection(HOST, port, timeout=ANSWER_SECONDS))
        try:
            return exchange_on(peer, *request)
        except (OSError, HTTPException):
            peer.close()
            raise

    def close(self) -> None:
        for peer in self._of_thread.values():
            peer.close()


class Doors:
    """Sends each request through the next door, counts what became of it, and is used by many threads."""

    def __init__(self, doors: Sequence[Door], *, send: Exchange = exchange) -> None:
        self._turn, self._send = itertools.cycle(doors), send
        self._lock = threading.Lock()
        self._words: Counter[Word] = Counter()
        self.errors: list[str] = []
        self.refusals: list[str] = []
        self.unavailable: list[str] = []

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Reply:
        """Send one request; `NO_REPLY` if no answer came."""
        with self._lock:
            door = next(self._turn)
        headers = {"Idempotency-Key": key} if key else {}
        sent_at = time.monotonic()
        try:
            reply = self._send(door.port, method, path, body, headers)
        except (OSError, HTTPException) as error:
            was_cut = door.was_down_since(sent_at)
            self._count(Word.CUT if was_cut else Word.ERROR, f"{method} {path}: {error!r}")
            return NO_REPLY
        start = reply.body[:200].decode(errors="replace")
        what = f"{method} {path} answered {reply.status} {start}"
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.unavailable.append(what)
        self._count(word_for(reply), what)
        return reply

    def failures(self) -> list[str]:
        """Name every request that was not done."""
        return [*self.errors, *self.refusals]

    def counts(self) -> Counter[Word]:
        """Tell how many requests have ended in which way so far."""
        with self._lock:
            return self._words.copy()

    def _count(self, word: Word, what: str) -> None:
        with self._lock:
            self._words[word] += 1
            if word is Word.ERROR:
                self.errors.append(what)
            elif word is Word.REFUSED:
                self.refusals.append(what)


@contextmanager
def one_door(port: int) -> Iterator[Doors]:
    """Let clients know one address, and keep their connections until the block ends: by then none asks any more."""
    with closing(KeptConnections()) as connections:
        yield Doors([ThroughProxy(port)], send=connections)
