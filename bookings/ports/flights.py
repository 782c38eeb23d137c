"""
What this service asks of the Flight Service, and how it may answer.

A call for seats ends in one of a few ways. *Unknown* is not a failure: the call may have been carried out, and
only asking again with the same key tells.
"""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bookings.ports.outcomes import BreakerState, CallWord, Mistake, NotSent, Unknown


@dataclass(frozen=True, slots=True)
class Leg:
    """A flight as people say it: its number, where from and where to, and when. What is not known is empty, or None."""

    number: str = ""
    departure_airport: str = ""
    arrival_airport: str = ""
    departure_at: datetime | None = None
    arrival_at: datetime | None = None


NO_LEG = Leg()


@dataclass(frozen=True, slots=True)
class Flight:
    """
    A flight as the Flight Service last showed it. `price` is per seat, in minor units of `currency`.

    `capacity` is all its seats, taken or not. It and `currency` are None where the Flight Service does not show
    that. `oversold` is how far below zero its counter is: `seats_left` is 0 then. `leg` is for people, and decides
    nothing. What is remembered may be sold, and refuses nothing. `seat_map` is the version of the map of its seats;
    None: they have no numbers.
    """

    id: int
    price: int
    seats_left: int
    capacity: int | None = None
    oversold: int = 0
    currency: str | None = None
    leg: Leg = NO_LEG
    seat_map: int | None = None
    is_remembered: bool = field(default=False, compare=False)


class SeatStatus(enum.StrEnum):
    """How one seat stands at the Flight Service."""

    FREE = "free"
    TAKEN = "taken"
    BLOCKED = "blocked"


class SeatRefusal(enum.StrEnum):
    """Why one seat could not be taken."""

    TAKEN = "taken"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cabin:
    """A part of the aeroplane; its columns stand from left to right, and None is an aisle."""

    name: str
    columns: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat by its number, such as 12A: the row, then the column."""

    number: str
    cabin: str
    status: SeatStatus

    @property
    def row(self) -> int:
        """The row it stands in, counted from the front."""
        return int(self.number[:-1])

    @property
    def column(self) -> str:
        """The letter of its place in the row."""
        return self.number[-1]


@dataclass(frozen=True, slots=True)
class SeatMap:
    """
    The seats of a flight, and its counter, from one look.

    A seat that is not listed does not exist. Seats that are sold by count mark none: more may be shown as free than
    `seats_left`, and what can be had the Flight Service says when they are taken.
    """

    flight: Flight
    version: int
    cabins: tuple[Cabin, ...]
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class InPlaceOf:
    """Seats that are given back in the change that takes others; those without a number are the rest of `seats`."""

    seats: int
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeatChange:
    """
    One intent, whose payload never changes: take `seats` seats, or give them back.

    `numbers` are some of them, or all; the rest is counted. `in_place_of` makes a reservation an exchange.
    """

    key: UUID
    flight_id: int
    seats: int
    reserves: bool
    numbers: tuple[str, ...] = ()
    in_place_of: InPlaceOf | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """The seats were taken, or given back; those with a number by that number."""


@dataclass(frozen=True, slots=True)
class CountedNotNamed:
    """Seats were taken or given back, and nothing proves that they are those with the numbers that were asked for."""

    why: str = "the numbers were not repeated"


@dataclass(frozen=True, slots=True)
class SeatsTaken:
    """Refused for good: some of the seats with numbers cannot be had. `seats` says which, and why, if that is known."""

    seats: tuple[tuple[str, SeatRefusal], ...] = ()


@dataclass(frozen=True, slots=True)
class NoSeats:
    """Refused for good: not enough seats left."""


@dataclass(frozen=True, slots=True)
class NoFlight:
    """Refused for good: there is no such flight."""


@dataclass(frozen=True, slots=True)
class NeverKnown:
    """It may have been carried out or not, and no later call will tell: it must not be repeated."""

    why: str


SeatOutcome = Applied | CountedNotNamed | NoSeats | SeatsTaken | NoFlight | NotSent | Unknown | Mistake | NeverKnown


class FlightsUnreachable(Exception):
    """The Flight Service did not show the flight."""


class UnusableFlight(FlightsUnreachable):
    """The Flight Service shows the flight, and what it shows cannot be sold: the Flight Service itself is well."""


class UnknownFlight(Exception):
    """The Flight Service has no such flight."""


class NoSeatMap(Exception):
    """The Flight Service has no map of the flight's seats: they have no numbers."""


@dataclass(frozen=True, slots=True)
class FlightsHealth:
    """
    What this process has seen of the Flight Service; another process may have seen something else.

    `failures` have kept it from being asked, `next_try_in` and `answered_ago` are in seconds (infinite: it has not
    answered yet), and `calls` counts since the start of the process. `flights_resting` are not asked about: every
    call about them failed, while those about others need not have.
    """

    breaker: BreakerState
    failures: int
    next_try_in: float
    repetitions_left: float
    calls_in_flight: int
    calls: Mapping[CallWord, int]
    answered_ago: float = math.inf
    flights_resting: int = 0


# Note [A probe decides nothing]
# Readiness and the start page ask about some flight in order to say whether the Flight Service answers; balancers
# choose how often. If these questions counted, a flight that is not for sale could stop the sales of all, and a
# lucky probe could close a breaker that sales would have kept open. So they count neither way: not in a breaker,
# not in the retry budget. And no breaker holds them back, or they would report its state and not the peer's.
# `doctor` is a process of its own: what its breaker sees is gone with it.
class FlightService(Protocol):
    """
    The Flight Service.

    `seconds` is the time one call may take in all. No method repeats a change of seats by itself.
    """

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        """
        Show a flight as it is now.

        :raises UnknownFlight: if there is none
        :raises UnusableFlight: if it is shown, and cannot be sold as it is
        :raises FlightsUnreachable: if no valid answer came in time
        """

    def recent_flight(self, flight_id: int, *, seconds: float) -> Flight:
        """
        Show a flight as this process saw it within FLIGHT_PRICE_SECONDS, or as it is now; only to sell it.

        Asks where anything about the flight went other than well since, and always without keys. Callers that
        want the same flight at once share one question and its end.

        :raises UnknownFlight: likewise
        :raises UnusableFlight: likewise
        :raises FlightsUnreachable: likewise
        """

    def get_seat_map(self, flight_id: int, *, seconds: float) -> SeatMap:
        """
        Show the seats of a flight as they are now.

        :raises UnknownFlight: if there is no such flight
        :raises NoSeatMap: if its seats have no numbers
        :raises UnusableFlight: if the map is shown, and makes no sense
        :raises FlightsUnreachable: if no valid answer came in time
        """

    def answers(self, *, seconds: float) -> bool:
        """
        Ask whether it answers at all. See Note [A probe decides nothing].

        Any answer of its own counts: "no such flight", or a flight that cannot be sold, is an answer too.
        """

    def recall_flight(self, flight_id: int) -> Flight | None:
        """Show a flight as this process saw it within the last five minutes. Sends nothing."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        """Send one change, once. Raises nothing: what went wrong is in the outcome."""

    def is_available(self) -> bool:
        """
        Tell whether calls are sent now, apart from flights that rest. Sends nothing.

        Ask this before a claim is written. It may have changed by the time of the call, which then says *not sent*.
        """

    def spend_repetition(self) -> bool:
        """Spend one repetition of a budget that successes refill. False: do not repeat."""

    def health(self) -> FlightsHealth:
        """Show what this process has seen. Sends nothing."""
