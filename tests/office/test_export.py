"""The list as CSV: the same bookings, streamed, and harmless in a spreadsheet."""

import csv
import io

import pytest

from bookings.queries.bookings import pages
from tests.support.bookings import a_call_row, a_saved_row, many_rows

pytestmark = pytest.mark.django_db

EXPORT = "/admin/bookings/booking/export/"


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_it_has_the_bookings_of_the_list_newest_first(desk):
    first, second = a_saved_row(flight_id=7), a_saved_row("cancelled", flight_id=7, reference="K7QX4M")
    a_saved_row(flight_id=8)

    rows = rows_of(desk.get(EXPORT, {"flight": "7"}))

    assert [row["id"] for row in rows] == [str(second.pk), str(first.pk)]
    shown = ("reference", "status", "cancel_reason", "total", "currency", "held_at")
    assert {name: rows[0][name] for name in shown} == {
        "reference": second.reference,
        "status": "cancelled",
        "cancel_reason": "expired",
        "total": "4000",
        "currency": "XXX",
        "held_at": "",
    }


def test_what_a_spreadsheet_would_count_is_text(desk):
    a_saved_row(reference="22E456", user_id=9007199254740991, created_by="=HYPERLINK(1)", request_id="123e10")
    a_saved_row(reference="K7QX4M", user_id=123456789012345, created_by="Zoë", request_id="desk-1")

    answer = desk.get(EXPORT)
    content = b"".join(answer.streaming_content)
    names = ("reference", "user_id", "created_by", "request_id", "no_of_seats")
    rows = [[row[name] for name in names] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]

    assert content.startswith(b"\xef\xbb\xbfid,reference,status,")
    assert content.endswith(b"\r\n")
    assert rows == [
        ["K7QX4M", "123456789012345", "Zoë", "desk-1", "2"],
        ["'22E456", "'9007199254740991", "'=HYPERLINK(1)", "'123e10", "2"],
    ]


def test_a_filter_that_is_not_understood_exports_nothing(desk):
    a_saved_row()

    answer = desk.get(EXPORT, {"flight": "7", "stauts": "booked"})

    assert (answer.status_code, answer.streaming) == (400, False)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Content-Disposition" not in answer.headers


def test_the_name_of_the_file_tells_the_filters(desk):
    answer = desk.get(EXPORT, {"flight": "7", "status": "booked", "from": "2026-11-01"})

    name = answer.headers["Content-Disposition"]
    assert name.startswith('attachment; filename="bookings-status-booked-flight-7-from-2026-11-01-')
    assert name.endswith('Z.csv"')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_it_reads_a_chunk_at_a_time(desk, monkeypatch, django_assert_num_queries):
    many_rows(25)
    monkeypatch.setattr(pages, "CHUNK", 10)
    answer = desk.get(EXPORT)

    # Each chunk its ids and its rows, and once that there are no more.
    with django_assert_num_queries(3 * 2 + 1):
        assert len(rows_of(answer)) == 25


def test_who_may_not_see_bookings_gets_none(at_desk):
    assert at_desk("bookings.view_payment").get(EXPORT).status_code == 403


@pytest.mark.parametrize(("state", "shown"), [("open", "giving_back"), ("dead", "giving_back"), ("done", "given_back")])
def test_seats_that_are_back_are_not_being_given_back(desk, state, shown):
    a_saved_row("cancelled", hold="giving_back", give_back=a_call_row(state=state))

    (row,) = rows_of(desk.get(EXPORT))

    assert row["hold"] == shown


@pytest.mark.parametrize(
    ("currency", "price", "shown"),
    [
        ("INR", 611000, ["6110.00", "12220.00"]),
        ("JPY", 611000, ["611000", "1222000"]),
        ("BHD", 5, ["0.005", "0.010"]),
        ("ZZZ", 5, ["5 minor units of ZZZ", "10 minor units of ZZZ"]),
        ("INR", 10**15 // 2, ["5000000000000.00", "'10000000000000.00"]),
    ],
)
def test_money_is_a_number_with_the_digits_of_its_currency(desk, currency, price, shown):
    a_saved_row(seat_price=price, currency=currency)

    (row,) = rows_of(desk.get(EXPORT))

    assert [row["price_per_seat"], row["total"]] == shown
    assert row["currency"] == currency
