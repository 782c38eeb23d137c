"""Clients that book, pay, cancel, and look at their list after each of it: over HTTP alone, and they remember."""

import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.support.servers import Web

CLIENTS = 6

# A user is good for so many bookings: what one leaves unpaid stays below the caps.
EACH_USER = 5

FLIGHTS = 6

# Clients that read what they got and think: the point is failover, not rates.
PAUSE_SECONDS = 0.05

# Longer than a failover takes; whoever waits longer for one decision has gone home.
GIVE_UP_SECONDS = 90.0

NOT_DECIDED = {0, 202, 429, 502, 503}
NOT_DECIDED_CODES = {"request_in_progress", "payment_in_progress", "not_payable_yet"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that a client was told is so: this booking has this status. `era` counts failovers."""

    what: str
    booking: dict[str, Any]
    era: int

    @property
    def name(self) -> str:
        shown = self.booking
        return f"{self.what} {shown['reference']} ({shown['noOfSeats']} seats on flight {shown['flightId']})"


class Load:
    """
    The clients; `heard` is what they were told, `stale` what a list did not have though they had been told.

    `unclean` are answers that must not be: a 5xx that does not ask to come again.
    """

    def __init__(self, web: Web, *, seed: int) -> None:
        self.heard: list[Heard] = []
        self.stale: list[str] = []
        self.unclean: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.lists = 0
        self.era = 0
        self.first_of_era: dict[int, float] = {}
        self._web = web
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(1001 + number, random.Random(f"{seed} {number}")))
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Begin nothing new; what has begun goes on until it is decided."""
        self._stopped.set()

    def is_over(self) -> bool:
        """Tell whether every client has its decision or has given up."""
        return not any(thread.is_alive() for thread in self._threads)

    def _live(self, first_user: int, dice: random.Random) -> None:
        for number in itertools.count():
            if self._stopped.wait(PAUSE_SECONDS):
                return
            user = first_user + CLIENTS * (number // EACH_USER)
            order = {"flightId": dice.randint(1, FLIGHTS), "userId": user, "noOfSeats": dice.randint(1, 3)}
            booking = self._tell("booked", "/api/v1/bookings", order, 201)
            if booking is None:
                continue
            path = f"/api/v1/bookings/{booking['id']}/cancel"
            payment = {"bookingId": booking["id"], "userId": user, "totalCost": booking["totalCost"]}
            match dice.choice(("pay", "pay", "cancel", "leave")):
                case "pay":
                    self._tell("paid", "/api/v1/bookings/payments", payment, 201)
                case "cancel":
                    self._tell("cancelled", path, {"userId": user}, 200)

    def _tell(self, what: str, path: str, body: dict[str, Any], good: int) -> dict[str, Any] | None:
        """Ask until it is decided, remember a good answer, and look for it in the list at once."""
        status, booking = self._ask(path, body)
        if status != good:
            return None
        told = Heard(what, booking, self.era)
        self.heard.append(told)
        self.first_of_era.setdefault(told.era, time.monotonic())
        self._look_for(told)
        return booking

    def _look_for(self, told: Heard) -> None:
        status, content = self._web.ask("GET", f"/api/v1/bookings?userId={told.booking['userId']}&limit=5")
        self.answers[status] += 1
        if status not in (200, *NOT_DECIDED):
            self.unclean.add(f"the list answered {status}")
        # What was told before a failover may be lost after it; that is counted where the rows are.
        if status != 200 or told.era != self.era:
            return
        self.lists += 1
        found = {row["id"]: row["status"] for row in json.loads(content)["data"]["results"]}
        wanted = {told.booking["status"], "cancelled"}  # it may have expired meanwhile
        if found.get(told.booking["id"]) not in wanted:
            self.stale.append(told.name)

    def _ask(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send one request until it is decided, always under the same key."""
        key, content, deadline = uuid.uuid4().hex, json.dumps(body).encode(), time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            status, answer = self._web.ask("POST", path, content, {"Idempotency-Key": key})
            self.answers[status] += 1
            envelope: dict[str, Any] = json.loads(answer) if status not in NOT_DECIDED else {}
            if status >= 500 and status not in NOT_DECIDED:
                self.unclean.add(f"{path} answered {status}")
            elif envelope and envelope["error"].get("code") not in NOT_DECIDED_CODES:
                return status, envelope["data"]
            threading.Event().wait(PAUSE_SECONDS)
        return 0, {}
