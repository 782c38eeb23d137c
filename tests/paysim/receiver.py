"""A merchant's server for the notices of the stand-in."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import stripe

from tests.support.waiting import await_that


class Notice(NamedTuple):
    """What arrived."""

    body: bytes
    signature: str

    def event(self, secret: str) -> Any:
        """Give the event; stripe.SignatureVerificationError if it is not signed with this secret, or too old."""
        return stripe.Webhook.construct_event(self.body, self.signature, secret)

    @property
    def kind(self) -> str:
        """Name the type of the event, whatever its signature says."""
        return str(json.loads(self.body)["type"])


class Receiver:
    """Keeps all notices; answers with the statuses of `refuses` first, and then accepts."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.refuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.notices.append(Notice(body, self.headers.get("Stripe-Signature", "")))
                self.send_response(receiver.refuses.pop(0) if receiver.refuses else 200)
                self.end_headers()

            def log_message(self, *_words: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        """Take notices for the length of the block."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def await_notices(self, count: int, kind: str = "") -> list[Notice]:
        """Return once so many have come, of this type if one is named; AssertionError if they do not."""
        await_that(lambda: len(self.of(kind)) >= count, lambda: f"{[each.kind for each in self.notices]}")
        return self.of(kind)

    def of(self, kind: str) -> list[Notice]:
        """Give the notices of a type, or all."""
        return [each for each in list(self.notices) if not kind or each.kind == kind]
