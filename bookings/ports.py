"""
What this service asks of other systems, and the words they answer with.

A call for seats ends in one of a few ways. *Unknown* is not a failure: the call may have been carried out, and
only asking again with the same key tells.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from bookings.text.money import Money


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
    nothing. What is remembered may be sold, and refuses nothing.
    """

    id: int
    price: int
    seats_left: int
    capacity: int | None = None
    oversold: int = 0
    currency: str | None = None
    leg: Leg = NO_LEG
    is_remembered: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class SeatChange:
    """One intent, whose payload never changes: take `seats` seats, or give them back."""

    key: UUID
    flight_id: int
    seats: int
    reserves: bool


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


@dataclass(frozen=True, slots=True)
class NeverKnown:
    """It may have been carried out or not, and no later call will tell: it must not be repeated."""

    why: str


SeatOutcome = Applied | NoSeats | NoFlight | NotSent | Unknown | Mistake | NeverKnown


class FlightsUnreachable(Exception):
    """The Flight Service did not show the flight."""


class UnusableFlight(FlightsUnreachable):
    """The Flight Service shows the flight, and what it shows cannot be sold: the Flight Service itself is well."""


class UnknownFlight(Exception):
    """The Flight Service has no such flight."""


class BreakerState(enum.StrEnum):
    """Whether the Flight Service is asked: always, one call at a time, or not at all."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class CallWord(enum.StrEnum):
    """How one exchange with the Flight Service ended, for counters and breakers."""

    DONE = "done"
    REFUSED = "refused"
    MISTAKE = "mistake"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"
    NOT_SENT = "not_sent"
    OPEN = "open"
    FULL = "full"


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


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit, now that a request was counted or refused. `resets_in` is in whole seconds."""

    passed: bool
    limit: int
    remaining: int
    resets_in: int


class RateLimiter(Protocol):
    """
    Counts requests, exactly, for all processes of the service together.

    A window begins with its first request and lasts `seconds`; in it `limit` requests pass. So twice as many
    may pass around the end of a window, and never more.
    """

    def spend(self, name: str, *, limit: int, seconds: int) -> Allowance:
        """Count one request of `name`, unless its window is full."""

    def give_back(self, name: str) -> None:
        """Take back one request that was counted."""


class SigningKeysUnavailable(Exception):
    """No token can be verified, as the keys of the user service could not be had yet."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that verifies the tokens of one algorithm, and of no other."""

    algorithm: str
    key: Any


class SigningKeys(Protocol):
    """The keys that customers' tokens are verified with."""

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        """
        The keys that a token with this header may be signed with; none if it is not for this service.

        :raises SigningKeysUnavailable: if that cannot be said now
        """


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


ChargeOutcome = Charged | Declined | ChargeUnknown | NotSent


@dataclass(frozen=True, slots=True)
class Refunded:
    """The money went back."""


@dataclass(frozen=True, slots=True)
class RefundUnknown:
    """The money may have gone back or not."""

    why: str


RefundOutcome = Refunded | RefundUnknown | NotSent


class PaymentGateway(Protocol):
    """
    What takes the money. Asking twice with one key charges (or refunds) once.

    Both calls end within a third of a lease, with *unknown* if there is no answer by then. An answer that comes after
    the lease has ended is recorded all the same, but by then another worker may have asked again.

    `settles_here` says that the gateway's truth is this service's own database: it answers at once, sends
    nothing, and may be asked inside a transaction.
    """

    settles_here: bool

    def charge(self, *, key: UUID, amount: Money, reference: str) -> ChargeOutcome:
        """Take `amount`. Raises nothing."""

    def refund(self, *, key: UUID, charge_key: UUID, amount: Money) -> RefundOutcome:
        """Give back what was charged under `charge_key`. Raises nothing."""


class IdentityProviderAway(Exception):
    """The identity provider did not answer as it must; the message says how, and quotes nothing."""


class IdentityNotProven(Exception):
    """The identity provider's answer does not prove who logs in; the message says why, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who has logged in at the identity provider: `subject` is its own for each person, and never changes."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


class IdentityProvider(Protocol):
    """Where staff log in once for all systems of their company."""

    def address_of_log_in(self, *, state: str, nonce: str, verifier: str, comes_back_to: str) -> str:
        """
        Where the browser goes to log in; it is sent back to our own address with `state` and a code.

        :raises IdentityProviderAway: if that cannot be found out now
        """

    def identity(self, *, code: str, nonce: str, verifier: str, comes_back_to: str) -> Identity:
        """
        Who has logged in, told for a code that the browser has brought, once.

        :raises IdentityNotProven: if that is not proven
        :raises IdentityProviderAway: if it does not answer
        """


class PasskeyRefused(Exception):
    """This is no answer of a passkey to what was asked."""


@dataclass(frozen=True, slots=True)
class ProvenPasskey:
    """A passkey that has signed: what is stored of it, and how often it has signed, if it counts."""

    credential: bytes
    sign_count: int


class Passkeys(Protocol):
    """
    Asks browsers for passkeys, and verifies what they answer.

    What is asked goes to the page as it is; the state stays here, and is used once.
    """

    def begin_adding(
        self, *, handle: bytes, name: str, known: Sequence[bytes]
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """What to ask for to make a new passkey, and the state."""

    def complete_adding(self, state: dict[str, Any], said: Mapping[str, Any]) -> ProvenPasskey:
        """:raises PasskeyRefused: if this is no answer to it"""

    def begin_log_in(self, *, known: Sequence[bytes]) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """What to ask for to have one of these passkeys sign, and the state."""

    def complete_log_in(
        self, state: dict[str, Any], said: Mapping[str, Any], *, known: Sequence[bytes]
    ) -> ProvenPasskey:
        """:raises PasskeyRefused: if none of these has signed it"""
