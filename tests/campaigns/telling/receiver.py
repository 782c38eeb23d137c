"""The receivers of webhooks as a process of their own, which verifies what comes by the library of the standard."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bookings import wiring
from bookings.gateways.webhooks.networks import network
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.models import WebhookEndpoint
from bookings.services.webhooks.endpoints import make_endpoint
from tests.support.processes import CALL_SECONDS, Server
from tests.support.webhooks import OPEN, OWNER
from tests.webhooks.test_signatures import NODE, NODE_MODULES

LOOPBACK = "127.0.0.1/32"
PROGRAM = Path(__file__).with_name("receiver.cjs")


class Receiver(Server):
    """One process, with an endpoint for each name; what one of them does can be changed while it runs."""

    def __init__(self) -> None:
        super().__init__(str(NODE), str(PROGRAM), env={**os.environ, "NODE_PATH": str(NODE_MODULES)})
        self.port = 0

    def serve(self) -> None:
        """Start it, and return once it listens."""
        self.start()
        self.await_sign(lambda: "listening on " in self.printed(last=0))
        self.port = int(self.printed(last=0).split()[2])

    def settings(self) -> dict[str, str]:
        """Give the settings of a service that may send there, and nowhere else inside."""
        return {"WEBHOOK_PORTS": str(self.port), "WEBHOOK_PRIVATE_NETWORKS": LOOPBACK}

    def sender(self) -> HttpWebhooks:
        """Make what sends there."""
        return HttpWebhooks(ports=(self.port,), private=(network(LOOPBACK),))

    def make_endpoint(self, name: str) -> WebhookEndpoint:
        """Make an endpoint there, which believes this service; its ping waits."""
        made = make_endpoint(
            url=self.url(name), types=(), owner=OPEN, actor=OWNER, webhooks=self.sender(), seal=wiring.seal()
        )
        self.does(name, secret=made.secret)
        return made.endpoint

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def does(self, name: str, does: str = "accept", **more: Any) -> None:
        """Let an endpoint accept what comes, or hang; `secret` verifies, `lost` is the part that goes unanswered."""
        self._ask("PUT", f"__endpoints/{name}", {"does": does, **more})

    def journal(self) -> dict[str, dict[str, int]]:
        """Give for each endpoint how much came, was refused, came again, with other bytes, and out of order."""
        found: dict[str, dict[str, int]] = self._ask("GET", "__journal")
        return found

    def ids(self, name: str) -> set[str]:
        """Give the ids of all that an endpoint has believed."""
        return set(self._ask("GET", f"__ids/{name}"))

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        answer = requests.request(method, self.url(path), json=content, timeout=CALL_SECONDS)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def start_receiver() -> Iterator[Receiver]:
    """Run it for the length of the block, on a free port."""
    with Receiver().running() as receiver:
        yield receiver
