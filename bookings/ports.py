"""
What this service asks of other systems, and the words they answer with.

A call for seats ends in one of five ways. *Unknown* is not a failure: the call may have been carried out,
and only asking again with the same key tells.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Flight:
    """A flight as the Flight Service last showed it. `price` is per seat, in minor units."""

    id: int
    price: int
    seats_left: int


@dataclass(frozen=True, slots=True)
class SeatChange:
    """One intent, with one payload for ever: take `seats` seats, or give them back."""

    key: UUID
    flight_id: int
    seats: int
    take: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """The seats were taken, or given back."""


@dataclass(frozen=True, slots=True)
class NoSeats:
    """Refused for good: not enough seats left."""


@dataclass(frozen=True, slots=True)
class NoFlight:
    """Refused for good: there is no such flight."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request reached the other side."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out or not. `retry_after` is in seconds, where the peer asked for a pause."""

    why: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """The other side says that the request itself is wrong; repeating it cannot help."""

    why: str


SeatOutcome = Applied | NoSeats | NoFlight | NotSent | Unknown | Mistake


class FlightsUnreachable(Exception):
    """The Flight Service did not show the flight."""


class UnknownFlight(Exception):
    """The Flight Service has no such flight."""


class FlightService(Protocol):
    """
    The Flight Service.

    `seconds` is the time one call may take in all. No method repeats a change of seats by itself.
    """

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        """
        Show a flight as it is now.

        :raises UnknownFlight: if there is none
        :raises FlightsUnreachable: if no valid answer came in time
        """

    def recall_flight(self, flight_id: int) -> Flight | None:
        """Show a flight as this process saw it within the last five minutes. Asks nobody."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        """Send one change, once. Raises nothing: what went wrong is in the outcome."""


@dataclass(frozen=True, slots=True)
class Charged:
    """The money was taken."""


@dataclass(frozen=True, slots=True)
class Declined:
    """No money was taken, and none will be under this key."""

    why: str


@dataclass(frozen=True, slots=True)
class ChargeUnknown:
    """The money may have been taken or not."""

    why: str


ChargeOutcome = Charged | Declined | ChargeUnknown


@dataclass(frozen=True, slots=True)
class Refunded:
    """The money went back."""


@dataclass(frozen=True, slots=True)
class RefundUnknown:
    """The money may have gone back or not."""

    why: str


RefundOutcome = Refunded | RefundUnknown


class PaymentGateway(Protocol):
    """
    Whoever takes the money. Asking twice with one key charges (or refunds) once.

    `settles_here` says that the gateway's truth is this service's own database: it answers at once, sends
    nothing, and may be asked inside a transaction.
    """

    settles_here: bool

    def charge(self, *, key: UUID, amount: int, reference: str) -> ChargeOutcome:
        """Take `amount` minor units. Raises nothing."""

    def refund(self, *, key: UUID, charge_key: UUID, amount: int) -> RefundOutcome:
        """Give back what was charged under `charge_key`. Raises nothing."""
