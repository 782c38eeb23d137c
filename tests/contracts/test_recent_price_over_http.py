"""A create against a real Flight Service that changes its price: what is asked, and what is paid."""

import contextlib
import sqlite3

import pytest

from bookings import wiring
from bookings.gateways.flight_service.http import HttpFlightService
from tests.support.api import Api, refused, shown
from tests.support.bookings import one_pass
from tests.support.invariants import seats_out_of_step, violations

pytestmark = pytest.mark.django_db


class Shop:
    """The API, and the Flight Service behind it. Flights are sold as they were seen for so long."""

    def __init__(self, sim, price_seconds):
        self.sim, self.api = sim, Api()
        self.service = HttpFlightService(sim.url, price_seconds=price_seconds)

    def set_price(self, price):
        with contextlib.closing(sqlite3.connect(self.sim.store)) as store, store:
            store.execute("UPDATE flight SET price = ? WHERE id = 1", [price])

    def create(self, **order):
        return self.api.create(flightId=1, noOfSeats=1, **order)

    def calls(self):
        calls = self.sim.flight(1)["calls"]
        return calls["get"], calls["patch"]


@pytest.fixture
def shop(sim, monkeypatch, request):
    # Far longer than this test takes; or never.
    shop = Shop(sim, getattr(request, "param", 60))
    monkeypatch.setattr(wiring, "flight_service", lambda: shop.service)
    shop.set_price(2000)
    yield shop
    shop.set_price(2000)


def test_a_create_asks_only_for_its_seats_and_costs_what_was_shown(shop):
    prices = [shown(shop.create(userId=1))["seatPrice"]]
    shop.set_price(2500)

    prices += [shown(shop.create(userId=2))["seatPrice"], shown(shop.create(userId=3, expectedPrice=2500))["seatPrice"]]
    prices += [shown(shop.create(userId=4))["seatPrice"]]

    assert prices == [2000, 2000, 2500, 2500]
    assert shop.calls() == (2, 4)


@pytest.mark.parametrize("shop", [0], indirect=True)
def test_with_zero_each_create_asks_for_the_price(shop):
    prices = [shown(shop.create(userId=1))["seatPrice"]]
    shop.set_price(2500)
    prices += [shown(shop.create(userId=2))["seatPrice"]]

    assert prices == [2000, 2500]
    assert shop.calls() == (2, 2)


@pytest.mark.slow
def test_the_last_seats_are_sold_once_however_old_what_was_seen_is(shop, payments):
    shop.sim.reset(flights={"1": 3})
    answers = [shop.create(userId=number) for number in range(1, 6)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 400, 400]
    assert refused(answers[4]) == (400, "seats_unavailable")
    assert shop.sim.flight(1)["taken"] == 3
    one_pass(shop.service, payments)
    assert [*violations(quiet=True), *seats_out_of_step(shop.sim)] == []
