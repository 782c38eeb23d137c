"""The service, and the Flight Service behind it on a wire."""

import pytest

from bookings import wiring
from tests.support.api import Api
from tests.support.gateways import a_tireless_gateway
from tests.support.wire import a_wire
from tests.tracing.wire import DONE, FLIGHT, answer_patches


@pytest.fixture
def wire(monkeypatch):
    with a_wire() as wire:
        gateway = a_tireless_gateway(wire.url)
        monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
        wire.add("GET", "/api/v1/flights/1", json={**DONE, "data": FLIGHT})
        answer_patches(wire, json=DONE)
        yield wire


@pytest.fixture
def api(wire):
    return Api()
