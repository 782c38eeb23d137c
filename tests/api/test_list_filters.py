"""GET /bookings for several statuses, by reference, and by the time of change; a cursor goes on with its own list."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bookings.models import Booking
from tests.api.test_list_bookings import cursor_at, ids
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row, many_rows
from tests.support.callers import CallerApi, a_token

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUSES = ["pending", "initiated", "booked", "cancelled"]


def listed(api, **query):
    return shown(api.get(BOOKINGS, query))


def walked(api, link):
    """The ids of the page that a link leads to, and of all behind it."""
    while link:
        page = api.client.get(link).json()["data"]
        yield from ids(page)
        link = page["next"]


@pytest.mark.parametrize("wanted", [["booked"], ["pending", "booked"], ["cancelled", "booked", "pending"], STATUSES])
def test_bookings_of_any_of_several_statuses(api, wanted):
    rows = {status: a_saved_row(status).pk for status in STATUSES}

    assert ids(listed(api, status=wanted)) == sorted((rows[status] for status in wanted), reverse=True)


def test_several_statuses_go_on_page_by_page(api):
    rows = [a_saved_row(status).pk for status in STATUSES * 3]
    first = listed(api, status=["booked", "pending"], limit=2)

    found = [*ids(first), *walked(api, first["next"])]

    assert found == sorted((pk for place, pk in enumerate(rows) if place % 4 in (0, 2)), reverse=True)


def test_of_several_statuses_one_that_is_none_is_answered_with_those_that_are(api):
    answer = api.get(BOOKINGS, {"status": ["booked", "paid"]})

    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error"]["fields"]["status"] == "Must be one of pending, initiated, booked, cancelled."


@pytest.mark.parametrize("name", ["userId", "flightId", "reference", "createdAfter", "updatedAfter", "limit", "cursor"])
def test_what_may_stand_once_is_refused_twice(api, name):
    answer = api.get(BOOKINGS, {name: ["1", "1"]})

    assert answer.json()["error"]["fields"] == {name: "Send it once."}


@pytest.mark.parametrize("spell", [str, str.lower, lambda text: f"{text[:4]}-{text[4:]}", lambda text: f" {text} "])
def test_a_booking_by_its_reference_as_people_write_it(api, spell):
    _, wanted, _ = a_saved_row(), a_saved_row(), a_saved_row()

    assert ids(listed(api, reference=spell(wanted.reference))) == [wanted.pk]


@pytest.mark.parametrize("text", ["BCDFGHJK", "nothing", " ", "-", "B" * 64])
def test_a_reference_that_no_booking_has_finds_none(api, text):
    a_saved_row()

    assert ids(listed(api, reference=text)) == []


@pytest.mark.parametrize("text", ["", "É", "a\x00b", "a_b", "B" * 65])
def test_what_can_be_no_reference_is_refused(api, text):
    answer = api.get(BOOKINGS, {"reference": text})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["reference"]


def test_a_reference_shows_nobody_what_is_anothers(api, token_auth):
    booking = a_saved_row(user_id=1001)

    assert ids(listed(CallerApi(a_token(1001)), reference=booking.reference)) == [booking.pk]
    assert ids(listed(CallerApi(a_token(1002)), reference=booking.reference)) == []


def changed_at(*minutes):
    """Bookings that were changed so many minutes after noon; their ids."""
    rows = [a_saved_row() for _ in minutes]
    for row, minute in zip(rows, minutes, strict=True):
        Booking.objects.filter(pk=row.pk).update(updated_at=NOON + timedelta(minutes=minute))
    return [row.pk for row in rows]


def test_what_changed_after_a_time_comes_with_the_oldest_change_first(api):
    late, early, at_noon, last = changed_at(20, 10, 0, 30)

    page = listed(api, updatedAfter=NOON.isoformat())

    assert ids(page) == [early, late, last]
    assert at_noon not in ids(page)
    assert (page["next"], page["previous"]) == (None, None)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_by_change_lose_and_repeat_nothing_even_at_one_moment(api, size):
    rows = changed_at(1, 1, 1, 2, 2, 3, 1)
    first = listed(api, updatedAfter=NOON.isoformat(), limit=size)

    found = [*ids(first), *walked(api, first["next"])]

    by_change = sorted(rows, key=lambda pk: (Booking.objects.get(pk=pk).updated_at, pk))
    assert found == by_change


def test_a_booking_that_changes_while_a_client_reads_on_comes_again_at_the_end(api):
    rows = changed_at(1, 2, 3, 4)
    first = listed(api, updatedAfter=NOON.isoformat(), limit=2)
    Booking.objects.filter(pk__in=[rows[0], rows[3]]).update(updated_at=NOON + timedelta(minutes=9))

    rest = list(walked(api, first["next"]))

    assert ids(first) == rows[:2]
    assert rest == [rows[2], rows[0], rows[3]]


def test_each_change_that_clients_see_moves_a_booking(api):
    booking = shown(api.create())
    others = [shown(api.create()) for _ in range(2)]
    since = NOON.isoformat()
    before = ids(listed(api, updatedAfter=since))

    api.pay(booking)
    api.cancel(others[0])

    assert before == [booking["id"], *(other["id"] for other in others)]
    assert ids(listed(api, updatedAfter=since)) == [others[1]["id"], booking["id"], others[0]["id"]]


@pytest.mark.parametrize("position", ["0.0", "0.1", f"{'9' * 18}.1", f"1.{'9' * 19}"])
def test_a_place_beyond_all_changes_breaks_nothing(api, position):
    many_rows(3)
    filters = {"updatedAfter": NOON.isoformat()}

    answer = api.get(BOOKINGS, {**filters, "cursor": cursor_at(position, **filters)})

    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or list(answer.json()["error"]["fields"]) == ["cursor"]


@pytest.mark.parametrize("position", ["1", "a.b", "1.", ".1", "-1.1", "1.1.1", "1.٣"])
def test_a_place_that_is_none_is_refused(api, position):
    filters = {"updatedAfter": NOON.isoformat()}

    answer = api.get(BOOKINGS, {**filters, "cursor": cursor_at(position, **filters)})

    assert refused(answer) == (400, "invalid_request")


FILTERS = [
    {},
    {"userId": "1001"},
    {"flightId": "1"},
    {"status": "initiated"},
    {"status": ["initiated", "booked"]},
    {"createdAfter": "2026-01-01T00:00:00Z"},
    {"updatedAfter": "2026-01-01T00:00:00Z"},
]


@pytest.mark.slow
@pytest.mark.parametrize("others", FILTERS, ids=str)
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_cursor_goes_on_with_its_own_list_and_no_other(api, filters, others):
    many_rows(3)
    link = listed(api, **filters, limit=1)["next"]
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]

    answer = api.get(BOOKINGS, {**others, "cursor": cursor})

    if filters == others:
        assert answer.status_code == 200
    else:
        assert refused(answer) == (400, "invalid_request")
        assert list(answer.json()["error"]["fields"]) == ["cursor"]


def test_the_size_of_a_page_and_the_order_of_filters_are_no_other_list(api):
    many_rows(5)
    filters = {"userId": "1001", "status": ["booked", "initiated"]}
    link = listed(api, **filters, limit=1)["next"]
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]
    turned = {"status": ["initiated", "booked"], "userId": "1001", "limit": 3, "cursor": cursor}

    assert len(listed(api, **turned)["results"]) == 3
