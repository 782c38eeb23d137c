"""How far a bulk cancellation has come: its page, and its results as a file."""

import csv
import io

import pytest

from bookings.db.clock import database_time
from bookings.models import BulkCancelRow, Refund
from tests.support.bookings import (
    a_booked_booking,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.bulk import carry_out, start
from tests.support.fakes import ChargeFault
from tests.support.people import a_person, text_of

pytestmark = pytest.mark.django_db

BULKS = "/admin/bookings/bulkcancel/"


@pytest.fixture
def supervisor(client):
    client.force_login(a_person("sam", "bulk_cancel", "view_bulkcancel", "view_booking"))
    return client


@pytest.mark.slow
def test_the_page_shows_how_far_it_is_and_looks_again_until_all_is_done(supervisor, flights, payments):
    an_initiated_booking(flights, seats=3)
    a_booked_booking(flights, payments, seats=2)
    address = f"{BULKS}{start().pk}/change/"

    waiting = supervisor.get(address)
    carry_out()
    decided = supervisor.get(address)
    one_pass(flights, payments)
    done = supervisor.get(address)

    assert 'data-refresh="2"' in waiting.content.decode()
    assert "0 of 2 bookings are decided" in text_of(waiting)
    assert 'data-refresh="10"' in decided.content.decode()
    assert "Given back 0 Being given back 5" in text_of(decided)
    assert "To refund in all 4,000 XXX Refunded 0 Still due 4,000 XXX" in text_of(decided)
    assert "data-refresh" not in done.content.decode()
    assert "Given back 5 Being given back 0" in text_of(done)
    assert "To refund in all 4,000 XXX Refunded 4,000 XXX Still due 0" in text_of(done)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "looks_again"), [("due", True), ("sent", True), ("dead", False), ("done", False)], ids=str
)
def test_the_page_looks_again_while_a_refund_is_due(supervisor, flights, payments, state, looks_again):
    a_booked_booking(flights, payments)
    address = f"{BULKS}{start().pk}/change/"
    carry_out()
    one_pass(flights, payments)
    Refund.objects.update(state=state, next_at=database_time() if looks_again else None)

    page = supervisor.get(address)

    assert "Being given back 0" in text_of(page)
    assert ('data-refresh="10"' in page.content.decode()) is looks_again


@pytest.mark.slow
def test_a_booking_that_waits_for_its_payment_is_shown_as_cancelled_when_that_has_ended(supervisor, flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    address = f"{BULKS}{start().pk}/change/"
    carry_out()

    running = supervisor.get(address)
    let_time_pass(seconds=16)
    one_pass(flights, payments)
    ended = supervisor.get(address)

    assert "▲ Waits for its payment 1" in text_of(running)
    assert 'data-refresh="10"' in running.content.decode()
    line = f"{booking.reference} 1001 ● Cancelled when its payment had ended 2 ● Seats are back 4,000 XXX"
    assert line in text_of(ended)


@pytest.mark.slow
def test_the_results_are_a_file(supervisor, flights, payments):
    booked = a_booked_booking(flights, payments, seats=2)
    cancelled = a_cancelled_booking(flights)
    bulk = start()
    one_pass(flights, payments)

    answer = supervisor.get(f"{BULKS}{bulk.pk}/results.csv")

    decided_at = BulkCancelRow.objects.get(booking=booked).done_at.isoformat(timespec="seconds")
    asked_at = bulk.created_at.isoformat(timespec="seconds")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (f'attachment; filename="bulk-cancellation-{bulk.pk}-flight-1.csv"')
    assert rows == [
        [
            "reference",
            "booking",
            "user",
            "result",
            "why",
            "seats",
            "refund",
            "currency",
            "decided at",
            "seats now",
            "customer",
        ],
        [
            cancelled.reference,
            str(cancelled.pk),
            "1001",
            "Skipped",
            "it was cancelled before",
            "0",
            "0",
            "XXX",
            asked_at,
            "",
            "",
        ],
        [
            booked.reference,
            str(booked.pk),
            "1001",
            "Cancelled",
            "",
            "2",
            "4000",
            "XXX",
            decided_at,
            "Seats are back",
            "",
        ],
    ]


def test_the_file_holds_no_formula(supervisor):
    a_saved_row("initiated")
    bulk = start()
    BulkCancelRow.objects.update(why='=HYPERLINK("http://evil.example")')

    answer = supervisor.get(f"{BULKS}{bulk.pk}/results.csv")

    (_, row) = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert row[4] == '\'=HYPERLINK("http://evil.example")'
