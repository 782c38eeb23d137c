"""
Receives the webhooks of `make run`: verifies each by its signature, and prints a line.

At its start it makes an endpoint for itself, and retires those of earlier runs. docs/webhooks.md has receivers that use
the libraries of the standard; this one needs nothing that the service has not got.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import django

from devtools.processes import free_port

OLDEST_SECONDS = 300
HOST = "127.0.0.1"
BEGINS = f"http://{HOST}:"


def is_wanted() -> bool:
    """Whether `make run` starts it: not where the settings say where webhooks may go."""
    return not (os.environ.get("WEBHOOK_PORTS") or os.environ.get("WEBHOOK_PRIVATE_NETWORKS"))


def settings() -> dict[str, str]:
    """Let webhooks go to this machine, to a port that is free."""
    return {"WEBHOOK_PRIVATE_NETWORKS": f"{HOST}/32", "WEBHOOK_PORTS": str(free_port())}


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> bool:
    """Whether a webhook is signed by this secret, and not too old."""
    key, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(now - int(sent_at)) > OLDEST_SECONDS:
        return False
    made = hmac.digest(
        base64.b64decode(secret.removeprefix("whsec_")), f"{key}.{sent_at}.".encode() + body, hashlib.sha256
    )
    good = f"v1,{base64.b64encode(made).decode()}"
    return any(hmac.compare_digest(good, each) for each in headers.get("webhook-signature", "").split())


def line_of(body: bytes) -> str:
    """Say what a webhook tells, in a line."""
    event = json.loads(body)
    booking = event["data"].get("booking")
    of = f" of booking {booking['id']}, {booking['status']}" if booking else ""
    return f"webhook: {event['type']}{of}"


def make_endpoint(port: int) -> str:
    """Retire the endpoints of earlier runs, make one, and give its secret."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
    django.setup()
    # They need Django's settings.
    from bookings import wiring  # noqa: PLC0415
    from bookings.management.arguments import operator  # noqa: PLC0415
    from bookings.models import WebhookEndpoint  # noqa: PLC0415
    from bookings.models.webhooks import EndpointState  # noqa: PLC0415
    from bookings.services.webhooks import endpoints  # noqa: PLC0415

    earlier = WebhookEndpoint.objects.filter(api_key=None, url__startswith=BEGINS)
    for key in earlier.exclude(state=EndpointState.RETIRED).values_list("key", flat=True):
        endpoints.retire_endpoint(key=key, owner=endpoints.Owner(), actor=operator())
    made = endpoints.make_endpoint(
        url=f"{BEGINS}{port}/",
        types=(),
        owner=endpoints.Owner(),
        actor=operator(),
        webhooks=wiring.webhooks(),
        seal=wiring.seal(),
    )
    return made.secret


def serve(port: int, secret: str) -> None:
    """Take webhooks until the process ends."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            good = is_genuine(
                secret, {name.lower(): value for name, value in self.headers.items()}, body, now=time.time()
            )
            if good:
                print(line_of(body), flush=True)
            self.send_response(204 if good else 401)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Say nothing of what is not genuine."""

    ThreadingHTTPServer((HOST, port), Receiver).serve_forever()


if __name__ == "__main__":
    port = int(os.environ["WEBHOOK_PORTS"])
    serve(port, make_endpoint(port))
