"""A receiver of webhooks that answers what a test says."""

from collections.abc import Iterator

import pytest

from tests.support.wire import Wire, a_wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire() as wire:
        yield wire
