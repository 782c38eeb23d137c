"""The start page: what waits for a decision, what is under way, the day in numbers, and how the systems are."""

import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import BookingEvent, BulkCancel, Heartbeat, Reconciliation, WebhookEndpoint
from bookings.models.payments import PaymentState
from bookings.office import tags
from bookings.office.upkeep.open_work import KINDS
from bookings.queries.bookings import pages
from bookings.queries.bookings.selection import Selection
from bookings.queries.upkeep import open_work
from bookings.queries.upkeep.start_page import Today, today
from tests.support.bookings import (
    a_call_row,
    a_dispute_row,
    a_notice_row,
    a_payment_comparison,
    a_payment_row,
    a_saved_row,
    an_exchange_row,
    an_owed_refund,
    many_rows,
)
from tests.support.bulk import start
from tests.support.calls import a_dead_payment, a_dead_refund
from tests.support.webhooks import an_endpoint

pytestmark = pytest.mark.django_db

START = "/admin/"


@pytest.fixture
def noon():
    """Noon of today: what happens around midnight is a test of its own."""
    return database_time().replace(hour=12, minute=30, second=0, microsecond=0)


def an_event_of(booking, what, at, reason=""):
    BookingEvent.objects.create(booking=booking, what=what, reason=reason, created_at=at, actor_kind="system")


def an_event(what, at, reason=""):
    booking = a_saved_row("cancelled", created_at=at - timedelta(days=9))
    an_event_of(booking, what, at, reason)


@pytest.mark.slow
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

    assert today(noon) == Today(made=2, paid=1, expired=1, cancelled=2)


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


def minutes_of(lines):
    return [None if line.age is None else line.age // timedelta(minutes=1) for line in lines]


def test_decisions_come_first_each_with_its_age_and_the_page_where_it_is_decided(admin_client, flights):
    now = database_time()
    call = a_call_row(created_at=now - timedelta(hours=2), state="dead", seats=5)
    booking = a_saved_row("pending", hold="stuck", created_at=now - timedelta(days=3))
    charge = a_dead_payment("cancelled", created_at=now - timedelta(hours=25))
    refund = a_dead_refund(created_at=now - timedelta(hours=24))

    answer = admin_client.get(START)

    assert [(each.name, each.address) for each in answer.context["decisions"]] == [
        (f"Seats of booking {booking.reference}: were they reserved?", f"/admin/bookings/booking/{booking.pk}/change/"),
        (
            f"Charge of {charge.money} for booking {charge.booking.reference}: was it made?",
            f"/admin/bookings/payment/{charge.pk}/change/",
        ),
        (
            f"Refund of {refund.money} for booking {refund.payment.booking.reference}: was it made?",
            f"/admin/bookings/refund/{refund.pk}/change/",
        ),
        (f"Call {call.pk} about flight 1: was it applied?", f"/admin/bookings/seatcall/{call.pk}/change/"),
    ]
    assert minutes_of(answer.context["decisions"]) == [4320, 1500, 1440, 120]
    page = answer.content.decode()
    assert page.index("Needs a decision") < page.index("Under way") < page.index("Today (UTC)")


def test_where_nothing_waits_for_a_decision_it_says_so(desk, flights):
    assert "Nothing waits for a decision." in desk.get(START).content.decode()


def test_the_longest_waiting_of_many_decisions_are_listed(desk, flights):
    now = database_time()
    for hours in range(1, 26):
        a_call_row(created_at=now - timedelta(hours=hours), state="dead")

    context = desk.get(START).context

    assert len(context["decisions"]) == 20
    assert str(context["to_decide"][0].count.text) == "25"


def test_what_is_under_way_is_counted_with_its_age(admin_client, flights):
    now = database_time()
    a_call_row(created_at=now - timedelta(minutes=3), seats=4)
    a_saved_row("pending", created_at=now - timedelta(minutes=9))
    an_owed_refund(created_at=now - timedelta(minutes=31))
    a_dispute_row(answer_by=None, opened_at=now - timedelta(days=9))
    a_notice_row(received_at=now - timedelta(minutes=4))
    a_failing_endpoint(since=now - timedelta(days=2))

    under_way = admin_client.get(START).context["under_way"]

    found = {str(line.name): (str(line.count.text), line.count.tone) for line in under_way}
    assert found == {
        "Reservations of unknown outcome": ("1", "warn"),
        "Seats not sent back yet": ("0", "good"),
        "Releases without an answer": ("1", "warn"),
        "Exchanges of unknown outcome": ("0", "good"),
        "Payments without an answer": ("0", "good"),
        "Payments that wait for the payer": ("0", "good"),
        "Disputes that a bank decides": ("1", "busy"),
        "Notices of payment gateways": ("1", "warn"),
        "Webhook endpoints that fail": ("1", "busy"),
        "Refunds due": ("1", "bad"),
        "Bulk cancellations under way": ("0", "good"),
    }
    assert minutes_of(under_way) == [9, None, 3, None, None, None, 9 * 24 * 60, 4, 2 * 24 * 60, 31, None]


@pytest.mark.parametrize(("minutes", "tone"), [(1, "busy"), (3, "warn"), (31, "bad")])
def test_a_call_without_an_answer_looks_worse_the_longer_it_waits(desk, flights, minutes, tone):
    a_call_row(created_at=database_time() - timedelta(minutes=minutes))

    line = next(line for line in desk.get(START).context["under_way"] if line.age is not None)

    assert line.count.tone == tone


def test_more_than_a_thousand_are_not_counted(desk, flights, monkeypatch):
    many_rows(4, "cancelled", hold="giving_back")
    monkeypatch.setattr(open_work, "MOST_COUNTED", 3)
    monkeypatch.setattr(tags, "MOST_COUNTED", 3)

    line = desk.get(START).context["under_way"][1]

    assert (str(line.name), str(line.count.text)) == ("Seats not sent back yet", "2+")


def rows_of(browser, address):
    """How many rows the tables of a page have."""
    answer = browser.get(address)
    assert answer.status_code == 200, address
    content = answer.content.decode().partition('<div id="content"')[2]
    return sum(table.count("<tr") for table in re.findall(r"(?s)<tbody>.*?</tbody>", content))


def a_failing_endpoint(number=1, *, since):
    endpoint = an_endpoint(f"https://hooks.example.org/{number}").endpoint
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failures=3, failing_since=since)
    return endpoint


