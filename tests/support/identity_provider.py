"""A small identity provider: OpenID Connect's authorization code flow with PKCE, over HTTP on this machine."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.support.signers import KEY_IDS, private_key, public_jwk

CLIENT, SECRET = "bookings", "a secret of the client: with signs"


@dataclass
class Provider:
    """What it knows, and what a test has it do wrong."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "person-1"})
    # What its document and its tokens say otherwise; a claim that is None is left out.
    document: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    signer: str = "the identity provider"
    headers: dict[str, Any] = field(default_factory=dict)
    token_status: int = 200
    # What it sends in the place of its document.
    raw: bytes = b""
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def log_in(self, address: str) -> dict[str, str]:
        """Log in as the person does whose browser was sent here; give what it brings back."""
        parts = urlsplit(address)
        assert address.startswith(f"{self.url}/authorize?")
        said = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (said["client_id"], said["response_type"], said["code_challenge_method"]) == (CLIENT, "code", "S256")
        code = secrets.token_urlsafe(8)
        self._codes[code] = said
        return {"code": code, "state": said["state"]}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer at the token endpoint; each code works once, for who began with it."""
        self.asked.append(form)
        said = self._codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:a+secret+of+the+client%3A+with+signs".encode()).decode()
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_right = (
            said is not None
            and (authorization == f"Basic {expected}" or form.get("client_secret") == SECRET)
            and form["redirect_uri"] == said["redirect_uri"]
            and proof.decode().rstrip("=") == said["code_challenge"]
        )
        if not is_right:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": said["nonce"]}
        claims = {**usual, **self.claims, **self.wrong}
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": KEY_IDS["ES256"], **self.headers}
        headers = {name: value for name, value in headers.items() if value is not None}
        token = jwt.encode(claims, private_key("ES256", self.signer), algorithm="ES256", headers=headers)
        return self.token_status, {"id_token": token, "access_token": "x", "token_type": "Bearer"}

    def described(self) -> dict[str, Any]:
        """Describe itself."""
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return {"issuer": self.url, **{name: f"{self.url}/{place}" for name, place in places.items()}, **self.document}


@contextmanager
def start_provider() -> Iterator[Provider]:
    """Run a provider for the length of the block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self._say(200, provider.described())
            elif self.path == "/jwks":
                self._say(200, {"keys": [public_jwk("ES256", "the identity provider")]})
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*provider.token(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, content: dict[str, Any]) -> None:
            text = provider.raw or json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
