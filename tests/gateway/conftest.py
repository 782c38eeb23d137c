"""The gateway, and a wire that answers what a test says."""

from collections.abc import Iterator

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from tests.support.wire import Wire, a_wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire() as wire:
        yield wire


@pytest.fixture
def service(wire: Wire) -> HttpFlightService:
    return HttpFlightService(wire.url)
