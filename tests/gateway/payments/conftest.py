"""The gateway to Stripe, and a wire that answers what a test says."""

from collections.abc import Iterator

import pytest

from bookings.gateways.payments.stripe.gateway import StripePayments
from tests.support.stripe import stripe_at
from tests.support.wire import Wire, a_wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire() as wire:
        yield wire


@pytest.fixture
def stripe(wire: Wire) -> StripePayments:
    return stripe_at(wire.url)
