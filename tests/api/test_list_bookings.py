"""GET /bookings: filters, and pages that lose and repeat nothing."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bookings.api.pagination import pages_for
from bookings.api.serializers import ListBookingsQuery
from bookings.api.views import validated
from bookings.models import Booking
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row, many_rows

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ids(page):
    return [booking["id"] for booking in page["results"]]


def follow(api, link):
    """Get the page that a link leads to."""
    parts = urlsplit(link)
    assert parts.path == BOOKINGS
    return shown(api.get(BOOKINGS, {name: values[0] for name, values in parse_qs(parts.query).items()}))


def cursor_of(text):
    return base64.b64encode(text.encode()).decode()


def cursor_at(position, **filters):
    """A cursor of a list with these filters, as they are sent."""
    asked = validated(ListBookingsQuery, filters)
    return cursor_of(f"p={position}~{pages_for(asked).mark}")


def test_without_bookings_the_list_is_empty(api):
    assert shown(api.get(BOOKINGS)) == {"results": [], "next": None, "previous": None}


def test_the_newest_booking_comes_first(api):
    first, second, third = (a_saved_row().pk for _ in range(3))

    assert ids(shown(api.get(BOOKINGS))) == [third, second, first]


def test_a_booking_in_the_list_is_shown_as_it_is_alone(api):
    booking = shown(api.create())

    assert shown(api.get(BOOKINGS))["results"] == [booking]


def test_a_walk_over_45_rows_meets_each_once_while_others_are_inserted(api):
    many_rows(45)
    expected = list(Booking.objects.order_by("-pk").values_list("pk", flat=True))

    page = shown(api.get(BOOKINGS))
    met, sizes = ids(page), [len(ids(page))]
    while page["next"]:
        many_rows(3)
        page = follow(api, page["next"])
        met += ids(page)
        sizes.append(len(ids(page)))

    assert met == expected
    assert sizes == [20, 20, 5]


def test_the_walk_back_meets_the_same_rows_and_then_the_new_ones(api):
    many_rows(45)
    expected = list(Booking.objects.order_by("-pk").values_list("pk", flat=True))
    first = shown(api.get(BOOKINGS))
    second = follow(api, first["next"])
    third = follow(api, second["next"])
    many_rows(2)
    newest = list(Booking.objects.order_by("-pk").values_list("pk", flat=True)[:2])

    back_to_second = follow(api, third["previous"])
    back_to_first = follow(api, back_to_second["previous"])
    newer = follow(api, back_to_first["previous"])

    assert ids(back_to_second) == expected[20:40]
    assert ids(back_to_first) == expected[:20]
    assert ids(newer) == newest
    assert newer["previous"] is None
    assert third["next"] is None


def test_a_filter_stays_on_for_the_whole_walk(api):
    for user in (1, 2):
        many_rows(25, user_id=user)
    page = shown(api.get(BOOKINGS, {"userId": 1}))

    rest = follow(api, page["next"])

    assert {booking["userId"] for booking in page["results"] + rest["results"]} == {1}
    assert (len(ids(page)), len(ids(rest)), rest["next"]) == (20, 5, None)


@pytest.mark.parametrize(("limit", "size"), [("1", 1), ("7", 7), ("100", 100)])
def test_a_page_is_as_long_as_the_client_wants(api, limit, size):
    many_rows(101)

    page = shown(api.get(BOOKINGS, {"limit": limit}))

    assert len(ids(page)) == size
    assert f"limit={limit}" in page["next"]


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000", "many", "", "1.5"])
def test_a_page_has_1_to_100_rows(api, limit):
    answer = api.get(BOOKINGS, {"limit": limit})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["limit"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "not base64 at all",
        "%00",
        "é",
        cursor_of("p=abc"),
        cursor_of("p=1.5"),
        cursor_of("p=-1"),
        cursor_of("p="),
        cursor_of(""),
        cursor_of("1"),
        cursor_of("r=1"),
        cursor_of("o=3"),
        cursor_of("x=7&P=7"),
        cursor_of("p=\u0661"),
        cursor_of("p=2026-01-01"),
        cursor_of("o=-1"),
        cursor_of("o=x"),
        "x" * 201,
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(api, cursor):
    many_rows(3)

    answer = api.get(BOOKINGS, {"cursor": cursor})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["cursor"]


@pytest.mark.parametrize("position", ["0", "9" * 18, "9" * 40])
def test_a_cursor_beyond_all_rows_breaks_nothing(api, position):
    many_rows(3)

    assert api.get(BOOKINGS, {"cursor": cursor_at(position)}).status_code == 200


def test_bookings_of_one_user(api):
    mine, _ = a_saved_row(user_id=1), a_saved_row(user_id=2)

    assert ids(shown(api.get(BOOKINGS, {"userId": "1"}))) == [mine.pk]


def test_bookings_of_one_flight(api):
    wanted, _ = a_saved_row(flight_id=1), a_saved_row(flight_id=2)

    assert ids(shown(api.get(BOOKINGS, {"flightId": "1"}))) == [wanted.pk]


@pytest.mark.parametrize("status", ["BOOKED", "confirmed", "booked,pending", ""])
def test_a_status_that_is_none_is_answered_with_those_that_are(api, status):
    answer = api.get(BOOKINGS, {"status": status})

    assert refused(answer)[0] == 400
    assert answer.json()["error"]["fields"]["status"] == "Must be one of pending, initiated, booked, cancelled."


@pytest.mark.parametrize("status", ["pending", "initiated", "booked", "cancelled"])
def test_bookings_of_one_status(api, status):
    rows = {name: a_saved_row(name).pk for name in ("pending", "initiated", "booked", "cancelled")}

    assert ids(shown(api.get(BOOKINGS, {"status": status}))) == [rows[status]]


def test_bookings_created_in_an_open_interval(api):
    rows = [a_saved_row(created_at=NOON + timedelta(minutes=minute)).pk for minute in range(4)]

    page = shown(
        api.get(
            BOOKINGS,
            {"createdAfter": "2026-11-22T12:00:00.000Z", "createdBefore": "2026-11-22T12:03:00+00:00"},
        )
    )

    assert ids(page) == [rows[2], rows[1]]


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=1)], ids=["one moment", "one a second"])
def test_a_walk_over_the_bookings_of_a_time_and_back_meets_each_once(api, step):
    rows = [a_saved_row(created_at=NOON + number * step).pk for number in range(50)]
    bounds = {"createdAfter": "2026-11-22T11:59:59Z", "createdBefore": "2026-11-22T12:00:45Z", "limit": "7"}
    expected = [pk for number, pk in enumerate(rows) if number * step < timedelta(seconds=45)][::-1]

    pages = [shown(api.get(BOOKINGS, bounds))]
    while pages[-1]["next"]:
        pages.append(follow(api, pages[-1]["next"]))
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(follow(api, back[-1]["previous"]))

    assert [pk for page in pages for pk in ids(page)] == expected
    assert [pk for page in reversed(back) for pk in ids(page)] == expected


@pytest.mark.parametrize("position", ["0", "9" * 18, "9" * 40])
def test_a_cursor_beyond_all_rows_of_a_time_breaks_nothing(api, position):
    many_rows(3)

    before = {"createdBefore": "2036-01-01T00:00:00Z"}

    answer = api.get(BOOKINGS, {**before, "cursor": cursor_at(position, **before)})

    assert answer.status_code == 200


def test_a_time_zone_is_understood(api):
    row = a_saved_row(created_at=NOON)

    assert ids(shown(api.get(BOOKINGS, {"createdAfter": "2026-11-22T13:59:59+02:00"}))) == [row.pk]
    assert ids(shown(api.get(BOOKINGS, {"createdAfter": "2026-11-22T14:00:00+02:00"}))) == []


def test_filters_are_combined(api):
    wanted = a_saved_row("booked", user_id=1, flight_id=1)
    for other in ({"user_id": 2, "flight_id": 1}, {"user_id": 1, "flight_id": 2}):
        a_saved_row("booked", **other)
    a_saved_row("pending", user_id=1, flight_id=1)

    page = shown(api.get(BOOKINGS, {"userId": 1, "flightId": 1, "status": "booked"}))

    assert ids(page) == [wanted.pk]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("userId", "0"),
        ("userId", "abc"),
        ("userId", str(2**53)),
        ("userId", str(2**63)),
        ("flightId", "-1"),
        ("flightId", ""),
        ("status", "paid"),
        ("status", ""),
        ("createdAfter", "yesterday"),
        ("createdAfter", "2026-13-01T00:00:00Z"),
        ("createdBefore", ""),
        ("createdBefore", "0001-01-01T00:00:00+14:00"),
        ("page", "2"),
        ("user_id", "1"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_and_named(api, name, value):
    answer = api.get(BOOKINGS, {name: value})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == [name]


def test_a_booking_past_its_deadline_shows_that_it_cannot_be_paid_any_more(api):
    a_saved_row(created_at=NOON - timedelta(days=365))
    a_saved_row()

    pages = shown(api.get(BOOKINGS))["results"]

    assert [booking["availableActions"] for booking in pages] == [["pay", "cancel"], ["cancel"]]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_list_costs_one_statement_however_many_rows_it_has(api, django_assert_num_queries, rows):
    many_rows(rows)

    with django_assert_num_queries(1):
        api.get(BOOKINGS)
