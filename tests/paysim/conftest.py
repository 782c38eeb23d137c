"""One stand-in for Stripe for all tests of a process; what it remembers of one test does not matter to another."""

from collections.abc import Iterator

import pytest

from tests.support.paysim import PaySim, start_paysim


@pytest.fixture(scope="session")
def paysim() -> Iterator[PaySim]:
    with start_paysim() as sim:
        yield sim
