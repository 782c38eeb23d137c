"""A few clients that hold, pay, cancel and walk away: each request has a key, and is repeated until decided."""

import json
import random
import threading
import uuid
from typing import Any

from django.db import OperationalError

from bookings.errors import BookingError
from bookings.lifecycle import CancelReason
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.cancel import cancel_booking
from tests.races.crowd import on_own_connection
from tests.support.bookings import STAFF
from tests.support.bulk import start
from tests.support.servers import Web

CLIENTS = 4
# So many that what each leaves unpaid stays below the caps.
USERS = 1_000
FLIGHTS = 6

# Clients that read what they got and think: the point is crashes, not rates.
PAUSE_SECONDS = 0.1

# A client that waits longer than this for one decision has gone home; the worker decides without it.
GIVE_UP_TRIES = 150

NOT_DECIDED = {0, 202, 429, 502, 503}
NOT_DECIDED_CODES = {"request_in_progress", "payment_in_progress", "not_payable_yet"}

Heard = tuple[str, int, dict[str, Any]]


class Load:
    """The clients of one round; `heard` is every answer that decided something, `failures` what must not be."""

    def __init__(self, web: Web, *, seed: int) -> None:
        self.heard: list[Heard] = []
        self.failures: set[str] = set()
        self._web = web
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=on_own_connection, args=(self._live, random.Random(f"{seed} {number}")))
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

    def _live(self, dice: random.Random) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            user = 1001 + dice.randrange(USERS)
            order = {"flightId": dice.randint(1, FLIGHTS), "userId": user, "noOfSeats": dice.randint(1, 3)}
            status, booking = self._ask("/api/v1/bookings", order)
            if status != 201:
                continue
            stories = [self._pay, self._cancel, self._leave, self._pay_and_regret, self._cancel_in_bulk]
            story = dice.choices(stories, [8, 6, 4, 6, 1])[0]
            story(booking)

    def _pay(self, booking: dict[str, Any]) -> None:
        wanted = {"bookingId": booking["id"], "userId": booking["userId"], "totalCost": booking["totalCost"]}
        self._ask("/api/v1/bookings/payments", wanted)

    def _cancel(self, booking: dict[str, Any]) -> None:
        self._ask(f"/api/v1/bookings/{booking['id']}/cancel", {"userId": booking["userId"]})

    def _leave(self, booking: dict[str, Any]) -> None:
        """Walk away: the booking expires."""

    def _pay_and_regret(self, booking: dict[str, Any]) -> None:
        self._pay(booking)
        try:
            cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.CUSTOMER_REQUEST)
        except (BookingError, OperationalError):
            return

    def _cancel_in_bulk(self, booking: dict[str, Any]) -> None:
        """Staff cancel all unpaid bookings of this flight, unless they have changed since they looked."""
        try:
            start(Selection(flight=booking["flightId"], status="initiated"))
        except (BookingError, OperationalError):
            return

    def _ask(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send one request until it is decided, always under the same key."""
        key, content = uuid.uuid4().hex, json.dumps(body).encode()
        for _ in range(GIVE_UP_TRIES):
            status, answer = self._web.ask("POST", path, content, {"Idempotency-Key": key})
            envelope: dict[str, Any] = json.loads(answer) if status not in NOT_DECIDED else {}
            if status >= 500 and status not in NOT_DECIDED:
                self.failures.add(f"{path} answered {status}")
            elif envelope and envelope["error"].get("code") not in NOT_DECIDED_CODES:
                self.heard.append((key, status, envelope))
                return status, envelope["data"]
            self._pause()
        return 0, {}

    def _pause(self) -> None:
        threading.Event().wait(PAUSE_SECONDS)
