"""One stand-in Flight Service for a module, as new for each test; and the implementations of the port to it."""

from collections.abc import Iterator

import pytest

from tests.contracts.peers import CAPACITY, InMemory, OverHttp
from tests.support.processes import FlightSim, start_flightsim


@pytest.fixture(scope="module")
def process() -> Iterator[FlightSim]:
    with start_flightsim() as sim:
        yield sim


@pytest.fixture
def sim(process: FlightSim) -> FlightSim:
    process.reset()
    process.faults()
    return process


@pytest.fixture(params=["in memory", "over HTTP"])
def peer(request: pytest.FixtureRequest) -> Iterator[InMemory | OverHttp]:
    """Either implementation of the port, with ten seats on each flight."""
    if request.param == "in memory":
        yield InMemory()
        return
    sim = request.getfixturevalue("sim")
    sim.reset(capacity=CAPACITY)
    peer = OverHttp(sim)
    yield peer
    if peer.is_down:
        sim.start()
