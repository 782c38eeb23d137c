"""The Flight Service fails, rests, and is found again: a real process, real threads, and a clock of the test's."""

import functools
import threading
import uuid
from collections import Counter
from dataclasses import replace

import pytest

from bookings import wiring
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.ports import Flight, FlightsUnreachable
from tests.races.crowd import all_at_once
from tests.support.api import Api, refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.invariants import what_is_wrong
from tests.support.threads import PATIENCE_SECONDS, together

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

# What a client repeats with its key, and how often.
ASK_AGAIN, TRIES = (409, 503), 50

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
        """Fail for one flight after the other until the breaker has opened; give the answers that clients got."""
        self.sim.faults(**plan)
        answers = []
        while self.breaker != "open":
            answers.append(self.api.create(flightId=2 + len(answers) % 10, key=f"early-{len(answers)}"))
            assert len(answers) < 30, "the breaker does not open"
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
        return what_is_wrong(self.sim)


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


@pytest.mark.parametrize("faults_on", ["both", "patch"])
@pytest.mark.parametrize("plan", OUTAGES.values(), ids=OUTAGES)
def test_where_one_flight_is_all_that_is_sold_an_outage_is_left_alone_too(outage, plan, faults_on):
    outage.sim.faults(**plan, faults_on=faults_on)
    for number in range(10):
        outage.api.create(key=f"early-{number}")
    sent = outage.sent

    during = {refused(outage.api.create(key=f"during-{number}")) for number in range(20)}
    sent_meanwhile = outage.sent - sent
    outage.ends()
    later = [outage.api.create(key=f"during-{number}") for number in range(3)]

    assert during == {(503, "flight_service_unavailable")}
    assert sent_meanwhile == 0
    assert [answer.status_code for answer in later] == [201, 201, 201]
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


def test_under_load_no_seat_is_sold_twice_though_answers_come_behind_informational_ones(outage):
    """Forty for thirty seats, three flights; a quarter of all answers has a 103 before it."""
    outage.sim.reset(capacity=30)
    outage.sim.faults(informational_rate=0.25)

    def hold_one(flight_id):
        key = uuid.uuid4().hex
        statuses = (outage.api.create(flightId=flight_id, noOfSeats=1, key=key).status_code for _ in range(TRIES))
        return next(status for status in statuses if status not in ASK_AGAIN)

    def hold(flight_id):
        return [hold_one(flight_id) for _ in range(5)]

    answers = all_at_once([functools.partial(hold, flight_id) for flight_id in (1, 2, 3) * 8])

    held = Counter(Booking.objects.filter(status="initiated").values_list("flight_id", flat=True))
    assert held == {1: 30, 2: 30, 3: 30}
    assert Counter(status for each in answers for status in each) == {201: 90, 400: 30}
    assert outage.sim.ledger()["calls"]["hinted"] > 20
    assert outage.is_repaired() == []


def test_a_flight_that_refuses_every_take_is_sold_to_nobody_behind_informational_answers(outage, monkeypatch):
    """It shows seats, which are gone by the time of the take: only the answer to the take may say so."""
    outage.sim.reset(flights={"1": 1})
    show = outage.flights._shown

    def show_more(flight_id, reply):
        shown = show(flight_id, reply)
        return replace(shown, seats_left=50) if isinstance(shown, Flight) else shown

    monkeypatch.setattr(outage.flights, "_shown", show_more)
    outage.sim.faults(informational_rate=1.0)

    heard = [refused(outage.api.create(flightId=1, noOfSeats=2)) for _ in range(6)]

    assert heard == [(400, "seats_unavailable")] * 6
    assert not Booking.objects.filter(status="initiated").exists()
