"""One stand-in Flight Service for a module, as new for each test."""

from collections.abc import Iterator

import pytest

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
