"""POST /bookings: seats are asked for, and held for a payment window."""

from datetime import timedelta

import pytest

from bookings.models import Booking
from tests.support.api import refused, shown
from tests.support.bookings import let_time_pass, one_pass, states
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step, seats_out_of_step, violations

pytestmark = pytest.mark.django_db


def test_seats_are_held_at_the_price_of_the_flight(api, flights):
    flights.set_flight(3, price=4500)

    answer = api.create(flightId=3, userId=7, noOfSeats=2)

    booking = shown(answer)
    assert answer.status_code == 201
    assert (booking["status"], booking["seatPrice"], booking["totalCost"]) == ("initiated", 4500, 9000)
    assert (booking["flightId"], booking["userId"], booking["noOfSeats"]) == (3, 7, 2)
    assert flights.taken(3) == 2
    assert_in_step(flights)


def test_the_payment_window_is_fifteen_minutes_from_the_creation(api):
    api.create()

    booking = Booking.objects.get()
    assert booking.expires_at - booking.created_at == timedelta(minutes=15)


def test_the_payment_window_is_a_setting(api, settings):
    settings.PAYMENT_WINDOW_SECONDS = 60

    api.create()

    booking = Booking.objects.get()
    assert booking.expires_at - booking.created_at == timedelta(seconds=60)


def test_a_price_that_changes_later_does_not_change_the_booking(api, flights):
    booking = shown(api.create())
    flights.set_flight(1, price=9999)

    again = shown(api.get(f"/api/v1/bookings/{booking['id']}"))

    assert (again["seatPrice"], again["totalCost"]) == (2000, 4000)


def test_the_booking_is_on_record_with_its_key_before_the_first_byte_is_sent(api, flights):
    seen = []
    flights.meanwhile(lambda: seen.extend(Booking.objects.values_list("status", "hold", "hold_key")))

    api.create()

    assert seen == [("pending", "asking", flights.arrived[0].key)]


def test_not_enough_seats_is_said_without_asking_for_them(api, flights):
    flights.set_flight(1, remaining=1)

    answer = api.create(noOfSeats=2)

    assert refused(answer) == (400, "seats_unavailable")
    assert answer.json()["error"]["explanation"] == "Not enough seats available"
    assert flights.arrived == []
    assert states() == []


def test_the_last_seats_can_be_held(api, flights):
    flights.set_flight(1, remaining=2)

    answer = api.create(noOfSeats=2)

    assert answer.status_code == 201
    assert flights.remaining(1) == 0


def test_seats_that_are_sold_between_looking_and_taking_are_refused(api, flights):
    flights.set_flight(1, remaining=2)
    flights.after_look(lambda: flights.set_flight(1, remaining=1))

    answer = api.create(noOfSeats=2)

    assert refused(answer) == (400, "seats_unavailable")
    assert states() == [("cancelled", "refused", "no_seats")]
    assert_in_step(flights)


def test_an_unknown_flight_is_not_found(api, flights):
    answer = api.create(flightId=999)

    assert refused(answer) == (404, "flight_not_found")
    assert states() == []


def test_a_flight_that_disappears_between_looking_and_taking_is_not_found(api, flights):
    flights.after_look(lambda: flights.remove_flight(1))

    answer = api.create()

    assert refused(answer) == (404, "flight_not_found")
    assert states() == [("cancelled", "refused", "no_flight")]


def test_a_flight_service_that_is_down_is_503_and_leaves_no_row(api, flights):
    flights.down = True

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["error"]["retryable"] is True
    assert states() == []


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["at once", "in no hurry"])
def test_a_flight_that_cannot_be_sold_is_502_and_decides_nothing(api, flights, headers):
    api.create(flightId=2)
    rows = states()
    flights.unusable = {2}

    answers = [api.create(flightId=2, key="k", headers=headers) for _ in range(20)]
    other = api.create(flightId=1)
    flights.unusable = set()
    later = api.create(flightId=2, key="k", headers=headers)

    assert {refused(answer) for answer in answers} == {(502, "flight_unusable")}
    assert {answer.json()["error"]["retryable"] for answer in answers} == {False}
    assert not any("Retry-After" in answer.headers for answer in answers)
    assert (other.status_code, later.status_code) == (201, 201)
    assert states() == rows * 3


def test_a_connection_that_is_refused_twice_drops_the_take(api, flights):
    flights.fail_next(Fault.REFUSE_CONNECTION, Fault.REFUSE_CONNECTION)

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert states() == [("cancelled", "dropped", "unavailable")]
    assert_in_step(flights)


@pytest.mark.parametrize("fault", [Fault.REFUSE_CONNECTION, Fault.DROP_REQUEST, Fault.DROP_REPLY])
def test_one_fault_is_repeated_with_the_same_key_within_the_request(api, flights, fault):
    flights.fail_next(fault)

    answer = api.create()

    assert answer.status_code == 201
    assert len({change.key for change in flights.arrived}) == 1
    assert flights.taken(1) == 2
    assert_in_step(flights)


def test_a_peer_that_asks_for_a_pause_is_not_asked_again_within_the_request(api, flights):
    flights.retry_after = 7
    flights.fail_next(Fault.DROP_REPLY)

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert len(flights.arrived) == 1


@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.DROP_REPLY])
def test_an_unknown_outcome_without_a_key_ends_the_booking_and_keeps_asking(api, flights, fault):
    flights.fail_next(fault, fault)

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert states() == [("cancelled", "asking", "abandoned")]
    assert violations() == []


@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.DROP_REPLY])
def test_the_worker_gives_an_abandoned_take_back(api, flights, payments, fault):
    flights.fail_next(fault, fault)
    api.create()
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert states() == [("cancelled", "giving_back", "abandoned")]
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_a_refused_connection_after_a_lost_answer_proves_nothing(api, flights):
    flights.fail_next(Fault.DROP_REPLY, Fault.REFUSE_CONNECTION)

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert states() == [("cancelled", "asking", "abandoned")]
    assert flights.taken(1) == 2


def test_a_mistake_leaves_the_take_stuck_for_staff(api, flights):
    flights.fail_next(Fault.MISTAKE)

    answer = api.create()

    assert refused(answer) == (503, "flight_service_unavailable")
    assert states() == [("cancelled", "stuck", "abandoned")]


def test_a_booking_that_is_cancelled_while_its_take_is_under_way_gives_the_seats_back(api, flights, payments):
    flights.meanwhile(lambda: api.cancel(Booking.objects.get()))

    answer = api.create()

    assert refused(answer) == (409, "booking_cancelled")
    assert states() == [("cancelled", "giving_back", "customer_request")]
    assert flights.taken(1) == 2
    one_pass(flights, payments)
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_bookings_of_several_flights_are_kept_apart(api, flights):
    api.create(flightId=1, noOfSeats=1)
    api.create(flightId=2, noOfSeats=10)

    assert (flights.taken(1), flights.taken(2), flights.taken(3)) == (1, 10, 0)
    assert seats_out_of_step(flights) == []
