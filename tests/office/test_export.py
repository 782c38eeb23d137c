"""The list as CSV: the same bookings, streamed, and harmless in a spreadsheet."""

import csv
import io

import pytest

from bookings.queries import pages
from tests.support.bookings import a_saved_row, many_rows

pytestmark = pytest.mark.django_db

EXPORT = "/admin/bookings/booking/export/"


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_it_has_the_bookings_of_the_list_newest_first(desk):
    first, second = a_saved_row(flight_id=7), a_saved_row("cancelled", flight_id=7)
    a_saved_row(flight_id=8)

    rows = rows_of(desk.get(EXPORT, {"flight": "7"}))

    assert [row["id"] for row in rows] == [str(second.pk), str(first.pk)]
    assert {name: rows[0][name] for name in ("reference", "status", "cancel_reason", "total_cost", "held_at")} == {
        "reference": second.reference,
        "status": "cancelled",
        "cancel_reason": "expired",
        "total_cost": "4000",
        "held_at": "",
    }


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
