"""The list of bookings: what it shows, what its filters and quick views choose, and how it is paged."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent
from bookings.office.addresses import query_string_of, selection_in
from bookings.queries.bookings import pages, selection
from bookings.queries.bookings.selection import midnight
from tests.support.bookings import a_call_row, a_payment_row, a_saved_row, many_rows
from tests.support.calls import a_dead_payment, a_dead_refund
from tests.support.people import text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/bookings/booking/"


def shown(answer):
    """The references that a page of the list shows, in its order."""
    return [line.booking.reference for line in answer.context["lines"]]


def listed(desk, **query):
    return shown(desk.get(LIST, query))


def line_of(desk):
    (line,) = desk.get(LIST).context["lines"]
    return line.time_left, [(str(flag.text), flag.tone) for flag in line.flags]


def test_a_booking_is_a_line_with_its_money_and_a_link(desk):
    booking = a_saved_row(flight_id=7, user_id=1001, no_of_seats=3, seat_price=5000)

    page = desk.get(LIST).content.decode()

    assert f'href="/admin/bookings/booking/{booking.pk}/change/">{booking.reference}</a>' in page
    assert "15,000 XXX" in page
    assert "Awaiting payment</span>" in page


def test_an_unpaid_booking_says_how_long_it_has(desk):
    expires_at = database_time() + timedelta(minutes=6, seconds=30)
    a_saved_row(expires_at=expires_at)

    time_left, flags = line_of(desk)
    assert time_left == (
        f'to be paid by <time datetime="{expires_at.isoformat()}">{expires_at:%H:%M}</time>, 6 min left'
    )
    assert flags == []


def test_one_whose_window_has_closed_says_that_it_expires(desk):
    a_saved_row(created_at=database_time() - timedelta(minutes=16))

    assert line_of(desk) == ("window closed, expires at the next pass", [])


def test_one_that_is_being_paid_says_so(desk):
    a_payment_row(a_saved_row())

    assert line_of(desk) == ("a payment is being settled", [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "flag"),
    [
        ({"status": "cancelled", "hold": "stuck"}, ("Seats stuck: needs a decision", "bad")),
        ({"status": "cancelled", "hold": "asking"}, ("Outcome unknown for 20 min", "warn")),
        ({"status": "cancelled", "hold": "giving_back"}, ("Seats owed for 20 min", "warn")),
        ({"status": "booked", "cancel_requested": True}, ("Cancellation asked for", "warn")),
    ],
    ids=lambda value: value.get("hold", "flag") if isinstance(value, dict) else "",
)
def test_what_needs_a_look_is_said_in_words(desk, columns, flag):
    a_saved_row(**columns, created_at=database_time() - timedelta(minutes=20, seconds=5))

    assert line_of(desk)[1] == [flag]


@pytest.mark.slow
def test_what_is_not_yet_late_needs_no_look(desk):
    a_saved_row("cancelled", hold="asking")
    a_saved_row("cancelled", hold="giving_back")

    assert [line.flags for line in desk.get(LIST).context["lines"]] == [[], []]


@pytest.mark.slow
def test_a_dead_release_and_a_refund_that_is_due_are_flags(desk):
    booking = a_saved_row("cancelled", hold="giving_back", give_back=a_call_row(state="dead"))
    a_payment_row(booking, "refund_due")

    assert line_of(desk)[1] == [("Release dead: needs a decision", "bad"), ("Refund due", "warn")]


@pytest.fixture
def one_of_each(db):
    """For each quick view a booking that is in it, by the view's name."""
    now = database_time()
    refund = a_saved_row("cancelled")
    a_payment_row(refund, "refund_due")
    today, yesterday = a_saved_row("cancelled"), a_saved_row("cancelled")
    for booking, at in ((today, midnight(now)), (yesterday, midnight(now) - timedelta(seconds=1))):
        BookingEvent.objects.create(booking=booking, what="cancelled", created_at=at, actor_kind="system")
    a_saved_row("cancelled", hold="giving_back", give_back=a_call_row(state="done", flight_id=9))
    a_saved_row("booked")
    return {
        "expiring": [a_saved_row(expires_at=now + timedelta(minutes=4))],
        "awaiting_payment": [a_saved_row()],
        "not_given_back": [
            a_saved_row("cancelled", hold="giving_back"),
            a_saved_row("cancelled", hold="giving_back", give_back=a_call_row()),
            a_saved_row("cancelled", hold="giving_back", give_back=a_call_row(state="dead")),
        ],
        "unknown": [a_saved_row("pending")],
        "refund_due": [refund],
        "cancelled_today": [today],
    }


