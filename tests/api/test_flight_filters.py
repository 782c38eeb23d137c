"""GET /bookings by what people call the flight, and by what the client calls the booking."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.test_list_bookings import ids
from tests.api.test_list_filters import listed, walked
from tests.support.api import refused
from tests.support.bookings import a_saved_row
from tests.support.callers import CallerApi, a_token

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)
LAST = timedelta(days=1) - timedelta(microseconds=1)


@pytest.mark.parametrize("shown", ["UK 808", "UK808", "UK-808"])
@pytest.mark.parametrize("typed", ["UK 808", "uk808", "Uk-808", " UK  808 ", "u k 8 0 8"])
def test_a_flight_number_is_found_however_it_is_written(api, shown, typed):
    wanted, *_ = a_saved_row(flight_number=shown), a_saved_row(flight_number="UK 809"), a_saved_row()

    assert ids(listed(api, flightNumber=typed)) == [wanted.pk]


@pytest.mark.parametrize("number", ["6E 2175", "BAW 1A", "9I 605", "CHARTER 7", "7"])
def test_every_kind_of_number_is_found_as_it_is_shown(api, number):
    wanted, _ = a_saved_row(flight_number=number), a_saved_row(flight_number="UK 809")

    assert ids(listed(api, flightNumber=number)) == [wanted.pk]


@pytest.mark.parametrize("text", ["UK 80", "UK 8081", "K 808", "%", "UK %", "ß" * 16])
def test_another_number_finds_none(api, text):
    a_saved_row(flight_number="UK 808")

    assert ids(listed(api, flightNumber=text)) == []


def test_a_flight_number_goes_on_page_by_page(api):
    rows = [a_saved_row(flight_number=("UK 808", "UK 809")[number % 2]).pk for number in range(7)]
    first = listed(api, flightNumber="uk808", limit=2)

    assert [*ids(first), *walked(api, first["next"])] == rows[::-2]
    last = api.client.get(first["next"]).json()["data"]
    assert ids(api.client.get(last["previous"]).json()["data"]) == ids(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("departure", "is_found"),
    [(timedelta(0), True), (LAST, True), (-timedelta(microseconds=1), False), (timedelta(days=1), False)],
    ids=["first", "last", "before", "after"],
)
def test_a_departure_day_is_the_day_in_utc(api, departure, is_found):
    row = a_saved_row(flight_number="UK 808", departure_at=MIDNIGHT + departure)
    a_saved_row(flight_number="UK 808"), a_saved_row(flight_number="UK 809", departure_at=MIDNIGHT)

    assert ids(listed(api, flightNumber="UK 808", departureDay="2030-01-01")) == [row.pk] * is_found


@pytest.mark.parametrize(
    "day", ["2030-1-1", "2030-02-30", "today", "20300101", "2030-01-01T00:00:00Z", "9999-12-31", ""]
)
def test_what_is_no_day_is_refused(api, day):
    answer = api.get("/api/v1/bookings", {"flightNumber": "UK 808", "departureDay": day})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["departureDay"]


def test_a_day_without_a_number_is_refused(api):
    answer = api.get("/api/v1/bookings", {"departureDay": "2030-01-01"})

    assert answer.json()["error"]["fields"] == {"departureDay": "Send flightNumber with it."}


@pytest.mark.parametrize("name", ["flightNumber", "clientReference"])
@pytest.mark.parametrize("text", ["", " ", "a\x00b", "a\nb", "\u202ea", "a" * 201])
def test_what_nobody_can_have_kept_is_refused(api, name, text):
    answer = api.get("/api/v1/bookings", {name: text})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == [name]


def test_bookings_are_found_by_what_their_client_calls_them(api):
    rows = [a_saved_row(client_reference=text).pk for text in ("trip 4711", "trip 4712", "trip 4711", "")]

    assert ids(listed(api, clientReference="trip 4711")) == [rows[2], rows[0]]
    assert ids(listed(api, clientReference="trip 4711", userId=1001, status="initiated")) == [rows[2], rows[0]]
    assert ids(listed(api, clientReference="trip")) == []


@pytest.mark.parametrize(
    ("asked", "other"),
    [("A1", "a1"), ("trip 🛫", "trip 🛬"), ("Zurich", "Zürich"), ("strasse", "straße"), ("ab", "a\u200db"), ("1", "①")],
)
def test_what_a_database_takes_for_the_same_is_another_reference(api, asked, other):
    wanted, _ = a_saved_row(client_reference=asked), a_saved_row(client_reference=other)

    assert ids(listed(api, clientReference=asked)) == [wanted.pk]
    assert ids(listed(api, clientReference=asked, status="initiated", limit=1)) == [wanted.pk]


@pytest.mark.parametrize("query", [{"clientReference": "A"}, {"flightNumber": "UK 808"}], ids=str)
def test_no_filter_shows_a_customer_what_is_anothers(api, token_auth, query):
    booking = a_saved_row(user_id=1001, client_reference="A", flight_number="UK 808")

    assert ids(listed(CallerApi(a_token(1001)), **query)) == [booking.pk]
    assert ids(listed(CallerApi(a_token(1002)), **query)) == []


def test_a_cursor_goes_on_with_its_own_flight_and_no_other(api):
    for _ in range(3):
        a_saved_row(flight_number="UK 808", departure_at=MIDNIGHT)
    link = listed(api, flightNumber="UK 808", limit=1)["next"]

    answer = api.client.get(f"{link}&departureDay=2030-01-01")

    assert list(answer.json()["error"]["fields"]) == ["cursor"]
