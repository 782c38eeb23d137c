"""One note on many bookings: each of those that were shown has it, once."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.errors import InvalidRequest, SelectionChanged
from bookings.models import Booking, BookingEvent
from bookings.queries.bookings import bulk_cancel as queries
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.note_many import note_bookings
from tests.support.bookings import a_saved_row, many_rows
from tests.support.bulk import FLIGHT_1, SUPERVISOR

pytestmark = pytest.mark.django_db


def note(selection=FLIGHT_1, *, seen=None, key=None, text="Gate moved."):
    seen = plan_bulk_cancel(selection).seen if seen is None else seen
    return note_bookings(
        selection=selection, seen=seen, actor=SUPERVISOR, note=text, action_key=key or uuid.uuid4().hex
    )


def noted():
    return sorted(BookingEvent.objects.filter(what="noted").values_list("booking_id", flat=True))


def test_each_booking_of_the_selection_has_the_note_and_stays_as_it_is():
    rows = [a_saved_row(), a_saved_row("booked"), a_saved_row("cancelled")]
    a_saved_row(flight_id=2)
    before = list(Booking.objects.values())

    count = note()

    assert (count, noted()) == (3, [row.pk for row in rows])
    columns = ("what", "actor_kind", "actor_name", "note", "request_id")
    assert set(BookingEvent.objects.values_list(*columns)) == {("noted", "staff", "sam", "Gate moved.", "req-1")}
    assert list(Booking.objects.values()) == before


def test_newer_bookings_than_the_page_showed_have_it_not():
    shown = a_saved_row()
    seen = plan_bulk_cancel(FLIGHT_1).seen
    a_saved_row()

    note(seen=seen)

    assert noted() == [shown.pk]


def test_the_same_page_sent_twice_notes_once():
    many_rows(3)
    key, seen = uuid.uuid4().hex, plan_bulk_cancel(FLIGHT_1).seen

    counts = [note(seen=seen, key=key) for _ in range(2)]

    assert (counts, len(noted())) == ([3, 0], 3)


def test_where_others_belong_to_the_selection_by_now_none_has_it():
    booking, _ = a_saved_row(), a_saved_row()
    unpaid = Selection(flight=1, status="initiated")
    seen = plan_bulk_cancel(unpaid).seen
    Booking.objects.filter(pk=booking.pk).update(status="booked", active_payment_id=1)

    with pytest.raises(SelectionChanged):
        note(unpaid, seen=seen)

    assert noted() == []


def test_no_more_than_the_limit_are_noted_together(monkeypatch):
    monkeypatch.setattr(queries, "BULK_CANCEL_LIMIT", 3)
    many_rows(4)

    with pytest.raises(InvalidRequest):
        note()

    assert noted() == []


def test_an_empty_selection_has_nothing_to_note():
    with pytest.raises(InvalidRequest):
        note()


def test_it_costs_as_many_statements_for_many_bookings_as_for_one():
    def statements():
        with CaptureQueriesContext(connection) as captured:
            note()
        return len(captured)

    many_rows(1)
    one = statements()
    many_rows(60)

    assert statements() == one