def make_work():
    """Rows of every kind, of each another number, and beside them what has ended."""
    now = database_time()
    many_rows(1, "pending", hold="stuck")
    for state, count in (("dead", 2), ("open", 3), ("done", 1)):
        for _ in range(count):
            call = a_call_row(state=state)
    a_saved_row("cancelled", hold="giving_back", give_back=call)
    for count, state in enumerate(("dead", "processing", "refund_due", "succeeded", "refunded", "failed"), 3):
        for _ in range(count):
            booking = a_saved_row("cancelled" if state.startswith("refund") else "initiated")
            a_payment_row(booking, PaymentState(state))
    for state in ("dead", "failed"):
        an_owed_refund(state)
    many_rows(7, "pending")
    many_rows(8, "cancelled", hold="giving_back")
    for state in ("stuck", "asking", "asking", "done"):
        an_exchange_row(a_saved_row(), state=state)
    columns_of_bulks = [{}, {}, {"finished_at": now}, *[{"approval": "waiting"}] * 3]
    for flight, columns in enumerate(columns_of_bulks, 21):
        a_saved_row(flight_id=flight)
        BulkCancel.objects.filter(pk=start(Selection(flight=flight)).pk).update(**columns)
    for at, drift in ((2, [{"flight": 7, "held": 4, "taken": 6}]), (1, [{"flight": 8, "held": 4, "taken": 6}])):
        columns = {"flights_compared": 3, "flights_skipped": 1, "seats_held": 4, "seats_taken": 6}
        Reconciliation.objects.create(finished_at=now - timedelta(hours=at), drift=drift, **columns)
    for number in range(3):
        waits = a_saved_row("initiated", payment_state="pending")
        a_payment_row(waits, PaymentState.PROCESSING, step="payer")
        a_dispute_row(number, **({"answer_by": None} if number == 2 else {}))
        a_notice_row(number, **({"state": "done"} if number == 2 else {}))
        endpoint = a_failing_endpoint(number, since=now)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state="paused")
    a_payment_comparison(hours=1, differences=[{"kind": "money", "gateway": "fake"}] * 2)
    for count, (what, reason) in enumerate(
        (("booked", ""), ("cancelled", "expired"), ("cancelled", "fraud"), ("cancelled", "no_seats")), 2
    ):
        for _ in range(count):
            an_event(what, now, reason)
            an_event(what, now - timedelta(days=1), reason)


