"""A flight that was seen a moment ago is sold at the price it had then; whatever it refuses is asked for first."""

import pytest

from bookings.models import Booking
from tests.support.api import refused, shown
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

HIGHEST = 2**53 - 1


@pytest.fixture
def flights(flights):
    flights.remembers = True
    flights.get_flight(1, seconds=1)
    return flights


@pytest.fixture
def questions(flights, monkeypatch):
    asked, look = [], flights.get_flight

    def count(flight_id, *, seconds):
        asked.append(flight_id)
        return look(flight_id, seconds=seconds)

    monkeypatch.setattr(flights, "get_flight", count)
    return asked


def test_seats_cost_what_was_shown_and_that_is_what_is_stored_and_paid(api, flights, questions):
    flights.set_flight(1, price=2500)

    booking = shown(api.create(noOfSeats=2))

    assert (booking["seatPrice"], booking["totalCost"]) == (2000, 4000)
    assert api.pay(booking).status_code == 201
    assert questions == []
    assert_in_step(flights)


def test_a_price_that_is_expected_and_was_shown_is_sold(api, flights, questions):
    flights.set_flight(1, price=2500)

    assert shown(api.create(expectedPrice=2000))["seatPrice"] == 2000
    assert questions == []


def test_another_expected_price_is_looked_for_before_it_is_refused(api, flights, questions):
    flights.set_flight(1, price=2500)

    answers = [api.create(expectedPrice=2500), api.create(expectedPrice=2000)]

    assert shown(answers[0])["seatPrice"] == 2500
    # The change was seen: the old price is sold no more.
    assert refused(answers[1]) == (400, "price_changed")
    assert answers[1].json()["error"]["details"]["seatPrice"] == 2500
    assert questions == [1, 1]


def test_seats_that_were_sold_meanwhile_are_refused_by_the_take(api, flights, questions):
    flights.set_flight(1, remaining=1)

    answer = api.create(noOfSeats=2)

    assert refused(answer) == (400, "seats_unavailable")
    assert questions == []
    assert [booking.cancel_reason for booking in Booking.objects.all()] == ["no_seats"]
    assert_in_step(flights)


def test_after_that_refusal_the_flight_is_asked_for(api, flights, questions):
    flights.set_flight(1, remaining=1, price=2500)
    api.create(noOfSeats=2)

    assert shown(api.create(noOfSeats=1))["seatPrice"] == 2500
    assert questions == [1]


def test_seats_that_were_missing_and_came_back_are_sold(api, flights, questions):
    flights.set_flight(1, remaining=1)
    refusal = api.create(noOfSeats=1, expectedPrice=1)
    flights.set_flight(1, remaining=2)

    answer = api.create(noOfSeats=2)

    assert refused(refusal) == (400, "price_changed")
    assert answer.status_code == 201
    assert questions == [1, 1]


def test_seats_that_are_still_missing_are_refused_without_a_booking(api, flights, questions):
    flights.set_flight(1, remaining=1)
    flights.get_flight(1, seconds=1)

    assert refused(api.create(noOfSeats=2)) == (400, "seats_unavailable")
    assert questions == [1, 1]
    assert not Booking.objects.exists()


def test_a_sum_that_is_too_high_is_looked_for_before_it_is_refused(api, flights, questions):
    flights.set_flight(1, price=HIGHEST)
    flights.get_flight(1, seconds=1)
    flights.set_flight(1, price=2000)

    assert shown(api.create(noOfSeats=2))["totalCost"] == 4000


def test_a_flight_that_is_gone_is_refused_by_the_take(api, flights):
    flights.remove_flight(1)

    answers = [api.create(), api.create()]

    assert [refused(answer) for answer in answers] == [(404, "flight_not_found")] * 2
    # The second one asked, and so wrote nothing.
    assert [booking.cancel_reason for booking in Booking.objects.all()] == ["no_flight"]


@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_a_connection_that_is_refused_leaves_no_promise_and_ends_the_memory(api, flights, questions, key):
    flights.fail_next(Fault.REFUSE_CONNECTION, Fault.REFUSE_CONNECTION)
    lost = api.create(key=key)
    answer = api.create(key=key)

    assert refused(lost) == (503, "flight_service_unavailable")
    assert answer.status_code == 201
    assert questions == [1]
    assert_in_step(flights)


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["at once", "async"])
def test_while_nothing_is_sent_the_memory_sells_nothing(api, flights, headers):
    flights.resting = True

    answer = api.create(headers=headers)

    if headers:  # as before: accepted without a call
        assert answer.status_code == 202
        assert [booking.hold for booking in Booking.objects.all()] == ["asking"]
    else:
        assert refused(answer) == (503, "flight_service_unavailable")
        assert not Booking.objects.exists()
    assert flights.arrived == []


def test_a_repeat_under_a_key_costs_what_the_first_one_did(api, flights):
    first = api.create(key="k")
    flights.set_flight(1, price=2500)
    flights.get_flight(1, seconds=1)

    again = api.create(key="k")

    assert (again.status_code, again.content) == (201, first.content)
