"""The records behind the bookings: readable lists that cost little, however many rows there are."""

import hashlib
import uuid

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

LISTS = ["payment", "refund", "bookingevent", "idempotencyrecord"]


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


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_as_many_statements_with_many_rows_as_with_one(desk, name):
    desk.get("/admin/")  # the first page of a session writes to it
    counts = []
    for rows in (1, 10):
        some_rows(rows)
        with CaptureQueriesContext(connection) as captured:
            answer = desk.get(f"/admin/bookings/{name}/")
        counts.append((answer.status_code, len(captured)))

    assert counts[0] == counts[1]


@pytest.mark.slow
def test_states_are_said_in_plain_words(desk):
    some_rows(1)

    payments, events = (text_of(desk.get(f"/admin/bookings/{name}/")) for name in ("payment", "bookingevent"))

    assert "4,000 XXX ▲ Refund due" in payments
    assert "Cancelled: fraud staff anna" in events


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_a_single_record_can_be_read(desk, name):
    some_rows(1)
    model = {"payment": "payment", "refund": "refund", "bookingevent": "activity"}.get(name, "answer")

    answer = desk.get(f"/admin/bookings/{name}/")
    shown = answer.context["events"] if name == "bookingevent" else answer.context["cl"].result_list
    address = f"/admin/bookings/{name}/{shown[0].pk}/change/"

    assert desk.get(address).status_code == 200
    assert model in text_of(answer).lower()


def listed(desk, name, **query):
    """The ids that a list shows."""
    answer = desk.get(f"/admin/bookings/{name}/", query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.slow
@pytest.mark.parametrize("state", PaymentState.values)
def test_payments_can_be_listed_by_state(desk, state):
    rows = {each: a_payment_row(a_saved_row("cancelled"), PaymentState(each)).pk for each in PaymentState.values}
    is_open = {"processing": {"needs": "answer"}}

    assert listed(desk, "payment", **is_open.get(state, {"is": state})) == [rows[state]]


@pytest.mark.slow
def test_a_payment_is_found_by_what_people_and_logs_call_it(desk):
    booking = a_saved_row("cancelled", request_id="req-made")
    payment = a_payment_row(booking, PaymentState.REFUND_DUE, request_id="req-paid")
    other = a_payment_row(a_saved_row("cancelled"), PaymentState.REFUND_DUE, request_id="req-other")
    refund = payment.refunds.get()
    keys = (str(payment.gateway_key), refund.key.hex, str(refund.key).upper())

    typed = (booking.reference, booking.reference.lower(), "req-paid", "req-made", *keys)
    found = {text: listed(desk, "payment", q=text) for text in typed}

    assert found == {key: [payment.pk] for key in typed}
    assert payment.pk in listed(desk, "payment", q=str(payment.pk))
    assert listed(desk, "payment", q=str(other.gateway_key)) == [other.pk]
    assert listed(desk, "payment", q="nothing") == []
    assert listed(desk, "payment", q=booking.reference, **{"is": "refunded"}) == []


@pytest.mark.slow
def test_records_can_be_listed_by_state_and_found_by_key_call_and_caller(desk):
    now, call = database_time(), uuid.uuid4()
    columns = {"endpoint": "POST /bookings", "fingerprint": "f", "created_at": now}
    running = IdempotencyRecord.objects.create(
        principal="user:1001", key_hash=hashlib.sha256(b"a/key=1").hexdigest(), call_key=call, **columns
    )
    done = IdempotencyRecord.objects.create(
        principal="service:gate", key_hash="0" * 64, state="done", status_code=201, **columns
    )
    typed = ("a/key=1", '"a/key=1"', running.key_hash, str(call), call.hex, "user:1001")

    found = {text: listed(desk, "idempotencyrecord", q=text) for text in typed}

    assert found == {key: [running.pk] for key in typed}
    assert listed(desk, "idempotencyrecord", q="service:gate") == [done.pk]
    assert listed(desk, "idempotencyrecord", q="user:1001", **{"is": "done"}) == []
    assert [listed(desk, "idempotencyrecord", **{"is": state}) for state in ("running", "done")] == [
        [running.pk],
        [done.pk],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["payment", "refund", "idempotencyrecord"])
def test_what_is_typed_into_the_search_of_a_list_is_looked_up_on_indexes_alone(desk, name):
    some_rows(1)

    with CaptureQueriesContext(connection) as captured:
        listed(desk, name, q="50% a_b")

    assert [query["sql"] for query in captured if "LIKE" in query["sql"]] == []


@pytest.mark.slow
def test_counting_ends_where_nobody_turns_pages_any_more(desk, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "MOST_ROWS", 3)
    some_rows(5)

    answer = desk.get("/admin/bookings/payment/")

    assert "The newest 3 are shown; filters and the search find the others." in text_of(answer)
