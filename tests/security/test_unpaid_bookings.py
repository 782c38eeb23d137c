"""The cap on a user's unpaid bookings: what counts, what frees a place, and what the refusal says."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking, IdempotencyRecord, UserHold
from tests.support.api import refused, shown
from tests.support.bookings import a_pending_booking, a_saved_row, let_time_pass, one_pass
from tests.support.callers import CallerApi, a_service_key, a_token
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

TOO_MANY = (429, "too_many_unpaid_bookings")


@pytest.fixture(autouse=True)
def cap(settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 2
    settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 0
    return settings


@pytest.fixture
def two_unpaid(api):
    return [shown(api.create()) for _ in range(2)]


def test_the_third_is_refused_and_holds_no_seats(api, flights, two_unpaid):
    answer = api.create()

    content = answer.json()
    assert content["error"].pop("requestId") == answer.headers["X-Request-ID"]
    assert answer.status_code == 429
    assert content == {
        "success": False,
        "message": "Failed to create booking",
        "data": {},
        "error": {
            "statusCode": 429,
            "code": "too_many_unpaid_bookings",
            "explanation": "This user has as many unpaid bookings as it may have at once. "
            "Pay or cancel one, then repeat the request.",
            "retryable": True,
            "fields": {},
        },
    }
    assert Booking.objects.count() == 2
    assert_in_step(flights)


def test_the_refusal_lasts_until_the_earliest_deadline(api):
    now = database_time()
    for seconds in (300, 100):
        a_saved_row(expires_at=now + timedelta(seconds=seconds))

    answer = api.create()

    assert refused(answer) == TOO_MANY
    # Below 100 only if the machine was busy.
    assert 40 < int(answer.headers["Retry-After"]) <= 100


def test_one_that_is_paid_frees_a_place(api, two_unpaid):
    api.pay(two_unpaid[0])

    assert api.create().status_code == 201
    assert refused(api.create()) == TOO_MANY


def test_one_that_is_cancelled_frees_a_place(api, two_unpaid):
    api.cancel(two_unpaid[0])

    assert api.create().status_code == 201
    assert refused(api.create()) == TOO_MANY


@pytest.mark.slow
def test_one_that_is_too_late_counts_until_the_pass_has_been(api, flights, payments, two_unpaid):
    let_time_pass(minutes=20)
    before = api.create()

    one_pass(flights, payments)
    after = api.create()

    assert refused(before) == TOO_MANY
    assert before.headers["Retry-After"] == "1"
    assert after.status_code == 201


def test_one_whose_seats_are_not_known_yet_counts(api, flights):
    a_pending_booking(flights)
    api.create()

    assert refused(api.create()) == TOO_MANY


def test_one_that_is_accepted_without_a_look_at_the_flight_counts(api, flights):
    api.create()
    flights.shows_flights = False

    accepted, refusal = (api.create(key=key, headers={"Prefer": "respond-async"}) for key in ("a", "b"))

    assert accepted.status_code == 202
    assert refused(refusal) == TOO_MANY


def test_a_replay_is_answered_at_the_cap(api):
    first = api.create(key="k")
    api.create()

    replay = api.create(key="k")

    assert (replay.status_code, replay.content) == (201, first.content)
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert refused(api.create()) == TOO_MANY


def test_a_refused_request_leaves_its_key_unused(api, two_unpaid):
    refusal = api.create(key="k")
    stored = IdempotencyRecord.objects.filter(endpoint="POST /bookings").count()
    api.cancel(two_unpaid[0])

    repeat = api.create(key="k")

    assert (refused(refusal), stored) == (TOO_MANY, 0)
    assert repeat.status_code == 201
    assert "Idempotent-Replayed" not in repeat.headers


def test_the_bookings_of_one_user_do_not_count_for_another(api, two_unpaid):
    assert api.create(userId=1002).status_code == 201


def test_what_a_service_books_for_a_user_counts_for_that_user(flights, token_auth):
    service, customer = CallerApi(a_service_key()), CallerApi(a_token(1001))

    answers = [service.create(), customer.create(), service.create(), service.create(userId=1002)]

    assert [answer.status_code for answer in answers] == [201, 201, 429, 201]


def test_without_a_cap_no_user_is_written_down(api, cap):
    cap.MAX_UNPAID_BOOKINGS_PER_USER = 0

    answers = [api.create() for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert UserHold.objects.count() == 0
