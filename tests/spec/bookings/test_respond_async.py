"""Prefer: respond-async: rather a 202 and a pending booking than a 503."""

import pytest

from bookings.models import Booking
from tests.support.api import refused, shown
from tests.support.bookings import let_time_pass, one_pass, states
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

IN_NO_HURRY = {"Prefer": "respond-async"}


def test_while_all_is_well_the_answer_is_the_usual_one(api):
    answer = api.create(headers=IN_NO_HURRY)

    assert answer.status_code == 201
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.DROP_REQUEST, Fault.REFUSE_CONNECTION])
def test_an_unknown_outcome_is_accepted(api, flights, fault):
    flights.fail_next(fault, fault)

    answer = api.create(headers=IN_NO_HURRY)

    booking = shown(answer)
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == f"/api/v1/bookings/{booking['id']}"
    assert booking["status"] == "pending"
    assert states("claims") == [("pending", "asking", 1)]


def test_a_service_that_is_down_is_asked_later_if_the_price_is_known(api, flights, payments):
    api.create(noOfSeats=1)
    flights.down = True

    answer = api.create(headers=IN_NO_HURRY, noOfSeats=3)

    assert answer.status_code == 202
    assert (shown(answer)["status"], shown(answer)["totalCost"]) == ("pending", 6000)
    assert states("claims")[1] == ("pending", "asking", 0)
    flights.down = False
    one_pass(flights, payments)
    assert states("claims")[1] == ("initiated", "held", 1)
    assert_in_step(flights)


def test_without_a_known_price_nothing_can_be_accepted(api, flights):
    flights.down = True

    answer = api.create(headers=IN_NO_HURRY)

    assert refused(answer) == (503, "flight_service_unavailable")
    assert states("claims") == []


def test_a_refusal_is_told_at_once(api, flights):
    flights.set_flight(1, remaining=1)

    answer = api.create(headers=IN_NO_HURRY)

    assert refused(answer) == (400, "seats_unavailable")


@pytest.mark.slow
@pytest.mark.parametrize("free", [2, 1])
def test_an_accepted_booking_ends_as_the_flight_service_says(api, flights, payments, free):
    flights.fail_next(Fault.DROP_REQUEST, Fault.DROP_REQUEST)
    booking = shown(api.create(headers=IN_NO_HURRY))
    flights.set_flight(1, remaining=free)
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    after = shown(api.get(f"/api/v1/bookings/{booking['id']}"))
    expected = {2: ("initiated", None), 1: ("cancelled", "no_seats")}
    assert (after["status"], after["cancelReason"]) == expected[free]
    assert_in_step(flights)


def test_an_accepted_booking_that_was_never_sent_expires_without_a_trace(api, flights, payments):
    api.create(noOfSeats=1)
    flights.down = True
    api.create(headers=IN_NO_HURRY)
    let_time_pass(minutes=15)
    flights.down = False

    one_pass(flights, payments)

    assert states("claims")[1] == ("cancelled", "dropped", 0)
    assert_in_step(flights)


def test_a_repetition_under_the_key_replays_the_202_even_when_the_booking_has_moved_on(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    first = api.create(headers=IN_NO_HURRY, key="k")
    let_time_pass(seconds=15)
    one_pass(flights, payments)

    again = api.create(headers=IN_NO_HURRY, key="k")

    assert Booking.objects.get().status == "initiated"
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


def test_a_repetition_of_one_that_was_accepted_unsent_replays_the_202(api, flights):
    api.create(noOfSeats=1)
    flights.down = True
    first = api.create(headers=IN_NO_HURRY, key="k")

    again = api.create(headers=IN_NO_HURRY, key="k")

    assert (again.status_code, again.content) == (202, first.content)
    assert Booking.objects.count() == 2


@pytest.mark.parametrize("value", ["respond-async", "wait=10, respond-async", "Respond-Async", "respond-async; foo=1"])
def test_the_preference_is_found_among_others(api, flights, value):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)

    assert api.create(headers={"Prefer": value}).status_code == 202


@pytest.mark.parametrize("value", ["", "wait=10", "respond-asynchronously", "return=minimal"])
def test_other_preferences_are_ignored(api, flights, value):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)

    assert api.create(headers={"Prefer": value}).status_code == 503
