"""Fixtures of the races: a real stand-in Flight Service, and gateways of both kinds."""

from collections.abc import Iterator

import pytest

from bookings import wiring
from bookings.gateways.flights import HttpFlightService
from bookings.gateways.payments.instant import InstantPayments
from bookings.ports import PaymentGateway
from tests.support.fakes import FakePayments
from tests.support.processes import FlightSim, start_flightsim

FLIGHTS = 50
# More than the longest run of any race sells.
CAPACITY = 1_000_000


@pytest.fixture(scope="package")
def running_sim() -> Iterator[FlightSim]:
    with start_flightsim("--flights", str(FLIGHTS)) as sim:
        yield sim


@pytest.fixture
def sim(running_sim: FlightSim) -> FlightSim:
    """A stand-in Flight Service, a process of its own, that has forgotten everything."""
    running_sim.faults()
    running_sim.reset(capacity=CAPACITY)
    return running_sim


@pytest.fixture
def flights(sim: FlightSim, monkeypatch: pytest.MonkeyPatch) -> HttpFlightService:
    """The gateway to it, in the place of the configured one."""
    gateway = HttpFlightService(sim.url)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    return gateway


@pytest.fixture(params=["settles here", "settles elsewhere"])
def either_gateway(request: pytest.FixtureRequest) -> PaymentGateway:
    """A payment gateway of either kind: one transaction for a payment, or two with a call between them."""
    return InstantPayments() if request.param == "settles here" else FakePayments()
