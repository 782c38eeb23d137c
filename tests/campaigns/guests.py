"""
Clients that hold, pay and read at their leisure, and how long each answer took.

They keep the pace of people, far below what the service can do, so that an answer that takes longer says that
something was in its way.
"""

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from benchmarks.samples import percentile
from benchmarks.targets import PRODUCTION
from tests.campaigns.doors import Doors, one_door
from tests.support.api import BOOKINGS, PAYMENTS
from tests.support.http import Reply
from tests.support.servers import Web, a_watched_web
from tests.support.waiting import await_that

CLIENTS = 8
PAUSE_SECONDS = 0.1

# As the service runs in production, its log lines included, with a user's caps out of the way.
SETTINGS = {**PRODUCTION, "LOG_LEVEL": "INFO"}

# The state of a socket, in /proc/net/tcp.
LISTENS = "0A"

# Users of their own, whom no booking of a campaign belongs to.
FIRST_USER = 1_000_000_000


def database_pid() -> int:
    """Give the process id of the database, which runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file")
        (path,) = cursor.fetchone()
    return int(Path(path).read_text())


class Timed(NamedTuple):
    """One request: when it was sent, on the monotonic clock, and how many seconds its answer took."""

    sent_at: float
    seconds: float


def production_web(env: dict[str, str]) -> list[Web]:
    """Make the web server as production runs it; not started."""
    return [a_watched_web("--workers", PRODUCTION["WEB_WORKERS"], env=env)]


def listeners(port: int) -> int:
    """Tell how many processes of a web server listen; each has a socket of its own."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return sum(words[1].endswith(f":{port:04X}") and words[3] == LISTENS for words in sockets)


class Guests:
    """The clients while they are there. `doors` counts what they were told."""

    def __init__(self, doors: Doors, *, flights: int, pause_seconds: float) -> None:
        self.doors = doors
        self._flights, self._pause_seconds = flights, pause_seconds
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._numbers, self._timed = itertools.count(FIRST_USER), list[Timed]()

    def live(self) -> None:
        """Hold a booking, pay it and read it, again and again, until all are stopped."""
        while not self._stopped.is_set():
            user = next(self._numbers)
            order = {"flightId": 1 + user % self._flights, "userId": user, "noOfSeats": 1}
            held: Any = self._ask("POST", BOOKINGS, order).json()["data"]
            payment = {"bookingId": held["id"], "userId": user, "totalCost": held["totalCost"]}
            self._ask("POST", PAYMENTS, payment, key=uuid.uuid4().hex)
            self._ask("GET", f"{BOOKINGS}/{held['id']}")

    def stop(self) -> None:
        self._stopped.set()

    def p99_ms(self, began: float, ended: float) -> float:
        """Tell how long all but the slowest hundredth of the answers took to what was sent between two moments."""
        with self._lock:
            seconds = sorted(each.seconds for each in self._timed if began <= each.sent_at < ended)
        return 1000 * percentile(seconds, 99)

    def answered(self) -> int:
        """Tell how many answers have come."""
        with self._lock:
            return len(self._timed)

    def _ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Reply:
        self._stopped.wait(self._pause_seconds)
        sent_at = time.monotonic()
        reply = self.doors.ask(method, path, body, key=key)
        with self._lock:
            self._timed.append(Timed(sent_at, time.monotonic() - sent_at))
        return reply


@contextmanager
def guests_at(
    web: Web, *, flights: int, clients: int = CLIENTS, pause_seconds: float = PAUSE_SECONDS
) -> Iterator[Guests]:
    """
    Let clients ask for the length of the block, each on a connection that it keeps.

    The first answer comes when one process listens: the connections of all clients would be its own.
    """
    await_that(lambda: listeners(web.port) == int(PRODUCTION["WEB_WORKERS"]), web.printed)
    with one_door(web.port) as doors:
        guests = Guests(doors, flights=flights, pause_seconds=pause_seconds)
        threads = [threading.Thread(target=guests.live) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield guests
        finally:
            guests.stop()
            for thread in threads:
                thread.join()