@pytest.mark.slow
def test_every_number_leads_to_the_list_of_exactly_these_rows(admin_client, flights, monkeypatch):
    monkeypatch.setattr(pages.page_of, "__kwdefaults__", {**pages.page_of.__kwdefaults__, "size": 100})
    make_work()

    context = admin_client.get(START).context

    lines = [*context["to_decide"], *context["under_way"]]
    counts = {str(line.name): int(line.count.text) for line in lines}
    assert counts == {
        "Stuck reservations": 1,
        "Dead releases": 2,
        "Stuck exchanges of seats": 1,
        "Dead charges": 3,
        "Refunds that failed or are dead": 2,
        "Seats that differ": 1,
        "Disputes to answer": 2,
        "Payments that differ": 1,
        "Bulk cancellations to approve": 3,
        "Reservations of unknown outcome": 7,
        "Seats not sent back yet": 8,
        "Releases without an answer": 3,
        "Exchanges of unknown outcome": 2,
        "Payments without an answer": 4,
        "Payments that wait for the payer": 3,
        "Disputes that a bank decides": 1,
        "Notices of payment gateways": 2,
        "Webhook endpoints that fail": 2,
        "Refunds due": 5,
        "Bulk cancellations under way": 2,
    }
    assert counts.keys() == {str(kind.name) for kind in KINDS.values()}
    assert {str(line.name): rows_of(admin_client, line.address) for line in lines} == counts
    today_is = {str(name): number for name, number, _address in context["today"]}
    assert {**today_is, "Bookings made": None} == {
        "Bookings made": None,
        "Paid": 2,
        "Expired": 3,
        "Cancelled by people": 4,
    }
    assert {str(name): rows_of(admin_client, address) for name, _number, address in context["today"]} == today_is


def test_the_last_comparison_waits_for_nothing_once_a_later_one_agrees(desk, flights):
    now = database_time()
    columns = {"flights_compared": 3, "flights_skipped": 1, "seats_held": 4, "seats_taken": 6}
    for hours, drift in ((2, [{"flight": 7, "held": 4, "taken": 6}]), (1, [])):
        Reconciliation.objects.create(finished_at=now - timedelta(hours=hours), drift=drift, **columns)

    assert desk.get(START).context["decisions"] == []


def test_it_shows_only_what_its_reader_may_open(at_desk, flights):
    a_dead_payment("cancelled")
    a_call_row(state="dead")

    context = at_desk("bookings.view_booking", "bookings.view_payment").get(START).context

    assert [str(line.name) for line in context["to_decide"]] == ["Dead charges"]
    assert [each.name[:6] for each in context["decisions"]] == ["Charge"]
    assert [str(line.name) for line in context["under_way"]] == [
        "Seats not sent back yet",
        "Payments without an answer",
        "Payments that wait for the payer",
    ]


def test_it_leads_to_what_was_typed_and_not_sent(desk, flights):
    session = desk.session
    session["unsent"] = {"page": "/admin/bookings/booking/1/cancel/", "fields": "note=typed", "at": int(time.time())}
    session.save()

    assert 'href="/admin/bookings/booking/1/cancel/"' in desk.get(START).content.decode()


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
    assert "You need the right to see bookings to see what waits." in answer.content.decode()


def test_the_pages_stand_in_the_order_of_the_work(desk, flights):
    names = ("view_schedule", "view_user", "view_apikey", "view_payment")
    user = desk.get(START).context["user"]
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))

    apps = desk.get(START).context["app_list"]

    assert [str(app["name"]) for app in apps] == ["Bookings", "Background work", "People"]
    assert [model["object_name"] for model in apps[0]["models"]] == ["Booking", "SeatCall", "Payment", "ApiKey"]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 30])
def test_it_costs_a_fixed_number_of_statements(desk, flights, django_assert_num_queries, rows):
    many_rows(rows, BookingStatus.INITIATED)
    many_rows(rows, "pending", hold="stuck")
    for _ in range(rows):
        a_call_row(state="dead")
    desk.get(START)

    with django_assert_num_queries(14):
        desk.get(START)
