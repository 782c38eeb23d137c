"""The keys that customers' tokens are verified with: shared secrets, or the public keys of the user service."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any

import requests
import structlog
import urllib3.exceptions
from jwt import PyJWK, PyJWTError

from bookings.gateways.bounded_answers import read_bounded
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
READ_SECONDS = 2.0
WHOLE_SECONDS = 5.0
LARGEST_SET_BYTES = 64 * 1024

# What a key is decides what it may verify; a token's header does not.
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
SMALLEST_RSA_BITS = 2048

KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")


class InvalidKeySet(ValueError):
    """What should be a JSON Web Key Set is none; the message says why, without what it contains."""


class SharedSecrets:
    """HS256 with one or more secrets: the one that tokens are signed with now, and those before it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [SigningKey("HS256", secret) for secret in secrets]

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        return self._keys if algorithm == "HS256" else []


class KeySet:
    """
    The public keys of the user service, read again from time to time and when a token names a new one.

    One thread reads while the others go on with what is known. After a failure the known keys stay good for a
    day, counted from the last time they were read.
    """

    def __init__(self, read: Callable[[], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._lock = Lock()
        # When the keys were read, and the keys: replaced together, as others read them without the lock.
        self._known: tuple[float, Mapping[str, SigningKey]] = (float("-inf"), {})
        self._tried_at = float("-inf")

    def candidates(self, *, algorithm: str, key_id: str | None) -> Sequence[SigningKey]:
        # Others are not in any set, and must not cause one to be read.
        if key_id is None or algorithm not in ALGORITHMS.values():
            return []
        keys = self._fresh_keys(key_id)
        found = keys.get(key_id)
        return [found] if found is not None and found.algorithm == algorithm else []

    def _fresh_keys(self, key_id: str) -> Mapping[str, SigningKey]:
        read_at, keys = self._known
        is_old = self._clock() - read_at > REFRESH_SECONDS
        # Without any keys everybody must wait for the one that reads.
        if (is_old or key_id not in keys) and self._lock.acquire(blocking=not keys):
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
            # Ours says what is wrong with the set, without what it contains.
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
        return KeySet(lambda: _fetch(source))
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


def _fetch(url: str) -> bytes:
    """
    Ask the user service for its keys.

    :raises OSError: if it does not answer with 200 (a requests exception is one)
    """
    ends_at = time.monotonic() + WHOLE_SECONDS
    session = requests.Session()
    # No proxy and no password from the environment.
    session.trust_env = False
    limits = (CONNECT_SECONDS, READ_SECONDS)
    with _as_os_error(), session, session.get(url, timeout=limits, allow_redirects=False, stream=True) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise OSError(f"status {answer.status_code}")
        return read_bounded(answer, largest=LARGEST_SET_BYTES, ends_at=ends_at)


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.HTTPError as error:  # while the body is read
        raise OSError(type(error).__name__) from error
