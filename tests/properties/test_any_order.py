"""
Whatever happens in whatever order, no seat and no payment is lost, and no booking shows a seat that is not kept for it.

The everyday run tries the same cases each time; `EXAMPLES=2000 pytest tests/properties` tries as many new ones.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bookings.ports import Applied
from tests.properties.any_order import AnyOrder, AnyOrderWithoutNumbers
from tests.support import fakes

# A limit that ends an example in the middle looks like a failure of what it was at, which is then searched for.
pytestmark = [
    *(pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.django_db),
    pytest.mark.usefixtures("seats_by_number"),
]

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
# What the first of them walk through is most of what there is; the others are for a run that has time.
FEW, MANY = 12, 60


@pytest.fixture
def seats_by_number(settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True


def run(machine, examples, phases=tuple(Phase)):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES or examples,
            stateful_step_count=30,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        (AnyOrder, FEW),
        (AnyOrderWithoutNumbers, FEW // 3),
        pytest.param(AnyOrder, MANY, marks=pytest.mark.long),
        pytest.param(AnyOrderWithoutNumbers, MANY // 3, marks=pytest.mark.long),
    ],
)
def test_whatever_happens_in_any_order_seats_and_money_agree(machine, examples):
    run(machine, examples)


def test_twin_without_the_proof_that_numbers_are_kept_a_booking_shows_seats_that_are_not(monkeypatch):
    # As if what is counted and not named was read as applied.
    monkeypatch.setattr(fakes, "CountedNotNamed", Applied)

    with pytest.raises(AssertionError, match="seats that are not kept"):
        run(AnyOrderWithoutNumbers, FEW, phases=[Phase.generate])
