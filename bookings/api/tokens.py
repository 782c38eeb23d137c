"""Verifies the tokens of customers: JSON Web Tokens that the user service signs."""

import hashlib
import re
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

import jwt

from bookings.conf import HIGHEST_ID
from bookings.ports import SigningKey, SigningKeys
from bookings.text.mail_addresses import normal
from bookings.text.phone_numbers import is_normal

# A real one has a few hundred characters; more is not worth a signature's time.
LONGEST_TOKEN = 4096

# Clocks of two services differ by seconds.
LEEWAY_SECONDS = 30

# Three parts in base64url. The library lets the signature end in `=`, and one token must not have two spellings.
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

# The end of the year 9999: a token that expires after it never does.
LATEST_TIME = 253_402_300_799

TYPES = {"jwt", "at+jwt", "application/at+jwt"}
# What would make this token mean something that is not understood here (RFC 7515, 7516, 7797).
REFUSED_HEADERS = {"crit", "b64", "cty", "zip", "enc"}
USER_ID = re.compile(r"[1-9][0-9]{0,18}")

# A signature takes as long as half a read. A thousand customers at once are many for one process.
TOKENS_REMEMBERED = 1_000

# What PyJWT raises, and what it lets through of a payload of the wrong types.
PROBLEMS = (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class TokenRefused(Exception):
    """The token does not prove who calls. The message may be shown to the client that sent it."""


class TokenExpired(TokenRefused):
    """It did once: a newer one of the same user will do."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Who must have signed a token, and for whom."""

    issuer: str
    audience: str


class Customer(NamedTuple):
    """Whose a token is. Address and number are those that the user service has verified; empty: it says of none."""

    user_id: int
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token was found to say, and by which key; its times in seconds, without leeway."""

    user_id: int
    rules: TokenRules
    key: SigningKey
    key_id: str | None
    begins_at: int
    ends_at: int
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


class VerifiedTokens:
    """
    The tokens that this process has verified, the last thousand: their hashes, and nothing that could be sent.

    A token is known while its time lasts and the very key that has verified it is among the keys now. One that the
    user service withdraws ends its tokens as if nothing had been remembered; one that was read again verifies them
    again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._tokens: dict[bytes, Verified] = {}

    def get(self, token: str, *, keys: SigningKeys, rules: TokenRules) -> Customer | None:
        """
        Give the customer of a token that is known.

        :raises SigningKeysUnavailable: if it is not known now which keys there are
        """
        kept = self._tokens.get(_hash_of(token))
        if kept is None or kept.rules != rules:
            return None
        now = time.time()
        if not kept.begins_at - LEEWAY_SECONDS <= now < kept.ends_at + LEEWAY_SECONDS:
            return None
        candidates = keys.candidates(algorithm=kept.key.algorithm, key_id=kept.key_id)
        return Customer(kept.user_id, kept.email, kept.phone) if any(key is kept.key for key in candidates) else None

    def keep(self, token: str, found: Verified) -> None:
        with self._lock:
            while len(self._tokens) >= TOKENS_REMEMBERED:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[_hash_of(token)] = found


verified = VerifiedTokens()


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def customer_of(token: str, *, keys: SigningKeys, rules: TokenRules) -> Customer:
    """
    Verify a customer's token and return whose it is.

    The key decides the algorithm: `alg` only chooses among keys that are for this algorithm and no other. A token
    that was verified before is known again; see `VerifiedTokens`.

    :raises TokenExpired: if its time is over
    :raises TokenRefused: if anything else about it is not as it must be
    :raises SigningKeysUnavailable: if that cannot be said now
    """
    if (known := verified.get(token, keys=keys, rules=rules)) is not None:
        return known
    if len(token) > LONGEST_TOKEN or not COMPACT.fullmatch(token):
        raise TokenRefused("The token is not valid.")
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = _algorithm_and_key(header)
    except PROBLEMS as error:
        raise TokenRefused("The token is not valid.") from error
    for key in keys.candidates(algorithm=algorithm, key_id=key_id):
        try:
            claims = _claims(token, key=key.key, algorithm=key.algorithm, rules=rules)
            user_id = _user_id(claims)
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired("The token has expired.") from error
        except PROBLEMS as error:
            raise TokenRefused("The token is not valid.") from error
        customer = Customer(user_id, _email(claims), _phone(claims))
        times = {"begins_at": _begin(claims), "ends_at": int(claims["exp"])}
        verified.keep(token, Verified(user_id, rules, key, key_id, **times, email=customer.email, phone=customer.phone))
        return customer
    raise TokenRefused("The token is not valid.")


def _email(claims: dict[str, Any]) -> str:
    """Read the verified address of OpenID Connect; empty where it is not verified, or none that mail is sent to."""
    email = claims.get("email") if claims.get("email_verified") is True else ""
    try:
        return normal(email) if isinstance(email, str) else ""
    except ValueError:
        return ""


def _phone(claims: dict[str, Any]) -> str:
    """Read the verified number of OpenID Connect likewise. It is in the form of E.164 there, or not taken."""
    phone = claims.get("phone_number") if claims.get("phone_number_verified") is True else ""
    return phone if isinstance(phone, str) and is_normal(phone) else ""


def _begin(claims: dict[str, Any]) -> int:
    return max(int(claims.get("nbf", 0)), int(claims.get("iat", 0)))


def _algorithm_and_key(header: dict[str, Any]) -> tuple[str, str | None]:
    if REFUSED_HEADERS & header.keys() or str(header.get("typ", "JWT")).lower() not in TYPES:
        raise ValueError("this kind of token is not understood")
    key_id = header.get("kid")
    return str(header["alg"]), None if key_id is None else str(key_id)


def _claims(token: str, *, key: Any, algorithm: str, rules: TokenRules) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer=rules.issuer,
        audience=rules.audience,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iss", "aud", "sub"]},
    )
    # The library takes any text or number that Python can make an integer of.
    times = [claims[name] for name in ("exp", "nbf", "iat") if name in claims]
    if any(type(time) not in (int, float) or time > LATEST_TIME for time in times):
        raise ValueError("a time is not a number of seconds")
    return claims


def _user_id(claims: dict[str, Any]) -> int:
    subject = claims["sub"]
    if not USER_ID.fullmatch(subject) or int(subject) > HIGHEST_ID:
        raise ValueError("sub is not the id of a user")
    return int(subject)
