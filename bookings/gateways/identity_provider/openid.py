"""
The identity provider of staff, asked as OpenID Connect says: the authorization code flow with PKCE.

Of what it says only the ID token is believed, and that only with the right signature, issuer, audience, nonce and time.
"""

import hmac
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt

from bookings.gateways.http_exchange import ExchangeFailed, HttpExchange, Question
from bookings.gateways.user_service.signing_keys import KeySet, key_set_from
from bookings.ports import Identity, IdentityNotProven, IdentityProviderAway, SigningKeysUnavailable

CONNECT_SECONDS = 2.0
# For each of the two exchanges of a log-in. A person waits, and holds one thread of the back office.
WHOLE_SECONDS = 5.0
LARGEST_BYTES = 64 * 1024
# What the provider says about itself changes seldom.
DOCUMENT_SECONDS = 3600.0
# The pause after it could not be read: strangers begin log-ins, and each that waits holds a thread.
LOOK_AGAIN_SECONDS = 10.0
# For those who come while it is being read the first time.
WAIT_SECONDS = 0.5
# Clocks of two services differ by seconds.
LEEWAY_SECONDS = 30
LONGEST_SUBJECT = 255

PROBLEMS = (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

# When it was read, the document, and the keys that it names: replaced together.
Known = tuple[float, Mapping[str, Any], KeySet]


class OpenIdProvider:
    """One provider, and this service as its client. What it says about itself is read at first use, and each hour."""

    def __init__(self, issuer: str, *, client_id: str, client_secret: str, scopes: str) -> None:
        self._issuer, self._client_id, self._client_secret, self._scopes = issuer, client_id, client_secret, scopes
        self._http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_BYTES)
        self._known: Known | None = None
        self._lock, self._rests_until = Lock(), 0.0

    def address_of_log_in(self, *, state: str, nonce: str, verifier: str, comes_back_to: str) -> str:
        document, _ = self._document()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": comes_back_to,
            "scope": self._scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        address = document["authorization_endpoint"]
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    def identity(self, *, code: str, nonce: str, verifier: str, comes_back_to: str) -> Identity:
        document, keys = self._document()
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": comes_back_to,
            "code_verifier": verifier,
        }
        # Each encoded before they are put together, as RFC 6749 says.
        pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"
        headers = {
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        if document.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            del headers["Authorization"]
            sent.update(client_id=self._client_id, client_secret=self._client_secret)
        question = Question("POST", document["token_endpoint"], headers, urlencode(sent).encode())
        status, said = self._ask(question)
        if status == HTTPStatus.BAD_REQUEST:
            raise IdentityNotProven("the provider refused the code")
        if status != HTTPStatus.OK:
            raise IdentityProviderAway(f"its token endpoint answered {status}")
        try:
            claims = self._claims(said["id_token"], keys, nonce=nonce)
        except SigningKeysUnavailable as error:
            raise IdentityProviderAway("its keys could not be read") from error
        except PROBLEMS as error:
            raise IdentityNotProven("its ID token is not valid") from error
        return Identity(issuer=self._issuer, subject=claims["sub"], claims=claims)

    def _claims(self, token: str, keys: KeySet, *, nonce: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)  # refuses headers that it does not understand, and are critical
        for key in keys.candidates(algorithm=str(header["alg"]), key_id=str(header["kid"])):
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
            audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
            party = claims.get("azp", self._client_id if len(audiences) == 1 else None)
            if not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()) or party != self._client_id:
                raise ValueError("made for another log-in, or for another client")
            if not 0 < len(claims["sub"].encode()) <= LONGEST_SUBJECT:
                raise ValueError("no subject")
            return claims
        raise ValueError("no key of the provider has signed it")

    def _document(self) -> tuple[Mapping[str, Any], KeySet]:
        known = self._known
        if known is not None and time.monotonic() - known[0] < DOCUMENT_SECONDS:
            return known[1:]
        # One thread reads it; the others use what is known, or wait a moment for the first.
        if not self._lock.acquire(timeout=0 if known else WAIT_SECONDS):
            if known is None:
                raise IdentityProviderAway("it is being asked")
            return known[1:]
        try:
            if self._known is None or self._known is known:
                self._known = self._read(self._known)
            return self._known[1:]
        finally:
            self._lock.release()

    def _read(self, known: Known | None) -> Known:
        if time.monotonic() < self._rests_until:
            raise IdentityProviderAway("it has failed a moment ago")
        self._rests_until = time.monotonic() + LOOK_AGAIN_SECONDS
        question = Question("GET", f"{self._issuer}/.well-known/openid-configuration", {"Accept": "application/json"})
        status, document = self._ask(question)
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        schemes = {"https", urlsplit(self._issuer).scheme}
        if status != HTTPStatus.OK or document.get("issuer") != self._issuer:
            raise IdentityProviderAway("it does not describe itself under the issuer of the settings")
        if not all(urlsplit(str(document.get(name, ""))).scheme in schemes for name in needed):
            raise IdentityProviderAway("it names addresses without TLS, or none")
        keys = known[2] if known and known[1]["jwks_uri"] == document["jwks_uri"] else None
        self._rests_until = 0.0
        return time.monotonic(), document, keys or key_set_from(document["jwks_uri"])

    def _ask(self, question: Question) -> tuple[int, dict[str, Any]]:
        try:
            answer = self._http.send(question, seconds=WHOLE_SECONDS)
            said = json.loads(answer.body) if answer.status == HTTPStatus.OK else {}
        except ExchangeFailed as error:
            raise IdentityProviderAway(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise IdentityProviderAway("its answer is no JSON") from error
        if not isinstance(said, dict):
            raise IdentityProviderAway("its answer is no object")
        return answer.status, said
