"""Activity: who did what on a day, and all of what happened to a booking or in a request."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.models import BookingEvent, SeatCallEvent
from bookings.queries.bookings import activity
from tests.support.bookings import a_call_row, a_saved_row
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

ACTIVITY = "/admin/bookings/bookingevent/"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = "2026-03-02"


@pytest.fixture
def desk():
    return desk_of(a_person("anna", group="Support"))


def an_event(what="noted", name="anna", *, at=NOON, kind="staff", booking=None, **columns):
    event = BookingEvent(
        booking=booking or a_saved_row(), what=what, actor_kind=kind, actor_name=name, created_at=at, **columns
    )
    event.save()
    return event


def a_decision(what="applied", name="anna", *, at=NOON, **columns):
    decision = SeatCallEvent(
        seat_call=a_call_row(), what=what, actor_kind="staff", actor_name=name, note="why", created_at=at, **columns
    )
    decision.save()
    return decision


def page(desk, **query):
    answer = desk.get(ACTIVITY, query)
    assert answer.status_code == 200
    return answer


def shown(desk, **query):
    return page(desk, **query).context["events"]


def counted(desk, **query):
    return [
        (name, count, {kind: part for kind, _text, part in kinds})
        for name, count, kinds in page(desk, **query).context["colleagues"]
    ]


@pytest.mark.slow
def test_a_day_shows_what_staff_did_on_it_newest_first_and_nothing_of_other_days(desk):
    first, last = an_event(at=NOON.replace(hour=0)), an_event(at=NOON.replace(hour=23, minute=59, microsecond=999999))
    for at in (NOON.replace(hour=0) - timedelta(microseconds=1), NOON.replace(hour=0) + timedelta(days=1)):
        an_event(at=at)
    an_event("booked", "1001", kind="customer")
    an_event("cancelled", "worker", kind="system", reason="expired")

    assert shown(desk, day=DAY) == [last, first]


@pytest.mark.slow
def test_without_a_day_it_is_today(desk):
    an_event(at=database_time() - timedelta(days=1))
    today = an_event(at=database_time())

    assert shown(desk) == [today]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"who": "staff"}, ["anna", "ben"]),
        ({"who": "customer"}, ["1001"]),
        ({"who": "service"}, ["gate agent"]),
        ({"who": "system"}, ["worker"]),
        ({"who": "all"}, ["1001", "anna", "ben", "gate agent", "worker"]),
        ({"by": "ben"}, ["ben"]),
        ({"by": "1001"}, []),
        ({"by": "1001", "who": "all"}, ["1001"]),
        ({"kind": "noted"}, ["ben"]),
        ({"kind": "cancelled", "who": "all"}, ["1001", "anna", "gate agent", "worker"]),
        ({"kind": "cancelled", "by": "anna"}, ["anna"]),
    ],
    ids=str,
)
def test_filters_choose_who_and_what(desk, query, names):
    an_event("cancelled", "anna", reason="fraud")
    an_event("noted", "ben")
    an_event("cancelled", "1001", kind="customer", reason="customer_request")
    an_event("cancelled", "gate agent", kind="service", reason="duplicate")
    an_event("cancelled", "worker", kind="system", reason="expired")

    assert sorted(event.actor_name for event in shown(desk, day=DAY, **query)) == names


@pytest.mark.slow
def test_decisions_about_calls_stand_among_the_events(desk):
    events = [an_event(at=NOON), a_decision(at=NOON + timedelta(seconds=1)), an_event(at=NOON + timedelta(seconds=2))]

    answer = page(desk, day=DAY)

    assert answer.context["events"] == events[::-1]
    call = events[1].seat_call_id
    assert f'href="/admin/bookings/seatcall/{call}/change/">call {call}</a>' in answer.content.decode()
    assert "Decided: it was applied" in text_of(answer)
    assert shown(desk, day=DAY, kind="applied") == [events[1]]


def test_who_may_not_see_decisions_sees_the_events_alone(at_desk):
    event = an_event()
    a_decision()
    desk = at_desk("bookings.view_bookingevent", name="otto")

    assert (shown(desk, day=DAY), counted(desk, day=DAY)) == ([event], [("anna", 1, {"noted": 1})])


@pytest.mark.slow
def test_colleagues_are_counted_by_kind_the_busiest_first_and_each_number_leads_there(desk):
    for what, name in (("noted", "anna"), ("noted", "ben"), ("cancelled", "ben"), ("noted", "ben")):
        an_event(what, name, reason="fraud" if what == "cancelled" else "")
    a_decision("retried", "anna")
    an_event("booked", "1001", kind="customer")
    an_event("noted", "carl", at=NOON + timedelta(days=1))

    answer = page(desk, day=DAY)

    assert counted(desk, day=DAY) == [
        ("ben", 3, {"noted": 2, "cancelled": 1}),
        ("anna", 2, {"noted": 1, "retried": 1}),
    ]
    assert "ben 3: Note 2, Cancelled 1" in text_of(answer)
    assert f'href="?day={DAY}&amp;by=ben&amp;kind=noted">Note 2</a>' in answer.content.decode()
    assert counted(desk, day=DAY, by="anna") == [("anna", 2, {"noted": 1, "retried": 1})]


@pytest.mark.slow
@pytest.mark.parametrize("query", [{"who": "all"}, {"who": "customer"}, {"q": "req-1"}], ids=str)
def test_colleagues_are_counted_where_it_is_about_staff_alone(desk, query):
    an_event(request_id="req-1")

    assert counted(desk, day=DAY, **query) == []


@pytest.mark.slow
def test_counting_ends_somewhere_and_says_so(desk, monkeypatch):
    monkeypatch.setattr(activity, "MOST_COUNTED", 2)
    monkeypatch.setattr("bookings.office.bookings.activity.MOST_COUNTED", 2)
    for _ in range(3):
        an_event()

    assert counted(desk, day=DAY) == [("anna", 2, {"noted": 2})]
    assert "There is more than is counted here." in text_of(page(desk, day=DAY))


@pytest.mark.slow
def test_my_day_and_the_other_views_are_links_and_say_which_is_shown(desk):
    tabs = page(desk, by="anna").context["tabs"]

    assert [(str(tab.text), tab.address, tab.is_current) for tab in tabs] == [
        ("My day", f"{ACTIVITY}?by=anna", True),
        ("Today by colleague", ACTIVITY, False),
        ("Everything today", f"{ACTIVITY}?who=all", False),
    ]
    for number, tab in enumerate(tabs):
        assert [other.is_current for other in desk.get(tab.address).context["tabs"]].index(True) == number


@pytest.mark.slow
def test_one_goes_from_day_to_day_and_not_beyond_today(desk):
    days = page(desk, day=DAY, by="anna")
    today = page(desk)

    assert days.context["neighbors"] == {"before": "2026-03-01", "after": "2026-03-03"}
    assert 'href="?by=anna&amp;day=2026-03-01"' in days.content.decode()
    assert list(today.context["neighbors"]) == ["before"]
    assert list(page(desk, day="2000-01-01").context["neighbors"]) == ["after"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_its_pages_have_every_event_once_however_many_have_the_same_time(desk, size):
    made = []
    for at in (NOON, NOON, NOON + timedelta(microseconds=1)):
        made += [an_event(at=at), a_decision(at=at), an_event(at=at)]
    question = activity.Question(day=NOON.date(), who="staff")

    found, place = [], None
    while True:
        read = activity.activity_of(question, older_than=place, size=size)
        found += read.events
        place = read.older_than
        if place is None:
            break

    assert sorted(found, key=activity.place_of, reverse=True) == found
    assert sorted(map(activity.place_of, found)) == sorted(map(activity.place_of, made))


@pytest.mark.slow
def test_a_page_leads_to_the_next_one_and_back(desk, monkeypatch):
    monkeypatch.setattr(activity.activity_of, "__kwdefaults__", {**activity.activity_of.__kwdefaults__, "size": 2})
    events = [an_event(at=NOON + timedelta(microseconds=number)) for number in range(3)]

    first = page(desk, day=DAY)
    second = page(desk, day=DAY, older=first.context["older"])

    assert (first.context["events"], second.context["events"]) == ([events[2], events[1]], [events[0]])
    assert f'href="?day={DAY}&amp;older={first.context["older"]}" rel="next">Older' in first.content.decode()
    assert f'href="?day={DAY}" rel="first">Newest' in second.content.decode()


@pytest.mark.slow
def test_a_booking_and_a_request_have_all_of_their_events_of_any_day(desk):
    booking = a_saved_row(reference="QD7T4XKZ")
    events = [
        an_event("booked", "1001", kind="customer", booking=booking, request_id="req-1"),
        an_event(booking=booking, at=NOON + timedelta(days=9), request_id="req-2"),
    ]
    decision = a_decision(request_id="req-2", at=NOON + timedelta(days=10))
    an_event()

    assert shown(desk, q="qd7t 4xkz") == events[::-1]
    assert shown(desk, q="req-1") == [events[0]]
    assert shown(desk, q="req-2") == [decision, events[1]]
    assert shown(desk, q="QD7T4XKZ", kind="noted") == [events[1]]
    assert shown(desk, q="QD7T4XKZ", day=DAY, who="staff") == []


@pytest.mark.slow
def test_a_line_has_its_booking_reason_note_and_request(desk):
    event = an_event("cancelled", reason="fraud", note="two\nlines", request_id="req-7")

    answer = page(desk, day=DAY)

    content = answer.content.decode()
    assert f'href="/admin/bookings/booking/{event.booking_id}/change/">{event.booking.reference}</a>' in content
    assert "2026-03-02 12:00:00 Cancelled: fraud staff anna two lines req-7" in text_of(answer)
    assert 'href="?q=req-7">req-7</a>' in content


@pytest.mark.slow
def test_it_costs_as_many_statements_with_many_events_as_with_one(desk):
    counts = []
    for rows in (1, 12):
        for _ in range(rows):
            an_event()
            a_decision()
        desk.get("/admin/password_change/")  # the first page of a session writes to it
        with CaptureQueriesContext(connection) as captured:
            page(desk, day=DAY)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_who_may_not_see_events_is_told_so(at_desk):
    an_event(note="a canary")

    answer = at_desk("bookings.view_booking").get(ACTIVITY, {"day": DAY})

    assert answer.status_code == 403
    assert "bookings.view_bookingevent" in answer.content.decode()
    assert "canary" not in answer.content.decode()


def test_a_place_beyond_any_number_of_the_database_is_answered(desk):
    assert shown(desk, day=DAY, older="9" * 16 + ".0." + "9" * 19) == []
