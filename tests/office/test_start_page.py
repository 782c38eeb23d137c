"""The start page: the day in numbers, and what is not as it should be."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import BookingEvent, Heartbeat, Reconciliation
from bookings.queries.upkeep.start_page import hours_until, today_of
from tests.support.bookings import a_call_row, a_row, a_saved_row, many_rows

pytestmark = pytest.mark.django_db

START = "/admin/"


@pytest.fixture
def noon():
    """Noon of today: what happens around midnight is a test of its own."""
    return database_time().replace(hour=12, minute=30, second=0, microsecond=0)


def an_event(what, at, reason=""):
    booking = a_saved_row("cancelled", created_at=at - timedelta(days=9))
    return BookingEvent.objects.create(booking=booking, what=what, reason=reason, created_at=at, actor_kind="system")


def test_a_day_is_counted_hour_by_hour(noon):
    a_saved_row(created_at=noon)
    a_saved_row(created_at=noon - timedelta(hours=23))
    a_saved_row(created_at=noon - timedelta(hours=24))
    turned_away = a_saved_row("cancelled", created_at=noon, cancel_reason="no_seats")
    BookingEvent.objects.create(
        booking=turned_away, what="cancelled", reason="no_seats", created_at=noon, actor_kind="system"
    )
    an_event("booked", noon)
    an_event("cancelled", noon, "expired")
    an_event("cancelled", noon, "customer_request")
    an_event("cancelled", noon - timedelta(hours=1), "fraud")
    an_event("noted", noon)

    hours = hours_until(noon)

    assert len(hours) == 24
    numbers = [(hour.begin.hour, hour.held, hour.paid, hour.expired, hour.cancelled) for hour in hours]
    assert numbers[0] == (13, 1, 0, 0, 0)
    assert numbers[-2:] == [(11, 0, 0, 0, 1), (12, 1, 1, 1, 1)]


def test_today_begins_at_midnight(noon):
    midnight = noon.replace(hour=0, minute=0)
    an_event("booked", midnight)
    an_event("booked", midnight - timedelta(seconds=1))

    assert today_of(hours_until(noon), noon).paid == 1


def test_the_picture_has_its_numbers_in_a_table_and_no_style(desk, flights):
    many_rows(3)

    page = desk.get(START).content.decode()

    begin = page.index("<svg viewBox")
    svg = page[begin : page.index("</svg>", begin)]
    assert "<title id=" in svg
    assert "<desc id=" in svg
    assert "style=" not in svg
    assert len(re.findall("<rect", svg)) == 1
    assert page.count('<tr><th scope="row"><time') == 24


def test_it_says_how_the_flight_service_and_the_worker_are(desk, flights):
    Heartbeat.objects.create(name="sweep", finished_at=database_time() - timedelta(seconds=5))

    context = desk.get(START).context

    assert str(context["flight_service"][0].text) == "Answers"
    assert str(context["worker"][0].text) == "Runs"


def test_it_says_when_they_are_silent(desk, flights):
    flights.down = True
    Heartbeat.objects.create(name="sweep", finished_at=database_time() - timedelta(minutes=5))

    page = desk.get(START).content.decode()

    assert "Does not answer" in page
    assert "Silent" in page
    assert "last went through 5 min ago" in page


def test_a_service_that_knows_no_such_flight_answers(desk, flights):
    flights.remove_flight(1)

    assert str(desk.get(START).context["flight_service"][0].text) == "Answers"


def test_a_service_that_keeps_failing_is_not_asked_by_the_page_either(desk, flights):
    flights.resting = True

    page = desk.get(START).content.decode()

    assert "Not asked" in page
    assert "it failed 5 times, next try in 3 s" in page
    assert flights.calls.total() == 0


def test_it_counts_calls_and_their_ages(desk, flights):
    now = database_time()
    a_call_row(created_at=now - timedelta(minutes=3), seats=4)
    a_call_row(created_at=now - timedelta(hours=2), state="dead", seats=5)
    a_saved_row("pending", created_at=now - timedelta(minutes=9))
    a_saved_row("pending", hold="stuck", created_at=now - timedelta(days=3))

    context = desk.get(START).context

    assert [(str(badge.text), badge.tone) for _, badge, _ in context["calls"]] == [
        ("1", "busy"),
        ("1", "bad"),
        ("1", "warn"),
        ("1", "bad"),
    ]
    assert [age // timedelta(minutes=1) for *_, age in context["calls"]] == [3, 120, 9, 4320]
    assert context["seats_owed"] == 9


def test_it_shows_the_last_comparison_of_seats(desk, flights):
    now = database_time()
    for minutes, held in ((90, 1), (30, 1234)):
        Reconciliation.objects.create(
            finished_at=now - timedelta(minutes=minutes),
            flights_compared=3,
            flights_skipped=1,
            seats_held=held,
            seats_taken=1236,
            drift=[{"flight": 7, "held": 4, "taken": 6}],
        )

    page = desk.get(START).content.decode()

    assert "1,234" in page
    assert "1,236" in page
    assert "flight 7: 4 held here, 6 taken there" in page


def test_before_the_first_comparison_it_says_so(desk, flights):
    assert "never yet" in desk.get(START).content.decode()


def test_who_may_not_see_bookings_gets_no_numbers(at_desk, flights):
    answer = at_desk("auth.view_user").get(START)

    assert answer.status_code == 200
    assert "today" not in answer.context
    assert "The numbers of the day are for those who may see bookings." in answer.content.decode()


def test_the_pages_stand_in_the_order_of_the_work(desk, flights):
    names = ("view_schedule", "view_user", "view_apikey", "view_payment")
    user = desk.get(START).context["user"]
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))

    apps = desk.get(START).context["app_list"]

    assert [str(app["name"]) for app in apps] == ["Bookings", "Background work", "People"]
    assert [model["object_name"] for model in apps[0]["models"]] == ["Booking", "SeatCall", "Payment", "ApiKey"]


@pytest.mark.parametrize("rows", [1, 30])
def test_it_costs_a_fixed_number_of_statements(desk, flights, django_assert_num_queries, rows):
    many_rows(rows, BookingStatus.INITIATED)
    a_row()
    desk.get(START)

    with django_assert_num_queries(18):
        desk.get(START)
