"""The cap on a user's unpaid seats on one flight, and what a user may hold with both caps as they come."""

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings as configured

from bookings.api.descriptions import OPERATIONS
from bookings.db.clock import database_time
from bookings.models import Booking, IdempotencyRecord, UserHold
from tests.support.api import refused, shown
from tests.support.bookings import a_pending_booking, a_saved_row, let_time_pass, one_pass
from tests.support.callers import CallerApi, a_service_key, a_token
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

TOO_MANY = (429, "too_many_unpaid_seats")


@pytest.fixture
def cap(settings):
    """Ten seats, however many bookings."""
    settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 10
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 0
    return settings


# --- as it comes ------------------------------------------------------------------------------------------


def test_both_caps_are_on_unless_somebody_lifts_them():
    assert configured.MAX_UNPAID_BOOKINGS_PER_USER == 10
    assert configured.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT == 20


@pytest.mark.slow
def test_one_customer_cannot_hold_a_flight(api, flights):
    answers = [api.create(noOfSeats=10) for _ in range(60)]

    assert Counter(answer.status_code for answer in answers) == {201: 2, 429: 58}
    assert {refused(answer) for answer in answers[2:]} == {TOO_MANY}
    assert flights.taken(1) == 20
    assert_in_step(flights)


@pytest.mark.slow
def test_nor_with_one_seat_at_a_time(api, flights):
    answers = [api.create(noOfSeats=1) for _ in range(60)]

    assert Counter(answer.status_code for answer in answers) == {201: 10, 429: 50}
    assert {refused(answer) for answer in answers[10:]} == {(429, "too_many_unpaid_bookings")}
    assert flights.taken(1) == 10


@pytest.mark.slow
def test_nor_three_flights(api, flights):
    answers = [api.create(flightId=1 + number % 12, noOfSeats=10) for number in range(60)]

    assert Counter(answer.status_code for answer in answers) == {201: 10, 429: 50}
    assert max(flights.taken(flight) for flight in range(1, 13)) == 10
    assert sum(flights.taken(flight) for flight in range(1, 13)) == 100


def test_a_family_of_twenty_can_hold_its_seats(api, flights):
    answers = [api.create(noOfSeats=10) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]


# --- what counts ------------------------------------------------------------------------------------------


def test_the_seat_too_many_is_refused_and_not_held(api, flights, cap):
    api.create(noOfSeats=6)

    answer = api.create(noOfSeats=5)

    content = answer.json()
    assert content["error"].pop("requestId") == answer.headers["X-Request-ID"]
    assert answer.status_code == 429
    assert content == {
        "success": False,
        "message": "Failed to create booking",
        "data": {},
        "error": {
            "statusCode": 429,
            "code": "too_many_unpaid_seats",
            "explanation": "This user would have too many unpaid seats on this flight. "
            "Pay or cancel one, then repeat the request.",
            "retryable": True,
            "fields": {},
        },
    }
    assert (Booking.objects.count(), flights.taken(1)) == (1, 6)
    assert_in_step(flights)


def test_what_just_fits_is_held(api, flights, cap):
    answers = [api.create(noOfSeats=6), api.create(noOfSeats=4), api.create(noOfSeats=1)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]


def test_the_seats_of_another_flight_do_not_count(api, cap):
    answers = [api.create(flightId=flight, noOfSeats=10) for flight in (1, 2, 3)]

    assert [answer.status_code for answer in answers] == [201] * 3


def test_nor_do_the_seats_of_another_user(api, cap):
    answers = [api.create(userId=user, noOfSeats=10) for user in (1, 2, 3)]

    assert [answer.status_code for answer in answers] == [201] * 3


@pytest.mark.parametrize("act", ["pay", "cancel"])
def test_seats_that_are_paid_or_cancelled_do_not_count_any_more(api, cap, act):
    booking = shown(api.create(noOfSeats=10))
    before = api.create(noOfSeats=1)

    getattr(api, act)(booking)

    assert refused(before) == TOO_MANY
    assert api.create(noOfSeats=10).status_code == 201


