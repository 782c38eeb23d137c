"""
Clients and workers do what they like, at once, while answers and requests get lost: no seat is sold twice.

ROUNDS=20 does it twenty times; `python -m tests.campaigns unkeyed` does it to running servers.
"""

import random
from functools import partial

import pytest

from bookings.db.transactions import run
from bookings.errors import BookingError
from bookings.gateways.flight_service.unkeyed.flights import Counter
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from tests.crashes.world import let_leases_end
from tests.races.crowd import all_at_once
from tests.races.guards import forget_everything, rounds
from tests.support.api import Api
from tests.support.bookings import one_pass
from tests.support.fakes import FakePayments
from tests.support.invariants import assert_in_step, violations
from tests.support.unkeyed import (
    an_unkeyed_gateway,
    anything_is_open,
    drift_out_of_bounds,
    let_gates_settle,
    let_idle_gates_settle,
)

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

FLIGHTS, CAPACITY = 6, 12
THREADS, ACTS = 8, 6
LOST = {"drop_reply_rate": 0.08, "drop_request_rate": 0.08, "faults_on": "patch"}

# One more change that gets lost needs one more pass; nothing gets lost by then.
PASSES = 12


def live(dice, flights):
    """Do a few things one after the other, as clients and a worker do."""
    api = Api()
    for number in range(ACTS):
        deed = dice.choices(["create", "cancel", "pass", "settle"], [8, 3, 2, 2])[0]
        if deed == "create":
            order = {
                "flightId": dice.randint(1, FLIGHTS),
                "noOfSeats": dice.randint(1, 3),
                "userId": dice.randint(1, 99),
            }
            # Twice under one key, so that one goes on where the other stands.
            key = f"{dice.random()}-{number}"
            [api.create(key=key, **order) for _ in range(2)]
        elif deed == "cancel":
            booking = Booking.objects.filter(status=BookingStatus.INITIATED).order_by("?").first()
            booking and api.cancel(booking)
        elif deed == "pass":
            run("time", let_leases_end)
            one_pass(flights, FakePayments())
        else:
            run("time", let_idle_gates_settle)


@pytest.fixture(params=list(Counter), ids=lambda counter: counter.value)
def counter(request):
    return request.param


def test_whatever_gets_lost_no_seat_is_sold_twice(sim, counter, monkeypatch, request):
    flights = request.getfixturevalue(counter.value)
    for seed in rounds(1):
        forget_everything()
        sim.reset(capacity=CAPACITY)
        one_pass(flights, FakePayments())  # makes the rows that two at once could only deadlock over
        sim.faults(**LOST, seed=seed)

        ended = all_at_once([partial(live, random.Random(f"{seed} {n}"), flights) for n in range(THREADS)])

        sim.faults()
        later = an_unkeyed_gateway(sim.url, counter)
        for _ in range(PASSES):
            let_leases_end()
            let_gates_settle()
            one_pass(later, FakePayments())
            if not anything_is_open():
                break
        assert [each for each in ended if isinstance(each, Exception) and not isinstance(each, BookingError)] == []
        assert [*violations(), *drift_out_of_bounds(sim)] == []
        assert not anything_is_open()
        if counter is Counter.EXCLUSIVE:
            assert_in_step(sim)
        assert all(flight["remaining"] >= 0 for flight in sim.ledger()["flights"])
        assert sim.ledger()["calls"]["freezes"] == 0
