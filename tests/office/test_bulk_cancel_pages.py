"""Bulk cancellation in the back office: the page before, the word to go, the page that says how far it is."""

import html
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.lifecycle import CancelReason
from bookings.models import Booking, BulkCancel, BulkCancelRow
from bookings.office.bookings import bulk_cancel as pages
from bookings.office.upkeep import open_work
from bookings.queries.bookings import bulk_cancel as queries
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
    many_rows,
    one_pass,
)
from tests.support.bulk import carry_out, start
from tests.support.people import a_person, fields_of, text_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

BULKS = "/admin/bookings/bulkcancel/"
NEW = f"{BULKS}new/"
OF_FLIGHT_1 = f"{NEW}?flight=1"


@pytest.fixture
def supervisor(client):
    client.force_login(a_person("sam", "bulk_cancel", "view_bulkcancel", "view_booking"))
    return client


def filled_in(page, **changed):
    """The form of a page, as somebody sends it who means it."""
    context = page.context
    wish = {
        "action_key": context["form"]["action_key"].value(),
        "seen": context["plan"].seen,
        "reason": "flight_cancelled",
        "note": "storm over Delhi",
        "confirm": "1",
    }
    return {**wish, **changed}


# --- before -------------------------------------------------------------------------------------------


def test_the_page_before_says_what_would_become_of_each_booking(supervisor, flights, payments):
    booked = a_booked_booking(flights, payments, seats=3)
    cancelled = a_cancelled_booking(flights)

    page = supervisor.get(OF_FLIGHT_1)

    text = text_of(page)
    assert page.status_code == 200
    assert f"{booked.reference} 1001 ● Booked ▲ Will be cancelled 3 6,000 XXX" in text
    assert f"{cancelled.reference} 1001 ○ Cancelled ○ Skipped 0 0 XXX it was cancelled before" in text
    assert "Cancelled 1 Skipped 1 Seats that go back 3 Money to refund 6,000 XXX" in text
    assert "It cannot be undone" in text
    assert "Cancel 1 booking " in text
    assert Booking.objects.get(pk=booked.pk).status == "booked"


def test_refunds_are_added_up_in_each_currency_and_never_across(supervisor, flights, payments):
    for currency, seats in (("INR", 3), ("EUR", 1), ("INR", 2), ("JPY", 2)):
        flights.set_flight(1, price=611000, currency=currency)
        a_booked_booking(flights, payments, seats=seats)

    text = text_of(supervisor.get(OF_FLIGHT_1))

    assert "Money to refund 6,110.00 EUR + 30,550.00 INR + 1,222,000 JPY" in text
    assert "▲ Will be cancelled 3 18,330.00 INR" in text


def test_where_nothing_was_paid_nothing_is_refunded(supervisor, flights):
    an_initiated_booking(flights)

    assert "Seats that go back 2 Money to refund 0 " in text_of(supervisor.get(OF_FLIGHT_1))


def test_without_a_flight_the_page_asks_for_one(supervisor):
    page = supervisor.get(NEW)

    assert "Which flight is it?" in text_of(page)
    assert "Cancel them" not in text_of(page)


def test_a_filter_that_is_not_understood_shows_no_bookings_at_all(supervisor):
    a_saved_row("initiated")

    page = supervisor.get(f"{OF_FLIGHT_1}&status=boked")

    assert page.status_code == 400
    assert "This page does not know a filter in its address: status" in text_of(page)


def test_a_word_to_go_for_a_filter_that_is_not_understood_cancels_nothing(supervisor):
    booking = a_saved_row("initiated")
    seen = fields_of(supervisor.get(OF_FLIGHT_1))

    said = {**seen, "reason": "fraud", "confirm": "1"}
    page = supervisor.post(f"{OF_FLIGHT_1}&status=boked", said)

    assert (page.status_code, BulkCancel.objects.count()) == (400, 0)
    booking.refresh_from_db()
    assert booking.status == "initiated"


@pytest.mark.parametrize("number", ["", "x", "0", "2", "-1", "1.5", "9" * 30, "1&page=1"])
def test_a_page_that_there_is_not_is_refused(supervisor, number):
    a_saved_row("initiated")

    page = supervisor.get(f"{OF_FLIGHT_1}&page={number}")

    assert page.status_code == 400
    assert "This page does not know a filter in its address: page" in text_of(page)


def test_too_many_bookings_cannot_be_cancelled_together(supervisor, monkeypatch):
    monkeypatch.setattr(queries, "BULK_CANCEL_LIMIT", 2)
    many_rows(3)

    page = supervisor.get(OF_FLIGHT_1)

    assert "Narrow the filter: Only those with the status “Booked”" in text_of(page)
    assert "Cancel them" not in text_of(page)


def test_where_nothing_can_be_cancelled_there_is_nothing_to_confirm(supervisor):
    a_saved_row("cancelled")

    page = supervisor.get(OF_FLIGHT_1)

    assert "None of these bookings can be cancelled." in text_of(page)
    assert "Cancel them" not in text_of(page)


# --- what is left out -----------------------------------------------------------------------------------


