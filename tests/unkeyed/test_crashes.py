"""
A process dies (SIGKILL) at every crash point of a change at a Flight Service without keys.

Each on a flight of its own, then time passes and the worker cleans up. Where nobody else changes the counters
all is in step again; where others do, no more differs than staff are shown.
"""

import pytest

from bookings.gateways.flight_service.unkeyed.flights import Counter
from bookings.models import Booking
from tests.crashes.world import SIGKILLED, Mortals, let_leases_end
from tests.support.bookings import a_cancelled_booking, one_pass
from tests.support.durable_payments import DurablePayments
from tests.support.invariants import assert_in_step, violations
from tests.support.unkeyed import (
    an_unkeyed_gateway,
    anything_is_open,
    drift_out_of_bounds,
    let_gates_settle,
    let_slots_end,
)

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

OF_A_TAKE = ("gate.claim", "gate.send", "create.sent", "create.answered", "gate.answered", "seats.reserved")
OF_A_GIVE_BACK = ("seats.release", "gate.claim", "gate.send", "give.sent", "give.answered", "gate.answered")

# What is sent by a process that dies over it has landed, or not.
LANDED, LOST = {}, {"drop_request_rate": 1.0, "faults_on": "patch"}

PASSES = 8


@pytest.fixture(scope="module")
def mortals(running_sim, tmp_path_factory, django_db_setup):
    file = str(tmp_path_factory.mktemp("payments") / "payments.sqlite3")
    settings = {"FLIGHT_SERVICE_KEYED": "false", "FLIGHT_SERVICE_SETTLE_SECONDS": "60"}
    with Mortals(flights_url=running_sim.url, payments_file=file, **settings) as mortals:
        yield mortals, DurablePayments(file)


class Deaths:
    """Lets one process after another die, each on the next flight."""

    def __init__(self, sim, mortals, counter):
        self.sim, self.counter = sim, counter
        self.mortals, self.payments = mortals
        self.flights = an_unkeyed_gateway(sim.url, counter)
        self.flight = 0

    def at(self, point, fault, *, act):
        self.flight += 1
        order = {"flightId": self.flight}
        if act == "pass":
            a_cancelled_booking(self.flights, flight_id=self.flight)
        self.sim.faults(**fault)
        settings = {"FLIGHT_SERVICE_COUNTER": self.counter.value}
        ended = self.mortals.live(act=act, point=point, key=f"key-{self.flight}", order=order, settings=settings)
        self.sim.faults()
        let_slots_end()
        assert ended == SIGKILLED, f"{act} did not come to {point}"

    def everywhere(self):
        for point in OF_A_TAKE:
            self.at(point, LANDED, act="create")
        for point in OF_A_GIVE_BACK:
            self.at(point, LANDED, act="pass")
        self.at("create.sent", LOST, act="create")
        self.at("give.sent", LOST, act="pass")

    def time_passes(self):
        for _ in range(PASSES):
            let_leases_end()
            let_gates_settle()
            one_pass(self.flights, self.payments)
            if not anything_is_open():
                break


def holds_of_creates():
    rows = Booking.objects.filter(flight_id__in=[1, 2, 3, 4, 5, 6, 13]).order_by("flight_id")
    return [(row.status, row.hold) for row in rows]


def test_where_nobody_else_changes_the_counters_all_is_in_step_again(sim, mortals):
    deaths = Deaths(sim, mortals, Counter.EXCLUSIVE)
    deaths.everywhere()

    deaths.time_passes()

    assert_in_step(sim)
    # Sent or about to be, the counter tells; the second was written down and never sent, the last got lost.
    held, refused = ("initiated", "held"), ("cancelled", "refused")
    assert holds_of_creates() == [held, refused, held, held, held, held, refused]


def test_where_others_change_the_counters_no_more_differs_than_staff_are_shown(sim, mortals):
    deaths = Deaths(sim, mortals, Counter.SHARED)
    deaths.everywhere()

    deaths.time_passes()

    assert [*violations(), *drift_out_of_bounds(sim)] == []
    assert not anything_is_open()
    held, stuck = ("initiated", "held"), ("cancelled", "stuck")
    assert holds_of_creates() == [held, stuck, stuck, stuck, held, held, stuck]
