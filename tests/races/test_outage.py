"""The Flight Service fails, rests, and is found again: a real process, real threads, and a clock of the test's."""

import threading

import pytest

from bookings import wiring
from bookings.gateways.flights import HttpFlightService
from bookings.gateways.guard import Guard
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.ports import FlightsUnreachable
from tests.support.api import Api, refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.invariants import seats_out_of_step, violations
from tests.support.threads import PATIENCE_SECONDS, together

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

OUTAGES = {
    "500": {"fail_rate": 1.0},
    "lost answers": {"drop_reply_rate": 1.0},
    "lost requests": {"drop_request_rate": 1.0},
}


class Outage:
    """The service and a Flight Service with troubles."""

    def __init__(self, sim):
        self.sim, self.api = sim, Api()
        self.now = 1000.0
        self.flights = HttpFlightService(sim.url, guard=Guard(clock=lambda: self.now))

    @property
    def breaker(self):
        return self.flights.health().breaker

    @property
    def sent(self):
        calls = self.flights.health().calls
        return sum(calls.values()) - calls["open"]

    def begins(self, plan):
        """Fail until the breaker has opened; give the answers that clients got."""
        self.sim.faults(**plan)
        answers = []
        while self.breaker != "open":
            answers.append(self.api.create(key=f"early-{len(answers)}"))
        return answers

    def ends(self):
        """Be well again, and let the breaker's pause be over."""
        self.sim.faults()
        self.now += 10

    def is_repaired(self):
        """Let the worker catch up; give what is still wrong then."""
        for _ in range(2):
            let_time_pass(seconds=16)
            one_pass(self.flights, InstantPayments())
        return [*violations(quiet=True), *seats_out_of_step(self.sim)]


@pytest.fixture
def outage(sim, monkeypatch):
    outage = Outage(sim)
    monkeypatch.setattr(wiring, "flight_service", lambda: outage.flights)
    return outage


@pytest.mark.parametrize("faults_on", ["both", "patch"])
@pytest.mark.parametrize("plan", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_is_refused_left_alone_and_found_over(outage, plan, faults_on):
    early = outage.begins({**plan, "faults_on": faults_on})
    rows, sent = Booking.objects.count(), outage.sent

    during = [outage.api.create(key=f"during-{number}") for number in range(20)]
    rows_after, sent_after = Booking.objects.count(), outage.sent
    outage.ends()
    later = [outage.api.create(key=f"during-{number}") for number in range(3)]

    assert {refused(answer) for answer in early + during} == {(503, "flight_service_unavailable")}
    assert (rows_after, sent_after) == (rows, sent)
    assert [answer.status_code for answer in later] == [201, 201, 201]
    assert outage.breaker == "closed"
    assert outage.is_repaired() == []


def test_a_flight_service_that_is_killed_and_started_again(outage):
    booking = shown(outage.api.create())
    outage.sim.kill()
    try:
        for number in range(3):
            outage.api.create(key=f"early-{number}")
        cancelled = outage.api.cancel(booking)
        one_pass(outage.flights, InstantPayments())
        state, sent = outage.breaker, outage.sent
        one_pass(outage.flights, InstantPayments())
    finally:
        outage.sim.start()

    assert cancelled.status_code == 200
    assert (state, outage.sent) == ("open", sent)
    outage.ends()
    assert outage.is_repaired() == []
    assert outage.breaker == "half_open"
    assert outage.api.create().status_code == 201
    assert outage.breaker == "closed"


def test_of_64_threads_one_asks_whether_it_is_over(outage, monkeypatch):
    outage.begins(OUTAGES["500"])
    outage.ends()
    sent = outage.sent
    refused_ones = threading.Semaphore(0)
    exchange = outage.flights._exchange

    def wait_for_the_others(*args, **kwargs):
        for _ in range(63):
            assert refused_ones.acquire(timeout=PATIENCE_SECONDS)
        return exchange(*args, **kwargs)

    monkeypatch.setattr(outage.flights, "_exchange", wait_for_the_others)

    def ask():
        try:
            return outage.flights.get_flight(1, seconds=5).id
        except FlightsUnreachable:
            refused_ones.release()
            return None

    answers = together(64, ask)

    assert sorted(answers, key=str) == [1] + [None] * 63
    assert outage.sent == sent + 1
