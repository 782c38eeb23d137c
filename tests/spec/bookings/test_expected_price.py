"""expectedPrice: a client that knows what a seat costs gets its seats at that price, or none."""

import pytest

from bookings.models import Booking, IdempotencyRecord
from tests.support.api import refused, shown
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

ASYNC = {"Prefer": "respond-async"}
CHANGED = (400, "price_changed")


def nothing_has_happened(flights):
    return not (flights.arrived or Booking.objects.exists() or IdempotencyRecord.objects.exists())


def test_at_the_price_of_a_seat_seats_are_held(api, flights):
    flights.set_flight(3, price=4500)

    answer = api.create(flightId=3, noOfSeats=2, expectedPrice=4500)

    assert answer.status_code == 201
    assert (shown(answer)["seatPrice"], shown(answer)["totalCost"]) == (4500, 9000)
    assert_in_step(flights)


@pytest.mark.parametrize("price", [4501, 4499, 9000, 0])
def test_at_any_other_price_nothing_is_held_and_todays_price_is_said(api, flights, price):
    flights.set_flight(3, price=4500)

    answer = api.create(flightId=3, noOfSeats=2, expectedPrice=price)

    content = answer.json()
    assert content["error"].pop("requestId") == answer.headers["X-Request-ID"]
    assert answer.status_code == 400
    assert content == {
        "success": False,
        "message": "Failed to create booking",
        "data": {},
        "error": {
            "statusCode": 400,
            "code": "price_changed",
            "explanation": f"A seat costs 4500 now, and {price} was expected. Nothing is held.",
            "retryable": False,
            "fields": {"expectedPrice": "A seat costs 4500 now."},
            "details": {"seatPrice": 4500, "totalCost": 9000, "currency": "XXX"},
        },
    }
    assert nothing_has_happened(flights)


def test_a_seat_that_is_free_is_expected_to_be(api, flights):
    flights.set_flight(1, price=0)

    answers = [api.create(expectedPrice=1), api.create(expectedPrice=0)]

    assert [answer.status_code for answer in answers] == [400, 201]


def test_without_it_seats_cost_what_they_cost(api, flights):
    flights.set_flight(1, price=777)

    assert shown(api.create())["seatPrice"] == 777


def test_other_errors_have_no_details(api):
    assert "details" not in api.create(flightId=99).json()["error"]


def test_a_flight_that_is_full_is_full_whatever_it_costs(api, flights):
    flights.set_flight(1, remaining=1, price=2500)

    assert refused(api.create(expectedPrice=2000)) == (400, "seats_unavailable")


# --- under a key ------------------------------------------------------------------------------------------


def test_a_refused_price_leaves_the_key_for_a_request_with_the_new_one(api, flights):
    flights.set_flight(1, price=2500)
    refusal = api.create(key="k", expectedPrice=2000)

    answer = api.create(key="k", expectedPrice=refusal.json()["error"]["details"]["seatPrice"])

    assert refused(refusal) == CHANGED
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


def test_a_refused_price_is_looked_at_again_under_the_same_key(api, flights):
    flights.set_flight(1, price=2500)
    refusal = api.create(key="k", expectedPrice=2000)
    flights.set_flight(1, price=2000)

    assert refused(refusal) == CHANGED
    assert api.create(key="k", expectedPrice=2000).status_code == 201


def test_what_was_held_at_the_price_is_replayed_after_it_has_changed(api, flights):
    first = api.create(key="k", expectedPrice=2000)
    flights.set_flight(1, price=2500)

    again = api.create(key="k", expectedPrice=2000)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"expectedPrice": 2000}, {}),
        ({}, {"expectedPrice": 2000}),
        ({"expectedPrice": 2000}, {"expectedPrice": 1}),
    ],
    ids=["without it", "with it", "with another"],
)
def test_the_price_is_part_of_what_a_key_stands_for(api, first, second):
    api.create(key="k", **first)

    assert refused(api.create(key="k", **second)) == (422, "idempotency_key_reused")