def test_what_is_replaced_and_still_paid_is_a_view_of_what_was_paid_twice(desk, monkeypatch):
    old = [a_saved_row("booked") for _ in range(4)]
    a_saved_row("booked", replaces_id=old[0].pk)
    a_saved_row("booked", replaces_id=old[0].pk)
    a_saved_row("cancelled", hold="refused", replaces_id=old[1].pk)
    a_saved_row(replaces_id=old[2].pk)
    a_saved_row("booked", replaces_id=a_saved_row("cancelled", hold="refused").pk)

    assert listed(desk, view="replaced_paid") == [old[0].reference]
    (tab,) = [tab for tab in desk.get(LIST).context["tabs"] if tab.text == "Replaced and still paid"]
    assert (tab.count, tab.address) == ("1", f"{LIST}?view=replaced_paid")
    # It looks behind those that were replaced last, and no others.
    monkeypatch.setattr(selection, "MOST_REPLACED", 3)
    assert listed(desk, view="replaced_paid") == []


@pytest.mark.slow
@pytest.mark.parametrize("view", ["expiring", "not_given_back", "unknown", "refund_due", "cancelled_today"])
def test_a_quick_view_has_its_bookings_and_no_others(desk, one_of_each, view):
    expected = [booking.reference for booking in reversed(one_of_each[view])]

    assert listed(desk, view=view) == expected
    assert listed(desk, view=view, user="1001") == expected
    assert listed(desk, view=view, user="9") == []


def test_what_expires_soon_awaits_payment_as_well(desk, one_of_each):
    expected = one_of_each["expiring"] + one_of_each["awaiting_payment"]

    assert listed(desk, view="awaiting_payment") == [booking.reference for booking in reversed(expected)]


@pytest.mark.slow
def test_the_quick_views_are_counted(desk, one_of_each):
    a_saved_row("pending", hold="stuck")
    a_dead_payment("cancelled")
    a_dead_refund()

    tabs = {str(tab.text): tab.count for tab in desk.get(LIST).context["tabs"]}

    assert tabs == {
        "All": "",
        "Awaiting payment": "2",
        "Expiring in 5 min": "1",
        "Seats not given back yet": "3",
        "Unknown outcome": "1",
        "Dead calls": "2",
        "Dead payments": "1",
        "Refunds failed or dead": "1",
        "Refund due": "1",
        "Replaced and still paid": "0",
        "Cancelled today": "1",
        "Cases due": "0",
        "Cases free to take": "0",
    }


@pytest.mark.slow
def test_more_than_a_thousand_are_not_counted(desk):
    many_rows(1_001)

    context = desk.get(LIST).context

    assert context["count"] == "1,000+"
    assert desk.get(LIST + context["older"]).context["count"] == "1,000+"
    assert [tab.count for tab in context["tabs"]][1] == "999+"


@pytest.mark.slow
def test_filters_choose_together(desk):
    meant = a_saved_row("cancelled", flight_id=7, user_id=5, cancel_reason="fraud")
    a_saved_row("cancelled", flight_id=7, user_id=5)
    a_saved_row("cancelled", flight_id=7, user_id=6, cancel_reason="fraud")
    a_saved_row("cancelled", flight_id=8, user_id=5, cancel_reason="fraud")

    assert listed(desk, status="cancelled", flight="7", user="5", reason="fraud") == [meant.reference]


