"""No request leaves this process while a transaction is open: on any path, with any outcome."""

import uuid

import pytest
from django.conf import settings as site
from django.db import connection, transaction

from bookings import wiring
from bookings.deadline import Deadline
from bookings.gateways.http_exchange import HttpExchange
from bookings.lifecycle import Decision
from bookings.models import Booking, SeatCall
from bookings.ports import SeatChange
from bookings.services.seats.reconcile import reconcile_seats
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from tests.support.api import Api, shown
from tests.support.bookings import a_call_row, a_saved_row, let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.fakes import FakePayments
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim
from tests.support.wired import use_gateway

# The tests' own transaction would be found open, so there is none here.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def process():
    with start_flightsim("--capacity", "100") as sim:
        yield sim


@pytest.fixture
def sim(process):
    process.reset()
    process.faults()
    return process


@pytest.fixture
def sent(monkeypatch):
    """What was sent; sending with a transaction open fails."""
    methods = []
    send = HttpExchange.send

    def send_outside_of_transactions(exchange, question, **options):
        assert not connection.in_atomic_block, f"{question.method} {question.url} inside a transaction"
        methods.append(question.method)
        return send(exchange, question, **options)

    monkeypatch.setattr(HttpExchange, "send", send_outside_of_transactions)
    return methods


@pytest.fixture
def service(sim, sent, monkeypatch):
    gateway = a_tireless_gateway(sim.url)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    return gateway


@pytest.fixture
def api(service):
    return Api()


def test_the_guard_sees_a_request_inside_a_transaction(service):
    change = SeatChange(key=uuid.uuid4(), flight_id=1, seats=1, reserves=True)

    with transaction.atomic(), pytest.raises(AssertionError, match=r"PATCH .* inside a transaction"):
        service.change_seats(change, seconds=5)


def test_no_transaction_is_opened_by_the_request_itself():
    assert site.DATABASES["default"]["ATOMIC_REQUESTS"] is False


def test_creating_with_every_outcome(api, sim, sent):
    heard = [api.create().status_code]
    heard.append(api.create(flightId=999).status_code)
    sim.reset(flights={"2": 1})
    heard.append(api.create(flightId=2, noOfSeats=2).status_code)
    for fault in ("drop_reply_rate", "drop_request_rate", "fail_rate"):
        sim.faults(**{fault: 1.0}, faults_on="patch", times=2)
        heard.append(api.create().status_code)
        sim.faults(**{fault: 1.0}, faults_on="patch", times=2)
        heard.append(api.create(key=fault).status_code)
        Booking.objects.filter(hold="asking").update(next_at=Booking.objects.earliest("pk").created_at)
        heard.append(api.create(key=fault).status_code)
        sim.faults(**{fault: 1.0}, faults_on="patch", times=2)
        heard.append(api.create(headers={"Prefer": "respond-async"}).status_code)
    sim.faults(fail_rate=1.0, faults_on="get")
    heard.append(api.create().status_code)
    heard.append(api.create(headers={"Prefer": "respond-async"}).status_code)

    assert heard == [201, 404, 400, *[503, 503, 201, 202] * 3, 503, 202]
    # One for the price of each, two where there is no such flight (the first was on a kept connection), and two
    # changes wherever the first was lost.
    assert sent.count("GET") == 3 + 1 + 3 * 3 + 2 * 2
    assert sent.count("PATCH") == 1 + 3 * (2 + 2 + 1 + 2)


def test_a_service_that_is_down(api, sim):
    sim.stop()

    try:
        assert api.create().status_code == 503
    finally:
        sim.start()


def test_paying_cancelling_and_expiring(api, service, sent):
    paid, cancelled, expired = (shown(api.create()) for _ in range(3))
    sent.clear()

    assert api.pay(paid).status_code == 201
    assert api.cancel(cancelled).status_code == 200
    during_requests = list(sent)
    let_time_pass(minutes=15)
    assert api.pay(expired).status_code == 400
    one_pass(service, wiring.payment_gateway())

    assert during_requests == []
    assert sent == ["PATCH"]


def test_giving_back_and_sending_again_with_every_outcome(api, service, sim, sent):
    for fault in ("drop_reply_rate", "drop_request_rate", "fail_rate"):
        api.cancel(shown(api.create()))
        sim.faults(**{fault: 1.0}, faults_on="patch", times=1)
        one_pass(service, FakePayments())
        let_time_pass(seconds=15)
        one_pass(service, FakePayments())

    assert list(SeatCall.objects.values_list("state", flat=True)) == ["done", "done", "done"]
    assert_in_step(sim)


def test_resolving_takes_whose_outcome_is_unknown(api, service, sim):
    for fault in ("drop_reply_rate", "drop_request_rate"):
        sim.faults(**{fault: 1.0}, faults_on="patch", times=3)
        api.create()
        let_time_pass(seconds=15)
        one_pass(service, FakePayments())
        let_time_pass(seconds=15)
        one_pass(service, FakePayments())

    assert Booking.objects.filter(status="cancelled", hold="giving_back").count() == 2
    assert_in_step(sim)


def test_what_staff_send_again(service, sim, sent):
    take, call = a_saved_row("pending", hold="stuck"), a_call_row(state="dead")
    a_saved_row("cancelled", hold="giving_back", give_back=call)

    resolve_reservation(booking_id=take.pk, resolution=a_resolution(Decision.RETRY), flights=service)
    resolve_release(call_id=call.pk, resolution=a_resolution(Decision.RETRY), flights=service)

    assert sent == ["PATCH", "PATCH"]
    assert list(SeatCall.objects.values_list("state", flat=True)) == ["done"]


def test_the_comparison_with_the_flight_service(api, service, sent):
    api.create()
    sent.clear()

    found = reconcile_seats(flights=service, deadline=Deadline(20))

    assert (sent, found.flights_compared, found.drift) == (["GET"], 1, [])


def test_a_gateway_for_payments_is_asked_outside_of_transactions(api, monkeypatch):
    class Watched(FakePayments):
        def charge(self, intent, **given):
            assert not connection.in_atomic_block
            return super().charge(intent, **given)

        def refund(self, order, **given):
            assert not connection.in_atomic_block
            return super().refund(order, **given)

    payments = Watched()
    use_gateway(monkeypatch, payments)
    booking = shown(api.create())

    assert api.pay(booking).status_code == 201
    assert payments.net_charges(booking["reference"]) == 1


def test_the_health_check_asks_outside_of_transactions(api, sent):
    api.get("/health/ready")

    assert sent == ["GET"]
