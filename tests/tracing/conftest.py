"""The service, and the Flight Service behind it on a wire."""

import pytest
import responses

from bookings import wiring
from tests.support.api import Api
from tests.support.gateways import a_tireless_gateway
from tests.tracing.wire import DONE, FLIGHT, URL, answer_patches


@pytest.fixture
def wire(monkeypatch):
    gateway = a_tireless_gateway(URL)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add("GET", f"{URL}/api/v1/flights/1", json={**DONE, "data": FLIGHT})
        answer_patches(mock, json=DONE)
        yield mock


@pytest.fixture
def api(wire):
    return Api()
