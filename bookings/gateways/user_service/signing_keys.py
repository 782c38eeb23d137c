"""The keys that customers' tokens are verified with: shared secrets, or the public keys of the user service."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from jwt import PyJWK, PyJWTError

from bookings.gateways.http_exchange import HttpExchange, Question
from bookings.ports import SigningKey, SigningKeys, SigningKeysUnavailable

log = structlog.get_logger(__name__)

# A key that the user service has withdrawn is refused after this, at the latest.
REFRESH_SECONDS = 300.0

# A key that was added is known after this. Also the pause after a failure: strangers choose key ids, and must not
# choose how often the user service is asked.
LOOK_AGAIN_SECONDS = 10.0

# A user service that is down for a night must not lock its customers out.
KEPT_SECONDS = 24 * 3600.0

CONNECT_SECONDS = 0.5
# For the whole exchange: a user service that sends byte by byte holds one thread so long, once in ten seconds.
WHOLE_SECONDS = 2.0
# For requests that come while the first keys are being read: long enough for a good response, and a bad one
# does not hold their threads.
WAIT_SECONDS = 0.5
LARGEST_SET_BYTES = 64 * 1024

# What a key is decides what it may verify; a token's header does not.
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
SMALLEST_RSA_BITS = 2048

KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")


class InvalidKeySet(ValueError):
    """This is no valid JSON Web Key Set; the message says why, without quoting it."""


class SharedSecrets:
    """HS256 with one or more secrets: the one that tokens are signed with now, and those before it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [SigningKey("HS256", secret) for secret in secrets]

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        return self._keys if algorithm == "HS256" else []


class KeySet:
    """
    The public keys of the user service, read again from time to time and when a token names a new one.

    One thread reads while the others use the known keys; without any, they wait half a second for the first.
    After a failure the known keys stay good for a day, counted from the last time they were read.
    """

    def __init__(self, read: Callable[[], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._lock = Lock()
        # When the keys were read, and the keys: replaced together, as other threads read them without the lock.
        self._known: tuple[float, Mapping[str, SigningKey]] = (float("-inf"), {})
        self._tried_at = float("-inf")

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        # Such a key is in no set, and must not cause one to be read.
        if key_id is None or algorithm not in ALGORITHMS.values():
            return []
        keys = self._fresh_keys(key_id)
        found = keys.get(key_id)
        return [found] if found is not None and found.algorithm == algorithm else []

    def _fresh_keys(self, key_id: str) -> Mapping[str, SigningKey]:
        read_at, keys = self._known
        is_old = self._clock() - read_at > REFRESH_SECONDS
        # Without any keys no token can be verified; requests that cannot wait any longer answer 503.
        if (is_old or key_id not in keys) and self._lock.acquire(timeout=0 if keys else WAIT_SECONDS):
            try:
                self._read_again()
            finally:
                self._lock.release()
            read_at, keys = self._known
        if self._clock() - read_at > KEPT_SECONDS:
            raise SigningKeysUnavailable
        return keys

    def _read_again(self) -> None:
        if self._clock() - self._tried_at < LOOK_AGAIN_SECONDS:
            return
        self._tried_at = self._clock()
        try:
            self._known = (self._tried_at, parse_key_set(self._read()))
        except (OSError, InvalidKeySet) as error:
            # Our own message says what is wrong with the set, and quotes nothing of it.
            why = str(error) if isinstance(error, InvalidKeySet) else None
            log.error("gateway.signing_keys.not_read", error=type(error).__name__, reason=why)


class AnyOf:
    """Several sources of keys; each has algorithms of its own, so at most one has an answer."""

    def __init__(self, sources: Sequence[SigningKeys]) -> None:
        self._sources = sources

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        return [
            key
            for source in self._sources
            for key in source.candidates(algorithm=algorithm, key_id=key_id)
            if key.algorithm == algorithm
        ]


def key_set_from(source: str) -> KeySet:
    """
    Make a key set of what JWT_JWKS says: the JSON itself, an address, or the path of a file.

    :raises InvalidKeySet, OSError: if the JSON or the file cannot be used; an address is asked at first use
    """
    if source.lstrip().startswith("{"):
        content = source.encode()
        parse_key_set(content)
        return KeySet(lambda: content)
    if source.startswith(("http://", "https://")):
        http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_SET_BYTES)
        return KeySet(lambda: _fetch(source, http))
    file = Path(source)
    parse_key_set(file.read_bytes())
    return KeySet(file.read_bytes)


def parse_key_set(content: bytes) -> Mapping[str, SigningKey]:
    """
    Read a JSON Web Key Set: its signing keys of the known kinds, by key id.

    :raises InvalidKeySet: if it is none, has a private or a shared key, or none that could be used
    """
    if len(content) > LARGEST_SET_BYTES:
        raise InvalidKeySet("the key set is larger than 64 KiB")
    try:
        entries = json.loads(content)["keys"]
        if any(entry["kty"] == "oct" or "d" in entry for entry in entries):
            raise InvalidKeySet("the key set contains a secret; publish public keys only")
        found = [(entry["kid"], _signing_key(entry)) for entry in entries if _is_for_signing(entry)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, PyJWTError) as error:
        if isinstance(error, InvalidKeySet):
            raise
        raise InvalidKeySet("it is not a JSON Web Key Set whose signing keys have a kid") from error
    usable = {key_id: key for key_id, key in found if key is not None}
    if not usable:
        raise InvalidKeySet("the key set has no signing key for RS256, ES256 or EdDSA")
    if len(usable) != sum(key is not None for _, key in found):
        raise InvalidKeySet("two signing keys have the same kid")
    return usable


def _is_for_signing(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("use", "sig") == "sig" and "verify" in entry.get("key_ops", ["verify"]))


def _signing_key(entry: Mapping[str, Any]) -> SigningKey | None:
    """Read one key; None for a kind that is not known here."""
    if not KEY_ID.fullmatch(entry["kid"]):
        raise InvalidKeySet("a key id is not 1 to 128 visible ASCII characters")
    algorithm = ALGORITHMS.get((entry["kty"], entry.get("crv")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    key = PyJWK(dict(entry), algorithm=algorithm).key
    if algorithm == "RS256" and key.key_size < SMALLEST_RSA_BITS:
        raise InvalidKeySet(f"an RSA key is shorter than {SMALLEST_RSA_BITS} bits")
    return SigningKey(algorithm, key)


def _fetch(url: str, http: HttpExchange) -> bytes:
    """
    Ask the user service for its keys.

    :raises OSError: if it does not answer with 200, within two seconds in all
    """
    answer = http.send(Question("GET", url, {"Accept": "application/json"}), seconds=WHOLE_SECONDS)
    if answer.status != HTTPStatus.OK:
        raise OSError(f"status {answer.status}")
    return answer.body