def link_in(page, text):
    """Where the link with this text leads."""
    address = re.search(rf'<a href="([^"]*)">{text}</a>', page.content.decode())
    assert address, f"no link {text}"
    return html.unescape(address[1]).partition("#")[0]


def test_a_booking_is_left_out_and_taken_in_again_by_a_link(supervisor, flights, payments):
    kept, other = a_booked_booking(flights, payments, seats=3), an_initiated_booking(flights)

    page = supervisor.get(OF_FLIGHT_1)
    without = supervisor.get(NEW + link_in(page, f"Leave {kept.reference} out"))
    again = supervisor.get(NEW + link_in(without, f"Take {kept.reference} in"))

    text = text_of(without)
    assert f"{kept.reference} 1001 ● Booked ○ Skipped 0 0 XXX left out by hand" in text
    assert "Cancelled 1 Left out 1 Skipped 0 Seats that go back 2 Money to refund 0" in text
    assert "Cancel 1 booking " in text
    assert f"Leave {other.reference} out" in text
    assert "Left out" not in text_of(again)
    assert "Cancel 2 bookings" in text_of(again)


def test_what_is_left_out_stays_and_the_results_say_so(supervisor, flights):
    kept, other = an_initiated_booking(flights), an_initiated_booking(flights)
    address = f"{OF_FLIGHT_1}&without={kept.pk}"

    answer = supervisor.post(address, filled_in(supervisor.get(address)))
    carry_out()

    assert f"{kept.reference} 1001 ○ Skipped left out by hand" in text_of(supervisor.get(answer.url))
    assert (
        f"{kept.reference},{kept.pk},1001,Skipped,left out by hand"
        in supervisor.get(answer.url.replace("change/", "results.csv")).getvalue().decode()
    )
    assert [Booking.objects.get(pk=each.pk).status for each in (kept, other)] == ["initiated", "cancelled"]


def test_a_form_for_other_bookings_than_were_left_out_on_its_page_starts_nothing(supervisor, flights):
    kept, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    sent = filled_in(supervisor.get(f"{OF_FLIGHT_1}&without={kept.pk}"))

    page = supervisor.post(OF_FLIGHT_1, sent)

    assert (page.status_code, BulkCancel.objects.count()) == (409, 0)


def test_no_more_can_be_left_out_than_an_address_may_name(supervisor, flights, monkeypatch):
    monkeypatch.setattr(pages, "MOST_LEFT_OUT", 1)
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)

    page = supervisor.get(f"{OF_FLIGHT_1}&without={first.pk}")
    too_many = supervisor.get(f"{OF_FLIGHT_1}&without={first.pk}.{second.pk}")

    assert "1 bookings are left out, the most that can be taken out one by one" in text_of(page)
    assert f"Leave {second.reference} out" not in text_of(page)
    assert f"Take {first.reference} in" in text_of(page)
    assert too_many.status_code == 400


@pytest.mark.parametrize("ids", ["x", "1.", ".", "1,2", "-1", "9" * 30, "1&without=2"])
def test_what_is_left_out_and_not_understood_is_refused(supervisor, ids):
    a_saved_row("initiated")

    page = supervisor.get(f"{OF_FLIGHT_1}&without={ids}")

    assert page.status_code == 400
    assert "This page does not know a filter in its address: without" in text_of(page)


# --- the word to go -----------------------------------------------------------------------------------


def test_the_word_to_go_starts_it_and_shows_how_far_it_is(supervisor):
    a_saved_row("initiated")
    page = supervisor.get(OF_FLIGHT_1)

    answer = supervisor.post(OF_FLIGHT_1, filled_in(page), headers={"X-Request-ID": "desk-7"})

    bulk = BulkCancel.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{BULKS}{bulk.pk}/change/")
    assert (bulk.asked_by, bulk.reason, bulk.note, bulk.request_id) == (
        *("sam", "flight_cancelled", "storm over Delhi", "desk-7"),
    )


def test_a_double_click_starts_one(supervisor):
    a_saved_row("initiated")
    sent = filled_in(supervisor.get(OF_FLIGHT_1))
    first = supervisor.post(OF_FLIGHT_1, sent)
    carry_out()

    second = supervisor.post(OF_FLIGHT_1, sent)

    assert second.headers["Location"] == first.headers["Location"]
    assert BulkCancel.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"confirm": "2"}, ["confirm"]),
        ({"confirm": ""}, ["confirm"]),
        ({"reason": ""}, ["reason"]),
        ({"reason": "expired"}, ["reason"]),
        ({"reason": "other", "note": " "}, ["note"]),
        ({"note": "x" * 501}, ["note"]),
        ({"action_key": "no key"}, ["action_key"]),
    ],
)
def test_a_form_that_will_not_do_says_so_keeps_what_was_typed_and_starts_nothing(supervisor, changed, fields):
    a_saved_row("initiated")
    sent = filled_in(supervisor.get(OF_FLIGHT_1), **changed)

    page = supervisor.post(OF_FLIGHT_1, sent)

    form = page.context["form"]
    assert (page.status_code, list(form.errors)) == (200, fields)
    assert [form[name].value() for name in ("reason", "note", "confirm")] == [
        sent[name] for name in ("reason", "note", "confirm")
    ]
    assert BulkCancel.objects.count() == 0


