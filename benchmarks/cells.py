"""What is measured: the cells of the table, and the requests of each."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.load import get, post
from benchmarks.stub_flights import PRICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOT_FLIGHTS = 50
BOOKINGS_PATH = "/api/v1/bookings"
LIST_LENGTH = 20
# Many times what two cores answer in a second.
MOST_PER_SECOND = 20_000
# So many are read in turns.
MOST_READ = 1_000
BOOKING_ID = re.compile(rb'"id": ?([0-9]+)')
USER_ID = re.compile(rb'"userId": ?([0-9]+)')


class Cell(NamedTuple):
    """So many clients that ask for one thing at once, while the Flight Service takes so long for each call."""

    scenario: str
    clients: int
    latency_ms: int


# Those that use a booking up.
CONSUMING = ("pay", "cancel")
SHORT = (
    Cell("create", 16, 0),
    Cell("create", 64, 0),
    Cell("create", 64, 50),
    Cell("pay", 16, 0),
    Cell("pay", 64, 0),
    Cell("cancel", 16, 0),
    Cell("read", 16, 0),
    Cell("list", 16, 0),
    Cell("flight", 64, 0),
    Cell("flight", 64, 50),
)
LONG = (
    *(Cell("create", clients, latency_ms) for latency_ms in (0, 5, 50) for clients in (16, 64)),
    *(Cell(scenario, clients, 0) for scenario in ("pay", "cancel", "read", "list") for clients in (16, 64)),
    *(Cell("flight", 64, latency_ms) for latency_ms in (0, 5, 50)),
)
SCENARIOS = frozenset(cell.scenario for cell in LONG)


class Booking(NamedTuple):
    """A booking that a target has made."""

    booking_id: int
    user_id: int


@dataclass(slots=True)
class Made:
    """The bookings of one target: those of this round that are not used up yet, and some that are there to be read."""

    unused: list[Booking] = field(default_factory=list)
    known: list[Booking] = field(default_factory=list)

    def add(self, bodies: Iterable[bytes]) -> None:
        """Read bookings out of the answers to creates."""
        for body in bodies:
            booking_id, user_id = BOOKING_ID.search(body), USER_ID.search(body)
            if booking_id and user_id:
                self.unused.append(Booking(int(booking_id[1]), int(user_id[1])))
        self.known = [*self.known, *self.unused[-MOST_READ:]][-MOST_READ:]

    def take(self, share: int) -> list[Booking]:
        """Take one of so many equal shares of what is unused."""
        count = len(self.unused) // share
        taken, self.unused = self.unused[:count], self.unused[count:]
        return taken


class Requests:
    """Makes the requests of all targets. No user comes twice, so that none reaches a cap."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def of(self, cell: Cell, made: Made, *, share: int, seconds: float) -> Iterator[bytes]:
        """
        Make the requests of a cell, in a bounded number.

        :param share: into how many shares the bookings that are there are divided, if the cell uses them up
        """
        match cell.scenario:
            case "create":
                endless: Iterator[bytes] = map(self._create, self._numbers)
            case "pay":
                return map(_pay, made.take(share))
            case "cancel":
                return map(_cancel, made.take(share))
            case "read":
                endless = map(_read, itertools.cycle(made.known))
            case "list":
                endless = itertools.repeat(get(f"{BOOKINGS_PATH}?limit={LIST_LENGTH}"))
            case _:
                endless = (get(f"/api/v1/flights/{1 + number % HOT_FLIGHTS}") for number in itertools.count())
        return itertools.islice(endless, int(MOST_PER_SECOND * seconds))

    def _create(self, number: int) -> bytes:
        return post(BOOKINGS_PATH, {"flightId": 1 + number % HOT_FLIGHTS, "userId": number, "noOfSeats": 1})


def _pay(booking: Booking) -> bytes:
    content = {"bookingId": booking.booking_id, "userId": booking.user_id, "totalCost": PRICE}
    return post(f"{BOOKINGS_PATH}/payments", content, key=f"bench-{booking.booking_id}")


def _cancel(booking: Booking) -> bytes:
    return post(f"{BOOKINGS_PATH}/{booking.booking_id}/cancel", {"userId": booking.user_id})


def _read(booking: Booking) -> bytes:
    return get(f"{BOOKINGS_PATH}/{booking.booking_id}")
