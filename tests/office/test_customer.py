"""The page of a customer: one user's bookings, what they add up to, what is open, and what was noted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.models import BookingEvent
from bookings.models.payments import PaymentState
from bookings.queries.bookings import customer, pages
from tests.support.bookings import a_call_row, a_payment_row, a_refund_row, a_saved_row
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

CUSTOMER = "/admin/customer/"


@pytest.fixture
def desk():
    return desk_of(a_person(group="Auditor"))


def shown(desk, user=4711, **query):
    answer = desk.get(CUSTOMER, {"user": user, **query})
    assert answer.status_code == 200
    return answer


def found(desk, **query):
    return shown(desk, **query).context["customer"]


def a_note(booking, text):
    BookingEvent.objects.create(
        booking=booking, what="noted", actor_kind="staff", actor_name="ben", note=text, created_at=database_time()
    )


def of_this_user(status="initiated", **columns):
    return a_saved_row(status, user_id=4711, **columns)


def what_is_open(desk):
    return [
        (one.booking.pk, one.seats, [each.state for each in (*one.payments, *one.refunds)]) for one in found(desk).open
    ]


def test_it_lists_the_bookings_of_this_user_alone_newest_first(desk):
    mine = [of_this_user(), of_this_user("booked")]
    a_saved_row(user_id=4712)

    lines = shown(desk).context["lines"]

    assert [line.booking.pk for line in lines] == [mine[1].pk, mine[0].pk]


def test_it_counts_by_status_and_each_number_leads_to_its_bookings(desk):
    for status in ("initiated", "booked", "booked", "cancelled"):
        of_this_user(status)
    a_saved_row("booked", user_id=4712)

    answer = shown(desk)

    assert "Pending 0 Awaiting payment 1 Booked 2 Cancelled 1 In all 4" in text_of(answer)
    assert 'href="/admin/bookings/booking/?user=4711&amp;status=booked">2</a>' in answer.content.decode()
    assert 'href="/admin/bookings/booking/?user=4711">4</a>' in answer.content.decode()


def test_it_adds_up_money_in_each_currency(desk):
    of_this_user(no_of_seats=1, seat_price=300)
    for state, price, currency in (
        ("succeeded", 1000, "EUR"),
        ("succeeded", 50, "EUR"),
        ("succeeded", 700, "JPY"),
        ("refunded", 200, "EUR"),
        ("refund_due", 34, "EUR"),
        ("processing", 5000, "EUR"),
        ("dead", 600, "EUR"),
        ("failed", 90000, "EUR"),
    ):
        booking = of_this_user("cancelled", no_of_seats=1, seat_price=price, currency=currency)
        a_payment_row(booking, PaymentState(state))
    a_payment_row(a_saved_row("cancelled", user_id=4712), PaymentState.REFUNDED)

    assert (
        "Paid 12.84 EUR, 700 JPY Of that refunded 2.00 EUR Refund due 0.34 EUR Charge without an answer 56.00 EUR "
        "To be paid 300 XXX"
    ) in text_of(shown(desk))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "columns"),
    [
        ("pending", {"hold": "asking"}),
        ("pending", {"hold": "stuck"}),
        ("cancelled", {"hold": "asking"}),
        ("cancelled", {"hold": "giving_back"}),
        ("cancelled", {"hold": "giving_back", "give_back": "open"}),
        ("cancelled", {"hold": "giving_back", "give_back": "dead"}),
    ],
    ids=str,
)
def test_seats_that_are_on_their_way_or_undecided_are_open(desk, status, columns):
    if "give_back" in columns:
        columns = {**columns, "give_back": a_call_row(state=columns["give_back"])}
    booking = of_this_user(status, **columns)

    assert what_is_open(desk) == [(booking.pk, True, [])]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["processing", "dead"])
def test_payments_without_an_answer_are_open(desk, state):
    booking = of_this_user("cancelled")
    a_payment_row(booking, PaymentState(state))

    assert what_is_open(desk) == [(booking.pk, False, [state])]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["due", "sent", "dead", "failed"])
def test_refunds_that_are_not_over_are_open(desk, state):
    booking = of_this_user("cancelled")
    a_refund_row(a_payment_row(booking, PaymentState.REFUND_DUE, has_refund=False), state)

    assert what_is_open(desk) == [(booking.pk, False, [state])]


@pytest.mark.slow
def test_what_is_over_and_what_others_have_open_is_not(desk):
    of_this_user("booked")
    of_this_user("cancelled", hold="giving_back", give_back=a_call_row(state="done"))
    for state in ("succeeded", "failed", "refunded"):
        a_payment_row(of_this_user("cancelled"), PaymentState(state))
    other = a_saved_row("cancelled", hold="giving_back", user_id=4712)
    a_payment_row(other, PaymentState.REFUND_DUE)

    assert what_is_open(desk) == []
    assert "Nothing: no seats are on their way, and no payment waits for an answer." in text_of(shown(desk))


@pytest.mark.slow
def test_a_booking_with_both_is_said_once_with_both(desk):
    booking = of_this_user("cancelled", hold="giving_back", give_back=a_call_row(state="dead"))
    a_payment_row(booking, PaymentState.REFUND_DUE)

    answer = shown(desk)

    assert what_is_open(desk) == [(booking.pk, True, ["due"])]
    assert "Seats: ■ Dead: needs a decision Refund 4,000 XXX ▲ Due" in text_of(answer)


def test_notes_of_all_bookings_are_there_newest_first(desk):
    first, second = of_this_user(), of_this_user("booked")
    a_note(first, "called about\nthe meal")
    a_note(second, "wants an invoice")
    a_note(a_saved_row(user_id=4712), "not of this user")

    answer = shown(desk)

    assert [note.note for note in answer.context["customer"].notes] == ["wants an invoice", "called about\nthe meal"]
    assert "called about<br>the meal" in answer.content.decode()
    assert f"ben {first.reference}" in text_of(answer)


def test_of_what_is_open_and_of_notes_the_newest_are_shown_and_it_says_so(desk, monkeypatch):
    monkeypatch.setattr(customer, "NEWEST", 2)
    bookings = [of_this_user("pending") for _ in range(3)]
    for booking in bookings:
        a_note(booking, f"about {booking.reference}")

    page = found(desk)

    assert [one.booking.pk for one in page.open] == [bookings[2].pk, bookings[1].pk]
    assert (page.has_more_open, len(page.notes), page.has_more_notes) == (True, 2, True)


@pytest.mark.slow
def test_of_a_user_with_very_many_bookings_the_newest_are_added_up_and_it_says_so(desk, monkeypatch):
    monkeypatch.setattr(customer, "MOST_SUMMED", 2)
    old, *_ = [of_this_user("pending"), of_this_user("booked"), of_this_user("booked")]
    a_note(old, "of long ago")

    page = found(desk)

    assert (dict(page.counts), page.open, page.notes, page.is_partial) == ({"booked": 2}, [], [], True)
    assert "This user has more bookings than are added up here" in text_of(shown(desk))
    assert len(shown(desk).context["lines"]) == 3


@pytest.mark.slow
def test_exactly_so_many_are_all_of_them(desk, monkeypatch):
    monkeypatch.setattr(customer, "MOST_SUMMED", 2)
    of_this_user("booked")
    of_this_user("booked")

    assert (found(desk).count, found(desk).is_partial) == (2, False)


@pytest.mark.slow
def test_its_pages_begin_at_a_booking_and_lead_to_one_another(desk, monkeypatch):
    monkeypatch.setattr(pages.page_of, "__kwdefaults__", {**pages.page_of.__kwdefaults__, "size": 2})
    mine = [of_this_user().pk for _ in range(3)]

    first = shown(desk)
    second = desk.get(CUSTOMER + first.context["older"])

    assert first.context["older"] == f"?user=4711&older={mine[1]}"
    assert [line.booking.pk for line in second.context["lines"]] == [mine[0]]
    assert second.context["newer"] == f"?user=4711&newer={mine[0]}"
    assert second.context["customer"].count == 3


@pytest.mark.slow
def test_it_costs_as_many_statements_with_many_bookings_as_with_one(desk):
    counts = []
    for rows in (1, 12):
        for _ in range(rows):
            booking = of_this_user("cancelled", hold="giving_back", give_back=a_call_row())
            a_payment_row(booking, PaymentState.REFUND_DUE)
            a_note(booking, "a note")
        desk.get("/admin/password_change/")  # the first page of a session writes to it
        with CaptureQueriesContext(connection) as captured:
            shown(desk)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_a_user_without_bookings_has_a_page_and_no_number_asks_for_one(desk):
    assert "This user has no bookings here." in text_of(shown(desk, user=99))
    assert "Type the number of a user." in text_of(desk.get(CUSTOMER))


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["user=", "user=x", "user=0", "user=1&user=2", "user=1&older=2&newer=2", "user=1&x=1"]
)
def test_an_address_that_is_not_understood_is_refused(desk, query):
    assert desk.get(f"{CUSTOMER}?{query}").status_code == 400


def test_who_may_not_see_bookings_sees_no_customer(at_desk):
    of_this_user(reference="QD7T4XKZ")

    answer = at_desk("bookings.view_payment").get(CUSTOMER, {"user": 4711})

    assert answer.status_code == 403
    assert "bookings.view_booking" in answer.content.decode()


def test_the_menu_leads_there_for_who_may_see_bookings(desk, at_desk):
    assert 'href="/admin/customer/"' in desk.get("/admin/").content.decode()
    assert (
        'href="/admin/customer/"' not in at_desk("bookings.view_payment", name="otto").get("/admin/").content.decode()
    )