def test_a_stale_page_starts_nothing_shows_how_it_stands_now_and_keeps_the_note(supervisor, flights):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    unpaid = f"{OF_FLIGHT_1}&status=initiated"
    sent = filled_in(supervisor.get(unpaid))
    cancel_booking(booking_id=first.pk, actor=STAFF, reason=CancelReason.FRAUD)

    page = supervisor.post(unpaid, sent)

    form = page.context["form"]
    assert (page.status_code, BulkCancel.objects.count()) == (409, 0)
    assert "These bookings have changed since they were shown to you" in text_of(page)
    assert first.reference not in text_of(page)
    assert (form["reason"].value(), form["note"].value(), form["confirm"].value()) == (
        *("flight_cancelled", "storm over Delhi", ""),
    )
    again = supervisor.post(unpaid, filled_in(page))
    assert again.status_code == 302
    assert BulkCancelRow.objects.get(state="waiting").booking == second


# --- what it costs, and who may -----------------------------------------------------------------------


def cost(client, address):
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code == 200
    return len(captured), len(content)


def test_the_pages_cost_as_many_statements_for_30_bookings_as_for_one(supervisor, flights, payments, monkeypatch):
    monkeypatch.setattr(open_work, "REMEMBERED_SECONDS", 3600)  # whatever is slow

    def measured(flight_id, bookings):
        many_rows(bookings, flight_id=flight_id)
        before = cost(supervisor, f"{NEW}?flight={flight_id}")
        bulk = start(queries.Selection(flight=flight_id))
        carry_out()
        one_pass(flights, payments)
        pages = [f"{BULKS}{bulk.pk}/change/", f"{BULKS}{bulk.pk}/results.csv", BULKS]
        return [before, *(cost(supervisor, page) for page in pages)]

    supervisor.get(BULKS)  # whatever is read once in a process
    one = measured(1, 1)
    thirty = measured(2, 30)

    assert [statements for statements, _ in one] == [statements for statements, _ in thirty]
    assert all(few < many for (_, few), (_, many) in zip(one, thirty, strict=True))


def test_the_list_says_how_far_each_is(supervisor):
    many_rows(2)
    start()

    page = supervisor.get(BULKS)

    assert "flight cancelled sam" in text_of(page)
    assert "0 of 2" in text_of(page)
    assert "Cancel bookings of a flight" in text_of(page)


@pytest.mark.parametrize("right", ["view_bulkcancel", "cancel_booking"])
def test_who_may_not_cancel_in_bulk_is_told_which_right_is_missing(client, right):
    a_saved_row("initiated")
    client.force_login(a_person("kim", right, "view_booking"))
    sent = {
        "action_key": uuid.uuid4().hex,
        "seen": queries.plan_bulk_cancel(queries.Selection(flight=1)).seen,
    }

    pages = [
        client.get(OF_FLIGHT_1),
        client.post(OF_FLIGHT_1, {**sent, "reason": "fraud", "note": "", "confirm": "1"}),
    ]

    assert [page.status_code for page in pages] == [403, 403]
    assert all("Can cancel many bookings at once (bookings.bulk_cancel)" in text_of(page) for page in pages)
    assert BulkCancel.objects.count() == 0


def test_who_may_only_see_sees_how_far_it_is_and_no_way_to_start_one(client):
    a_saved_row("initiated")
    bulk = start()
    client.force_login(a_person("ada", "view_bulkcancel"))

    pages = [client.get(address) for address in (BULKS, f"{BULKS}{bulk.pk}/change/", f"{BULKS}{bulk.pk}/results.csv")]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert "Cancel bookings of a flight" not in text_of(pages[0])


def test_who_may_not_even_see_sees_nothing(client):
    a_saved_row("initiated")
    bulk = start()
    client.force_login(a_person("bo", "view_booking"))

    pages = [client.get(address) for address in (BULKS, f"{BULKS}{bulk.pk}/change/", f"{BULKS}{bulk.pk}/results.csv")]

    assert [page.status_code for page in pages] == [403, 403, 403]


def test_nobody_edits_or_deletes_one_superusers_included(admin_client):
    a_saved_row("initiated")
    bulk = start()

    edited = admin_client.post(f"{BULKS}{bulk.pk}/change/", {"reason": "fraud"})
    deleted = admin_client.post(f"{BULKS}{bulk.pk}/delete/", {"post": "yes"})
    added = admin_client.get(f"{BULKS}add/")

    assert (edited.status_code, deleted.status_code, added.status_code) == (200, 403, 403)
    assert BulkCancel.objects.get().reason == "flight_cancelled"


@pytest.mark.parametrize("page", ["0/change/", "x/change/", "99/results.csv"])
def test_one_that_is_not_there_is_not_found(supervisor, page):
    assert supervisor.get(BULKS + page).status_code == 404


def test_the_list_writes_times_as_all_pages_do(supervisor):
    a_saved_row()
    bulk = start()

    page = text_of(supervisor.get(BULKS))

    assert f" {bulk.created_at:%Y-%m-%d %H:%M:%S} " in page
