"""Verifies the tokens of customers: JSON Web Tokens that the user service signs."""

import re
from dataclasses import dataclass
from typing import Any

import jwt

from bookings.conf import HIGHEST_ID
from bookings.ports import SigningKeys

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


def user_of(token: str, *, keys: SigningKeys, rules: TokenRules) -> int:
    """
    Verify a customer's token and return whose it is.

    The key decides the algorithm: `alg` only chooses among keys that are for this algorithm and no other.

    :raises TokenExpired: if its time is over
    :raises TokenRefused: if anything else about it is not as it must be
    :raises SigningKeysUnavailable: if that cannot be said now
    """
    if len(token) > LONGEST_TOKEN or not COMPACT.fullmatch(token):
        raise TokenRefused("The token is not valid.")
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = _algorithm_and_key(header)
    except PROBLEMS as error:
        raise TokenRefused("The token is not valid.") from error
    for key in keys.candidates(algorithm=algorithm, key_id=key_id):
        try:
            return _user_id(_claims(token, key=key.key, algorithm=key.algorithm, rules=rules))
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired("The token has expired.") from error
        except PROBLEMS as error:
            raise TokenRefused("The token is not valid.") from error
    raise TokenRefused("The token is not valid.")


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
