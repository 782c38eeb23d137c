"""What this service asks of others in order to know who calls, and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


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


class CellKeysUnavailable(Exception):
    """It cannot be said which cell has a key."""


class CellKeys(Protocol):
    """Remembers which of the cells has a client's key, for all of them."""

    def first_to_have(self, name: str, *, asks: int, seconds: int) -> int:
        """
        Tell which cell has the key of this name: the first that asked within so many seconds, the one that asks now if
        none did.

        :raises CellKeysUnavailable: if it cannot be said now
        """


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