def test_a_take_whose_answer_was_lost_goes_on_at_the_price_it_was_asked_at(api, flights):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    lost = api.create(key="k", expectedPrice=2000)
    flights.set_flight(1, price=2500)
    Booking.objects.update(next_at=Booking.objects.get().created_at)

    answer = api.create(key="k", expectedPrice=2000)

    assert lost.status_code == 503
    assert (answer.status_code, shown(answer)["seatPrice"]) == (201, 2000)
    assert_in_step(flights)


# --- while the Flight Service shows nothing ---------------------------------------------------------------


def test_a_booking_that_is_accepted_without_a_look_has_the_price_that_was_seen_last(api, flights):
    flights.get_flight(1, seconds=1)
    flights.shows_flights = False

    answers = [api.create(expectedPrice=price, headers=ASYNC) for price in (2001, 2000)]

    assert refused(answers[0]) == CHANGED
    assert answers[0].json()["error"]["details"] == {"seatPrice": 2000, "totalCost": 4000, "currency": "XXX"}
    assert (answers[1].status_code, shown(answers[1])["seatPrice"]) == (202, 2000)
    assert Booking.objects.count() == 1


def test_so_has_one_that_is_accepted_as_the_seats_cannot_be_asked_for(api, flights):
    flights.is_available = lambda: False

    answers = [api.create(expectedPrice=price, headers=ASYNC) for price in (2001, 2000)]

    assert refused(answers[0]) == CHANGED
    assert answers[1].status_code == 202
    assert Booking.objects.count() == 1


def test_a_price_that_nobody_knows_is_no_changed_one(api, flights):
    flights.forget_what_was_seen()
    flights.shows_flights = False

    assert refused(api.create(expectedPrice=1, headers=ASYNC)) == (503, "flight_service_unavailable")


# --- what it may be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", ["2000", 2000.0, True, None, -1, 2**53, [2000], {"seatPrice": 2000}])
def test_it_is_an_integer_that_every_client_reads_exactly(api, flights, price):
    answer = api.create(expectedPrice=price)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["expectedPrice"]
    assert nothing_has_happened(flights)


def test_the_highest_number_is_a_price_that_no_seat_has(api):
    assert refused(api.create(expectedPrice=2**53 - 1)) == CHANGED


# --- sums that not every client could read ----------------------------------------------------------------

HIGHEST = 2**53 - 1


def test_seats_that_cost_the_highest_number_in_all_can_be_held_and_paid(api, flights):
    flights.set_flight(1, price=HIGHEST)

    booking = shown(api.create(noOfSeats=1))

    assert booking["totalCost"] == 9007199254740991
    assert api.pay(booking).status_code == 201


@pytest.mark.parametrize("expected", [{}, {"expectedPrice": HIGHEST // 2 + 1}, {"expectedPrice": 1}])
@pytest.mark.parametrize("headers", [None, ASYNC], ids=["at once", "async"])
@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_seats_that_cost_more_than_that_are_refused_cleanly(api, flights, expected, headers, key):
    flights.set_flight(1, price=HIGHEST // 2 + 1)

    answer = api.create(noOfSeats=2, headers=headers, key=key, **expected)

    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error"]["fields"] == {
        "noOfSeats": "At 4503599627370496 a seat these cost more in all than can be paid at once, "
        "9007199254740991. Ask for fewer."
    }
    assert nothing_has_happened(flights)
    assert api.create(noOfSeats=1).status_code == 201


def test_so_are_they_at_a_price_that_is_only_recalled(api, flights):
    flights.set_flight(1, price=HIGHEST // 2 + 1)
    flights.get_flight(1, seconds=1)
    flights.shows_flights = False

    assert refused(api.create(noOfSeats=2, headers=ASYNC)) == (400, "invalid_request")
    assert nothing_has_happened(flights)


def test_the_largest_booking_at_the_highest_price_a_flight_may_have_is_refused(api, flights):
    # 10**14 is what the gateway lets pass; with 1,000 seats in a booking that is far beyond.
    flights.set_flight(1, price=10**14)

    assert api.create(noOfSeats=10).status_code == 201
