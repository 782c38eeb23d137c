"""GET /events: what has happened, without gaps, for services that keep up by asking."""

import pytest

from bookings.actor import Scope
from bookings.models import Announcement
from bookings.queries import announcements
from tests.support.announcements import announce, told_of
from tests.support.api import refused, shown
from tests.support.bookings import a_cancelled_booking, an_initiated_booking
from tests.support.callers import CallerApi, a_service_key, a_token

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/events"


def read(api, address=EVENTS, **query):
    return shown(api.get(address, query))


def followed(api, address=EVENTS, **query):
    """Follow `next` until there is no more; give the pages, and the address to go on with."""
    pages = [read(api, address, **query)]
    while pages[-1]["hasMore"]:
        pages.append(shown(api.client.get(pages[-1]["next"])))
    return [page["results"] for page in pages], pages[-1]["next"]


def test_it_lists_what_has_happened_oldest_first_and_goes_on_from_there(api, flights):
    first, second = an_initiated_booking(flights), a_cancelled_booking(flights)
    announce()

    page = read(api)

    assert page["results"] == [*told_of(first), *told_of(second)]
    assert (page["hasMore"], page["next"]) == (False, f"http://testserver{EVENTS}?after={page['results'][-1]['id']}")
    assert shown(api.client.get(page["next"])) == {"results": [], "next": page["next"], "hasMore": False}
    third = an_initiated_booking(flights)
    announce()
    assert shown(api.client.get(page["next"]))["results"] == told_of(third)


def test_where_nothing_has_happened_the_same_address_is_asked_again(api):
    assert read(api) == {"results": [], "next": f"http://testserver{EVENTS}", "hasMore": False}


def test_pages_follow_each_other_without_a_gap_and_end_where_there_is_no_more(api, flights):
    bookings = [an_initiated_booking(flights) for _ in range(5)]
    announce()

    pages, _ = followed(api, limit=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [event["data"]["booking"]["id"] for page in pages for event in page] == [booking.pk for booking in bookings]
    assert [len(page) for page in followed(api, limit=5)[0]] == [5]


@pytest.mark.slow
def test_a_list_of_some_types_goes_past_the_others_and_never_reads_them_again(api, flights, monkeypatch):
    monkeypatch.setattr(announcements, "LOOKED_AT_FOR_TYPES", 4)
    bookings = [an_initiated_booking(flights) for _ in range(9)]
    ended = a_cancelled_booking(flights)
    announce()

    pages, go_on = followed(api, types="booking.cancelled")

    # Four are looked at for each page: of eleven the last one alone is of this type.
    assert [[event["type"] for event in page] for page in pages] == [[], [], ["booking.cancelled"]]
    assert (
        go_on.endswith(f"after={told_of(ended)[-1]['id']}&types=booking.cancelled")
        or "types=booking.cancelled" in go_on
    )
    both = read(api, types=["booking.cancelled", "booking.held"], limit=3)
    assert [event["data"]["booking"]["id"] for event in both["results"]] == [each.pk for each in bookings[:3]]
    assert both["hasMore"] is True


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "evt_1"}, "after"),
        ({"after": "evt_" + "0" * 32}, "after"),
        ({"types": "booking.made"}, "types"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"before": "1"}, "before"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_its_name(api, query, field):
    answer = api.get(EVENTS, query)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == [field]


def test_only_a_service_that_may_read_bookings_too_reads_it(token_auth):
    read_only, hooks = Scope.BOOKINGS_READ, Scope.WEBHOOKS_MANAGE
    keys = [a_service_key(read_only), a_service_key(hooks), a_service_key(read_only, hooks)]

    answers = [CallerApi(token).get(EVENTS) for token in (a_token(1001), *keys)]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 200]
    assert 'scope="webhooks:manage"' in answers[1].headers["WWW-Authenticate"]
    assert 'scope="bookings:read"' in answers[2].headers["WWW-Authenticate"]


@pytest.mark.server
@pytest.mark.parametrize("rows", [1, 3])
def test_a_page_costs_a_fixed_number_of_statements(api, flights, rows, django_assert_num_queries):
    for _ in range(rows + 2):
        an_initiated_booking(flights)
    announce()
    after = Announcement.objects.order_by("pk").values_list("key", flat=True)[0]

    with django_assert_num_queries(3):
        page = read(api, after=after, limit=rows)

    assert len(page["results"]) == rows
