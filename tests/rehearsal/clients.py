"""
A few clients that hold, pay, cancel, read and walk away.

Each request that changes anything has a key, and is repeated under it until it is decided, when the answer
says so and not before. Whoever is told to wait has other bookings to pay, cancel or read in the meantime:
these must go on whatever the Flight Service does.
"""

import functools
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.campaigns.doors import Doors
from tests.campaigns.verdict import Word, word_for
from tests.support.http import Reply

CLIENTS = 8
FLIGHTS = 6

# Clients that read what they got: the point is outages, not rates.
PAUSE_SECONDS = 0.2

# A user is good for so many bookings: what one leaves unpaid stays below the caps.
EACH_USER = 5

# Bookings that a client has neither paid nor cancelled yet; older ones are left to expire.
STOCK = 3

# Answers that decide nothing: asked again under the same key.
NOT_DECIDED = {0, 202, 429, 502, 503, 504}
NOT_DECIDED_CODES = {"request_in_progress", "payment_in_progress", "not_payable_yet"}

Shown = dict[str, Any]


class Clients:
    """The clients of one outage; `heard` is every answer that decided something, with the key it was under."""

    def __init__(self, doors: Doors, *, seed: int) -> None:
        self.heard: list[tuple[str, int, Shown]] = []
        self._doors = doors
        self._stopped = threading.Event()
        self._gone = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(1001 + number, random.Random(f"{seed} {number}")))
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        self._gone.set()
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Begin nothing new; what has begun goes on until it is decided, or until the block ends."""
        self._stopped.set()

    def undecided(self) -> int:
        """Tell how many clients still wait for a decision."""
        return sum(thread.is_alive() for thread in self._threads)

    def _live(self, first_user: int, dice: random.Random) -> None:
        stock: list[Shown] = []  # held, and neither paid nor cancelled yet
        for number in itertools.count():
            if self._stopped.wait(PAUSE_SECONDS):
                return
            user = first_user + CLIENTS * (number // EACH_USER)
            order = {"flightId": dice.randint(1, FLIGHTS), "userId": user, "noOfSeats": dice.randint(1, 3)}
            meanwhile = functools.partial(self._do_something, dice, stock)
            booking = self._decided("/api/v1/bookings", order, meanwhile=meanwhile)
            if booking:
                stock.append(booking)
            if len(stock) > STOCK:
                self._do_something(dice, stock)

    def _do_something(self, dice: random.Random, stock: list[Shown]) -> None:
        """Pay, cancel, leave or look at the oldest booking; look at all where there is none."""
        if not stock:
            self._doors.ask("GET", "/api/v1/bookings?limit=5")
            return
        booking = stock[0]
        user, address = booking["userId"], f"/api/v1/bookings/{booking['id']}"
        match dice.choices(["pay", "cancel", "leave", "read"], [5, 3, 2, 2])[0]:
            case "pay":
                wanted = {"bookingId": booking["id"], "userId": user, "totalCost": booking["totalCost"]}
                self._decided("/api/v1/bookings/payments", wanted)
            case "cancel":
                self._decided(f"{address}/cancel", {"userId": user})
            case "read":
                self._doors.ask("GET", f"{address}?userId={user}")
                return
        stock.pop(0)

    def _decided(self, path: str, content: Shown, *, meanwhile: Callable[[], None] | None = None) -> Shown:
        """Send one request until it is decided; give what a 2xx shows, and nothing for a refusal."""
        key, body = uuid.uuid4().hex, json.dumps(content).encode()
        while not self._gone.is_set():
            reply = self._doors.ask("POST", path, body, key=key)
            envelope = _decision_in(reply)
            if envelope:
                self.heard.append((key, reply.status, envelope))
                shown: Shown = envelope["data"]
                return shown
            self._wait(reply, meanwhile)
        return {}

    def _wait(self, reply: Reply, meanwhile: Callable[[], None] | None) -> None:
        """Wait as long as the answer says, and use the time."""
        retry_after = reply.headers.get("retry-after", "")
        ends_at = time.monotonic() + (float(retry_after) if retry_after.isdigit() else PAUSE_SECONDS)
        while time.monotonic() < ends_at and not self._gone.wait(PAUSE_SECONDS):
            if meanwhile is not None and not self._stopped.is_set():
                meanwhile()


def _decision_in(reply: Reply) -> Shown:
    """Give the envelope if it decides something; what is no envelope has been counted as an error."""
    if reply.status in NOT_DECIDED or word_for(reply) is Word.ERROR:
        return {}
    envelope: Shown = json.loads(reply.body)
    return {} if envelope["error"].get("code") in NOT_DECIDED_CODES else envelope
