"""The records behind the bookings: readable lists that cost little, however many rows there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.models import BookingEvent, IdempotencyRecord
from bookings.models.payments import PaymentState
from bookings.office.base import BoundedPaginator
from tests.support.bookings import a_call_row, a_payment_row, a_saved_row
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

LISTS = ["payment", "bookingevent", "idempotencyrecord"]


@pytest.fixture
def desk():
    return desk_of(a_person(group="Auditor"))


def some_rows(count):
    for number in range(count):
        booking = a_saved_row("cancelled", hold="giving_back", give_back=a_call_row())
        a_payment_row(booking, PaymentState.REFUND_DUE)
        now = database_time()
        BookingEvent.objects.create(
            booking=booking,
            what="cancelled",
            actor_kind="staff",
            actor_name="anna",
            reason="fraud",
            created_at=now,
        )
        IdempotencyRecord.objects.create(
            principal="test", endpoint="test", key_hash=f"{booking.pk}-{number}", fingerprint="f", created_at=now
        )


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_as_many_statements_with_many_rows_as_with_one(desk, name):
    desk.get("/admin/bookings/")  # the first page of a session writes to it
    counts = []
    for rows in (1, 10):
        some_rows(rows)
        with CaptureQueriesContext(connection) as captured:
            answer = desk.get(f"/admin/bookings/{name}/")
        counts.append((answer.status_code, len(captured)))

    assert counts[0] == counts[1]


def test_states_are_said_in_plain_words(desk):
    some_rows(1)

    payments, events = (text_of(desk.get(f"/admin/bookings/{name}/")) for name in ("payment", "bookingevent"))

    assert "4,000 XXX ▲ Refund due" in payments
    assert "Cancelled staff anna fraud" in events


@pytest.mark.parametrize("name", LISTS)
def test_a_single_record_can_be_read(desk, name):
    some_rows(1)
    model = {"payment": "payment", "bookingevent": "event"}.get(name, "answer")

    answer = desk.get(f"/admin/bookings/{name}/")
    address = f"/admin/bookings/{name}/{answer.context['cl'].result_list[0].pk}/change/"

    assert desk.get(address).status_code == 200
    assert model in text_of(answer).lower()


def test_counting_ends_where_nobody_turns_pages_any_more(desk, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "MOST_ROWS", 3)
    some_rows(5)

    answer = desk.get("/admin/bookings/payment/")

    assert "The newest 3 are shown; filters and the search find the others." in text_of(answer)
