"""The gateway, and a wire that answers what a test says."""

import pytest
import responses

from bookings.gateways.flights import HttpFlightService


@pytest.fixture
def wire():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def service():
    return HttpFlightService("http://flights.test")
