"""The start page: the day in numbers, and what is not as it should be."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import BookingEvent, Heartbeat, Reconciliation
from bookings.queries.upkeep.start_page import Today, today
from tests.support.bookings import a_call_row, a_row, a_saved_row, many_rows
from tests.support.calls import a_dead_payment

pytestmark = pytest.mark.django_db

START = "/admin/"


@pytest.fixture
def noon():
    """Noon of today: what happens around midnight is a test of its own."""
    return database_time().replace(hour=12, minute=30, second=0, microsecond=0)


def an_event(what, at, reason=""):
    booking = a_saved_row("cancelled", created_at=at - timedelta(days=9))
    return BookingEvent.objects.create(booking=booking, what=what, reason=reason, created_at=at, actor_kind="system")


def test_a_day_is_counted(noon):
    a_saved_row(created_at=noon)
    a_saved_row(created_at=noon - timedelta(hours=13))
    a_saved_row("cancelled", created_at=noon, cancel_reason="no_seats")
    an_event("cancelled", noon, "no_seats")
    an_event("booked", noon)
    an_event("cancelled", noon, "expired")
    an_event("cancelled", noon, "customer_request")
    an_event("cancelled", noon - timedelta(hours=1), "fraud")
    an_event("noted", noon)

    assert today(noon) == Today(held=1, paid=1, expired=1, cancelled=2)


def test_a_day_begins_at_midnight(noon):
    midnight = noon.replace(hour=0, minute=0)
    an_event("booked", midnight)
    an_event("booked", midnight - timedelta(seconds=1))

    assert today(noon).paid == 1


def test_it_says_how_the_flight_service_and_the_worker_are(desk, flights):
    Heartbeat.objects.create(name="pass", finished_at=database_time() - timedelta(seconds=5))

    context = desk.get(START).context

    assert str(context["flight_service"][0].text) == "Answers"
    assert str(context["worker"][0].text) == "Runs"


def test_it_says_when_they_are_silent(desk, flights):
    flights.down = True
    Heartbeat.objects.create(name="pass", finished_at=database_time() - timedelta(minutes=5))

    page = desk.get(START).content.decode()

    assert "Does not answer" in page
    assert "Silent" in page
    assert "last finished 5 min ago" in page


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
    a_dead_payment("cancelled", created_at=now - timedelta(hours=25))
    a_dead_payment("cancelled", "refund_dead", created_at=now - timedelta(hours=24))

    context = desk.get(START).context

    assert [(str(badge.text), badge.tone) for *_, badge, _ in context["calls"]] == [
        ("1", "warn"),
        ("1", "bad"),
        ("1", "warn"),
        ("1", "bad"),
        ("2", "bad"),
    ]
    assert [age // timedelta(minutes=1) for *_, age in context["calls"]] == [3, 120, 9, 4320, 1500]
    assert [page for _, page, *_ in context["calls"]] == [
        *["/admin/bookings/seatcall/"] * 4,
        "/admin/bookings/payment/?needs=decision",
    ]
    assert context["seats_owed"] == 9


@pytest.mark.parametrize(("minutes", "tone"), [(1, "busy"), (3, "warn"), (31, "bad")])
def test_a_call_without_an_answer_looks_worse_the_longer_it_waits(desk, flights, minutes, tone):
    a_call_row(created_at=database_time() - timedelta(minutes=minutes))

    assert desk.get(START).context["calls"][0][2].tone == tone


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
    assert "You need the right to see bookings to see the numbers of the day." in answer.content.decode()


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

    with django_assert_num_queries(19):
        desk.get(START)
