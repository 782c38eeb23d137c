"""The user service's part: keys of every kind, the set it publishes, and tokens put together by hand."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, get_default_algorithms

from tests.support.wire import Wire, a_wire

Sign = Callable[[bytes], bytes]

SECRET = "the secret that tokens are signed with now"
OLDER_SECRET = "the secret that tokens were signed with before"

# The key id of each algorithm's key in the set.
KEY_IDS = {"RS256": "rsa-1", "ES256": "ec-1", "EdDSA": "ed-1"}

# Where a published key set is.
PLACES = {"/", "/jwks", "/keys"}

_TO_JWK = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
_MAKE: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def private_key(algorithm: str, whose: str = "the user service") -> Any:
    """The one key of this algorithm that somebody has, the same for the whole run: an RSA key takes long."""
    return _made(algorithm, whose)


@cache
def _made(algorithm: str, whose: str) -> Any:
    return _MAKE[algorithm]()


def public_jwk(algorithm: str, whose: str = "the user service", **members: Any) -> dict[str, Any]:
    """A public key as a set has it; a member that is None is left out."""
    members = {"kid": KEY_IDS[algorithm], **members}
    plain = _TO_JWK[algorithm].to_jwk(private_key(algorithm, whose).public_key(), as_dict=True)
    return {name: value for name, value in {**plain, **members}.items() if value is not None}


def public_pem(algorithm: str) -> bytes:
    form = PublicFormat.SubjectPublicKeyInfo
    pem: bytes = private_key(algorithm).public_key().public_bytes(Encoding.PEM, form)
    return pem


def key_set(*entries: dict[str, Any]) -> bytes:
    """A JSON Web Key Set of these entries; without any, of one public key for each algorithm."""
    return json.dumps({"keys": list(entries) or [public_jwk(algorithm) for algorithm in KEY_IDS]}).encode()


def by_secret(secret: str | bytes = SECRET, digest: str = "sha256") -> Sign:
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda content: hmac.digest(key, content, digest)


def by_key(key: Any, algorithm: str) -> Sign:
    """Sign as `algorithm` says, whether or not the key is one for it."""
    return lambda content: get_default_algorithms()[algorithm].sign(content, key)


def signer_of(algorithm: str) -> Sign:
    """Whoever signs good tokens of this algorithm."""
    return by_secret() if algorithm == "HS256" else by_key(private_key(algorithm), algorithm)


def usual_header(algorithm: str) -> dict[str, Any]:
    kid = {"kid": KEY_IDS[algorithm]} if algorithm in KEY_IDS else {}
    return {"alg": algorithm, "typ": "JWT", **kid}


def usual_claims() -> dict[str, Any]:
    now = int(time.time())
    names = {"iss": settings.JWT_ISSUER, "aud": settings.JWT_AUDIENCE, "sub": "1001"}
    return {**names, "iat": now, "exp": now + 600}


LEFT_OUT = object()


def good_token(algorithm: str, *, header: Any = None, claims: Any = None, sign: Sign | None = None) -> str:
    """Put a token together; what `header` and `claims` change, text and bytes as they are, is signed with it."""
    head = _changed(usual_header(algorithm), header)
    return sealed(head, _changed(usual_claims(), claims), sign or signer_of(algorithm))


def sealed(header: Any, claims: Any, sign: Sign) -> str:
    """Sign whatever is there, bytes as they are and the rest as JSON, as no library would."""
    content = f"{encoded(_json(header))}.{encoded(_json(claims))}"
    return f"{content}.{encoded(sign(content.encode()))}"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _changed(usual: dict[str, Any], changes: Any) -> Any:
    if isinstance(changes, bytes):
        return changes
    return {name: value for name, value in {**usual, **(changes or {})}.items() if value is not LEFT_OUT}


def _json(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@contextmanager
def published(status: int = 200, *, body: bytes = b"", headers: dict[str, str] | None = None) -> Iterator[Wire]:
    """Serve one answer at the places where a key set may be, until the block ends."""
    with a_wire() as wire:
        for path in PLACES:
            wire.add("GET", path, status, body=body, headers=headers or {})
        wire.hangs_up_after |= PLACES
        yield wire
