"""
Clients that hold, pay, cancel, read and walk away: the load of every campaign.

Each request that changes anything has a key, and is repeated under it until it is decided.
"""

import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import OperationalError

from bookings.errors import BookingError
from bookings.lifecycle import CancelReason
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.cancel import cancel_booking
from tests.campaigns.doors import Doors
from tests.campaigns.verdict import Word, word_for
from tests.races.crowd import on_own_connection
from tests.support.api import BOOKINGS, PAYMENTS
from tests.support.bookings import STAFF
from tests.support.bulk import start
from tests.support.http import Reply

FLIGHTS = 6

# A user is good for so many bookings: what one leaves unpaid stays below the caps.
EACH_USER = 5

# Answers that decide nothing: asked again under the same key.
NOT_DECIDED = {0, 202, 429, 502, 503, 504}
NOT_DECIDED_CODES = {"request_in_progress", "payment_in_progress", "not_payable_yet"}

Shown = dict[str, Any]


@dataclass(frozen=True)
class Manner:
    """How clients behave."""

    clients: int = 4
    # Clients that read what they got and think: the point is what breaks, not rates.
    pause_seconds: float = 0.1
    # What a client does with a booking that it holds, and how often of how many times.
    acts: Mapping[str, int] = field(
        default_factory=lambda: {"pay": 8, "cancel": 6, "leave": 4, "pay and regret": 6, "cancel in bulk": 1}
    )
    # Bookings that a client keeps before it does anything with the oldest.
    stock: int = 0
    # A client that waits longer for one decision has gone home; the worker decides without it.
    gives_up_seconds: float = 20.0
    # Waits as long as an answer says, and does something else in the meantime.
    waits_as_told: bool = False
    # Asks again until it is decided. Otherwise everything that is not done at once is a failure.
    repeats: bool = True


class Load:
    """The clients of one round; `heard` is every answer that decided something, with the key it was under."""

    def __init__(self, doors: Doors, *, seed: int, manner: Manner | None = None) -> None:
        self.heard: list[tuple[str, int, Shown]] = []
        self.doors, self._manner = doors, manner or Manner()
        self._stopped, self._gone = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(
                target=on_own_connection, args=(self._live, 1001 + number, random.Random(f"{seed} {number}"))
            )
            for number in range(self._manner.clients)
        ]

    def __enter__(self) -> Self:
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

    def bookings(self) -> set[int]:
        """Give the ids of all bookings that clients know of."""
        return {envelope["data"]["id"] for _key, status, envelope in self.heard if 200 <= status < 300}

    def told(self, what: str, booking: Shown) -> None:
        """Do what else a client does with good news."""

    def _live(self, first_user: int, dice: random.Random) -> None:
        stock: list[Shown] = []  # held, and neither paid nor cancelled yet
        for number in itertools.count():
            if self._stopped.wait(self._manner.pause_seconds):
                return
            user = first_user + self._manner.clients * (number // EACH_USER)
            order = {"flightId": dice.randint(1, FLIGHTS), "userId": user, "noOfSeats": dice.randint(1, 3)}
            booking = self._decided("booked", BOOKINGS, order, meanwhile=lambda: self._act(dice, stock))
            if booking:
                stock.append(booking)
            if len(stock) > self._manner.stock:
                self._act(dice, stock)

    def _act(self, dice: random.Random, stock: list[Shown]) -> None:
        """Do something with the oldest booking; look at all where there is none."""
        if not stock:
            self.doors.ask("GET", f"{BOOKINGS}?limit=5")
            return
        booking, acts = stock[0], self._manner.acts
        match dice.choices(list(acts), list(acts.values()))[0]:
            case "pay":
                self._pay(booking)
            case "cancel":
                self._decided("cancelled", f"{BOOKINGS}/{booking['id']}/cancel", {"userId": booking["userId"]})
            case "pay and regret":
                self._pay(booking)
                _as_staff(_cancel, booking)
            case "cancel in bulk":
                _as_staff(_cancel_its_flight, booking)
            case "read":
                self.doors.ask("GET", f"{BOOKINGS}/{booking['id']}?userId={booking['userId']}")
                return
        stock.pop(0)

    def _pay(self, booking: Shown) -> None:
        wanted = {"bookingId": booking["id"], "userId": booking["userId"], "totalCost": booking["totalCost"]}
        self._decided("paid", PAYMENTS, wanted)

    def _decided(self, what: str, path: str, content: Shown, *, meanwhile: Callable[[], None] | None = None) -> Shown:
        """Send one request until it is decided; give what a 2xx shows, and nothing for a refusal."""
        key, ends_at = uuid.uuid4().hex, time.monotonic() + self._manner.gives_up_seconds
        while not self._gone.is_set() and time.monotonic() < ends_at:
            reply = self.doors.ask("POST", path, content, key=key)
            envelope = _decision_in(reply)
            if envelope:
                self.heard.append((key, reply.status, envelope))
                shown: Shown = envelope["data"]
                if shown:
                    self.told(what, shown)
                return shown
            if not self._manner.repeats:
                break
            self._wait(reply, meanwhile)
        return {}

    def _wait(self, reply: Reply, meanwhile: Callable[[], None] | None) -> None:
        """Wait a moment, or as long as the answer says, and use the time."""
        told = reply.headers.get("retry-after", "") if self._manner.waits_as_told else ""
        pause = self._manner.pause_seconds
        ends_at = time.monotonic() + (float(told) if told.isdigit() else pause)
        while time.monotonic() < ends_at and not self._gone.wait(pause):
            if self._manner.waits_as_told and meanwhile and not self._stopped.is_set():
                meanwhile()


def _decision_in(reply: Reply) -> Shown:
    """Give the envelope if it decides something; what is no envelope has been counted as an error."""
    if reply.status in NOT_DECIDED or word_for(reply) is Word.ERROR:
        return {}
    envelope: Shown = reply.json()
    return {} if envelope["error"].get("code") in NOT_DECIDED_CODES else envelope


def _as_staff(act: Callable[[Shown], object], booking: Shown) -> None:
    """Do what support staff do, who may be told that it cannot be done."""
    try:
        act(booking)
    except (BookingError, OperationalError):
        return


def _cancel(booking: Shown) -> None:
    cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.CUSTOMER_REQUEST)


def _cancel_its_flight(booking: Shown) -> None:
    """Cancel all unpaid bookings of its flight, unless they have changed since the look at them."""
    start(Selection(flight=booking["flightId"], status="initiated"))
