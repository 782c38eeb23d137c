"""One stand-in for Stripe for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.paysim import PaySim, start_paysim


@pytest.fixture(scope="module")
def paysim() -> Iterator[PaySim]:
    with start_paysim() as sim:
        yield sim
