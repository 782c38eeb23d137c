"""The receiver of `make run` believes what this service signs, and nothing else."""

import json

import pytest

from bookings import wiring
from bookings.gateways.webhooks.networks import network
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.gateways.webhooks.signatures import signed
from bookings.models import WebhookEndpoint
from bookings.ports.webhooks import written
from devtools import receive_webhooks
from devtools.receive_webhooks import is_genuine, line_of

SECRET, OTHER, BODY = b"s" * 32, b"t" * 32, b'{"a": 1}'


def test_it_believes_what_is_signed_by_its_secret_and_young():
    headers = signed("evt_1", 1000, BODY, secrets=(OTHER, SECRET))

    assert is_genuine(written(SECRET), headers, BODY, now=1300)
    assert not is_genuine(written(b"u" * 32), headers, BODY, now=1300)
    assert not is_genuine(written(SECRET), headers, BODY + b" ", now=1300)
    assert not is_genuine(written(SECRET), headers, BODY, now=1301)
    assert not is_genuine(written(SECRET), {}, BODY, now=1300)


def test_it_prints_what_has_happened_to_which_booking():
    told = {"type": "booking.held", "data": {"booking": {"id": 7, "status": "initiated"}}}

    assert line_of(json.dumps(told).encode()) == "webhook: booking.held of booking 7, initiated"
    assert line_of(b'{"type": "webhook.ping", "data": {}}') == "webhook: webhook.ping"


@pytest.mark.django_db
def test_each_run_makes_an_endpoint_and_retires_the_one_before_it(monkeypatch, settings):
    webhooks = HttpWebhooks(ports=(8101, 8102), private=(network("127.0.0.1/32"),))
    monkeypatch.setattr(wiring, "webhooks", lambda: webhooks)

    secrets = [receive_webhooks.make_endpoint(port) for port in (8101, 8102)]

    assert all(secret.startswith("whsec_") for secret in secrets)
    assert list(WebhookEndpoint.objects.order_by("pk").values_list("url", "state")) == [
        ("http://127.0.0.1:8101/", "retired"),
        ("http://127.0.0.1:8102/", "new"),
    ]