@pytest.mark.slow
def test_only_what_is_cancelled_has_a_reason(desk):
    meant = a_saved_row("cancelled", cancel_reason="fraud")
    a_saved_row("booked")

    assert listed(desk, reason="fraud") == [meant.reference]
    assert listed(desk, reason="fraud", status="booked") == []


def test_days_of_creation_include_both_ends(desk):
    days = [database_time().replace(year=2026, month=3, day=day, hour=23, minute=59) for day in (1, 2, 3, 4)]
    rows = [a_saved_row(created_at=day) for day in days]

    found = listed(desk, **{"from": "2026-03-02", "to": "2026-03-03"})

    assert found == [rows[2].reference, rows[1].reference]


def test_all_that_is_not_understood_is_named_at_once(desk):
    booking = a_saved_row()

    answer = desk.get(LIST, {"flight": "x", "from": "yesterday", "status": "lost", "user": ""})

    assert answer.status_code == 400
    assert "This page does not know a filter in its address: flight, status, from" in text_of(answer)
    assert booking.reference not in text_of(answer)


def test_a_form_of_the_list_that_was_left_empty_filters_nothing(desk):
    booking = a_saved_row()
    empty = dict.fromkeys(("status", "reason", "flight", "user", "from", "to"), "")

    assert listed(desk, **empty) == [booking.reference]


def test_the_filters_live_in_the_address(desk):
    selection = selection_in({"status": "booked", "flight": " 7 ", "from": "2026-03-02", "view": "refund_due"})

    assert query_string_of(selection) == "view=refund_due&status=booked&flight=7&from=2026-03-02"
    assert selection_in(dict(pair.split("=") for pair in query_string_of(selection).split("&"))) == selection


@pytest.mark.slow
@pytest.mark.parametrize("query", [{}, {"flight": "1"}, {"from": "2026-01-01"}, {"view": "awaiting_payment"}], ids=str)
def test_pages_lead_to_each_other_and_back(desk, monkeypatch, query):
    many_rows(7)
    monkeypatch.setattr(pages.page_of, "__kwdefaults__", {**pages.page_of.__kwdefaults__, "size": 3})
    everything = list(Booking.objects.order_by("-pk").values_list("reference", flat=True))
    first = desk.get(LIST, query)
    second = desk.get(LIST + first.context["older"])
    third = desk.get(LIST + second.context["older"])
    back = desk.get(LIST + third.context["newer"])

    assert shown(first) + shown(second) + shown(third) == everything
    assert shown(back) == shown(second)
    assert (first.context["newer"], third.context["older"]) == ("", "")
    assert desk.get(LIST + back.context["newer"]).context["newer"] == ""


@pytest.mark.slow
def test_cancelled_today_is_paged_too(desk, monkeypatch):
    many_rows(5, "cancelled")
    for booking in Booking.objects.all():
        BookingEvent.objects.create(booking=booking, what="cancelled", created_at=database_time(), actor_kind="system")
    monkeypatch.setattr(pages.page_of, "__kwdefaults__", {**pages.page_of.__kwdefaults__, "size": 3})

    first = desk.get(LIST, {"view": "cancelled_today"})
    second = desk.get(LIST + first.context["older"])

    assert shown(first) + shown(second) == list(Booking.objects.order_by("-pk").values_list("reference", flat=True))
    assert shown(desk.get(LIST + second.context["newer"])) == shown(first)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 30])
def test_it_costs_a_fixed_number_of_statements(desk, django_assert_num_queries, rows):
    many_rows(rows, "cancelled", hold="giving_back")
    later = {"older": Booking.objects.latest("pk").pk + 1}
    desk.get(LIST)

    with django_assert_num_queries(20):
        desk.get(LIST)
    with django_assert_num_queries(21):
        desk.get(LIST, later)


def test_an_empty_list_says_so(desk):
    assert "No booking matches." in desk.get(LIST).content.decode()


def test_who_may_not_see_bookings_gets_no_list(at_desk):
    answer = at_desk("bookings.view_payment").get(LIST)

    assert answer.status_code == 403
    assert "bookings.view_booking" in answer.content.decode()
