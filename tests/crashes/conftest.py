"""One world for all crashes: a Flight Service that loses answers, a durable gateway, and mortal processes."""

from collections.abc import Iterator
from typing import Any

import pytest

from bookings import wiring
from tests.crashes.world import Mortals, World
from tests.support.durable_payments import DurablePayments
from tests.support.gateways import a_tireless_gateway
from tests.support.processes import PLENTY, start_flightsim
from tests.support.wired import use_gateway


@pytest.fixture(scope="package")
def surroundings(tmp_path_factory: Any, django_db_setup: Any, django_db_blocker: Any) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("payments") / "payments.sqlite3"
    with start_flightsim() as sim, Mortals(flights_url=sim.url, payments_file=str(file)) as mortals:
        yield sim, DurablePayments(str(file)), mortals


@pytest.fixture
def world(surroundings: Any, transactional_db: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything fresh, and without faults."""
    sim, payments, mortals = surroundings
    sim.faults()
    sim.reset(capacity=PLENTY)
    payments.forget()
    flights = a_tireless_gateway(sim.url)
    monkeypatch.setattr(wiring, "flight_service", lambda: flights)
    use_gateway(monkeypatch, payments)
    return World(sim=sim, flights=flights, payments=payments, mortals=mortals)