def test_seats_that_are_not_known_yet_count(api, flights, cap):
    a_pending_booking(flights)

    assert refused(api.create(noOfSeats=9)) == TOO_MANY
    assert api.create(noOfSeats=8).status_code == 201


def test_seats_past_their_deadline_count_until_the_pass_has_been(api, flights, payments, cap):
    api.create(noOfSeats=10)
    let_time_pass(minutes=20)
    before = api.create(noOfSeats=1)

    one_pass(flights, payments)

    assert (refused(before), before.headers["Retry-After"]) == (TOO_MANY, "1")
    assert api.create(noOfSeats=1).status_code == 201


def test_what_a_service_books_for_a_user_counts_for_that_user(flights, token_auth, cap):
    service, customer = CallerApi(a_service_key()), CallerApi(a_token(1001))

    answers = [service.create(noOfSeats=6), customer.create(noOfSeats=5), service.create(userId=2, noOfSeats=10)]

    assert [answer.status_code for answer in answers] == [201, 429, 201]


def test_a_replay_is_answered_at_the_cap_and_a_refused_request_leaves_its_key_unused(api, cap):
    first = api.create(key="k", noOfSeats=10)
    refusal = api.create(key="l", noOfSeats=1)

    replay = api.create(key="k", noOfSeats=10)

    assert (replay.status_code, replay.content) == (201, first.content)
    assert refused(refusal) == TOO_MANY
    assert IdempotencyRecord.objects.filter(endpoint="POST /bookings").count() == 1


def test_one_that_is_accepted_without_a_look_at_the_flight_counts(api, flights, cap):
    api.create(noOfSeats=6)
    flights.shows_flights = False

    answers = [api.create(noOfSeats=seats, headers={"Prefer": "respond-async"}) for seats in (5, 4, 1)]

    assert [answer.status_code for answer in answers] == [429, 202, 429]


def test_without_caps_no_user_is_written_down_and_none_is_refused(api, settings):
    settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = settings.MAX_UNPAID_BOOKINGS_PER_USER = 0

    answers = [api.create(noOfSeats=5) for _ in range(12)]

    assert [answer.status_code for answer in answers] == [201] * 12
    assert UserHold.objects.count() == 0


def test_the_bookings_are_too_many_before_the_seats_are(api, settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 1, 10
    api.create(noOfSeats=10)

    assert refused(api.create(noOfSeats=10)) == (429, "too_many_unpaid_bookings")


# --- for how long -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "freed_after"),
    [(1, 100), (3, 100), (4, 300), (7, 300), (8, 800), (10, 800)],
)
def test_the_refusal_lasts_until_enough_seats_are_free(api, cap, wanted, freed_after):
    now = database_time()
    for seconds, seats in ((800, 3), (100, 3), (300, 4)):
        a_saved_row(expires_at=now + timedelta(seconds=seconds), no_of_seats=seats)

    answer = api.create(noOfSeats=wanted)

    assert refused(answer) == TOO_MANY
    # Less only if the machine was busy.
    assert freed_after - 60 < int(answer.headers["Retry-After"]) <= freed_after


def test_of_more_bookings_than_there_may_be_as_many_must_expire(api, cap):
    cap.MAX_UNPAID_BOOKINGS_PER_USER = 2
    now = database_time()
    for seconds in (100, 300, 800):
        a_saved_row(expires_at=now + timedelta(seconds=seconds), flight_id=seconds)

    answer = api.create(noOfSeats=1)

    assert refused(answer) == (429, "too_many_unpaid_bookings")
    assert 240 < int(answer.headers["Retry-After"]) <= 300


def test_a_booking_that_no_waiting_makes_room_for_is_given_no_time(api, cap):
    cap.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 3

    answer = api.create(noOfSeats=4)

    assert refused(answer) == TOO_MANY
    assert "Retry-After" not in answer.headers


# --- how it is said ---------------------------------------------------------------------------------------


def test_the_description_of_the_api_states_both_caps():
    said = OPERATIONS["create"].description

    assert "at most 10 unpaid bookings at once (429 `too_many_unpaid_bookings`)" in said
    assert "at most 20 unpaid seats on one flight at once (429 `too_many_unpaid_seats`)" in said
