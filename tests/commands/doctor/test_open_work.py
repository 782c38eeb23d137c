"""manage.py doctor: what is under way, what waits for staff, and what should be gone, each with what to do."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import IdempotencyRecord, Reconciliation
from bookings.models.payments import PaymentState
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_call_row,
    a_payment_row,
    a_refund_row,
    a_saved_row,
    let_time_pass,
)
from tests.support.calls import a_dead_payment, a_dead_refund, a_dead_release, a_stuck_reservation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_working_worker")]

# Each subject, when nothing is open.
AT_REST = {
    "releases": "none without an answer",
    "dead releases": "none",
    "reservations": "none without an answer",
    "stuck reservations": "none",
    "payments": "none without an answer",
    "dead payments": "none",
    "comparison": "seats were never compared yet; the worker does it every five minutes",
    "announcements": "others are told what happens to bookings",
    "idempotency": "no record is older than it must be",
}


def ago(**duration):
    return database_time() - timedelta(**duration)


def a_comparison(*, minutes=0, drift=()):
    return Reconciliation.objects.create(
        finished_at=ago(minutes=minutes),
        flights_compared=3,
        flights_skipped=0,
        seats_held=1,
        seats_taken=1,
        drift=list(drift),
    )


def a_record(*, hours, state="done"):
    return IdempotencyRecord.objects.create(
        principal="p",
        endpoint="e",
        key_hash=uuid.uuid4().hex,
        fingerprint="f",
        state=state,
        status_code=201 if state == "done" else None,
        created_at=ago(hours=hours),
    )


def test_where_nothing_is_open_each_line_says_so(run):
    code, lines = run()

    assert code == 0
    assert {name: lines[name] for name in AT_REST} == {name: ("OK", found, "") for name, found in AT_REST.items()}


@pytest.mark.parametrize(
    ("make", "name", "found", "where"),
    [
        (a_dead_release, "dead releases", "1 need a decision, the oldest for 0 s", "Calls to the Flight Service"),
        (a_stuck_reservation, "stuck reservations", "1 need a decision, the oldest for", "Calls to the Flight Service"),
        (a_dead_payment, "dead payments", "1 need a decision, the oldest for", "Payments, Needs a decision"),
    ],
    ids=["release", "reservation", "payment"],
)
def test_what_waits_for_staff_is_a_fault_and_the_line_says_where_to_decide(run, make, name, found, where):
    make()

    code, lines = run()

    verdict, message, hint = lines[name]
    assert (code, verdict) == (1, "FAIL")
    assert message.startswith(found)
    assert where in hint
    assert hint.startswith("Decide about each in the back office")


def test_a_refund_that_was_given_up_waits_for_staff_too(run):
    a_dead_refund()

    found = run()[1]
    assert (found["dead payments"][0], found["undecided refunds"][0]) == ("OK", "FAIL")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("minutes", "verdict", "message"),
    [
        (1, "OK", "1 under way"),
        (3, "WARN", "1 without an answer, the oldest for 3 min"),
        (31, "FAIL", "1 without an answer, the oldest for 31 min"),
        (180, "FAIL", "1 without an answer, the oldest for 3 h"),
    ],
)
@pytest.mark.parametrize("name", ["releases", "reservations", "payments"])
def test_a_call_without_an_answer_is_worse_the_longer_it_waits(run, name, minutes, verdict, message):
    since = ago(minutes=minutes)
    match name:
        case "releases":
            a_call_row(created_at=since)
        case "reservations":
            a_saved_row("pending", created_at=since)
        case "payments":
            a_payment_row(a_saved_row("initiated"), created_at=since)

    code, lines = run()

    assert lines[name][:2] == (verdict, message)
    assert code == (1 if verdict == "FAIL" else 0)
    assert ("every 15 s" in lines[name][2]) == (verdict != "OK")


@pytest.mark.slow
def test_a_refund_waits_since_the_cancellation_and_not_since_the_payment(run, flights, payments):
    booking = a_booked_booking(flights, payments)
    let_time_pass(hours=5)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    let_time_pass(minutes=3)

    assert run()[1]["payments"][:2] == ("WARN", "1 without an answer, the oldest for 3 min")


def test_a_payer_may_take_as_long_as_the_payment_may(run):
    a_payment_row(a_saved_row("initiated"), step="payer", created_at=ago(minutes=14))

    assert run()[1]["payments"][:2] == ("OK", "none without an answer")


def test_a_refund_waits_since_it_is_due(run):
    payment = a_payment_row(
        a_saved_row("cancelled"), PaymentState.REFUND_DUE, has_refund=False, created_at=ago(hours=4)
    )
    a_refund_row(payment, created_at=ago(minutes=1))

    assert run()[1]["payments"] == ("OK", "1 under way", "")


def test_seats_that_differ_are_a_fault_with_their_flights(run):
    drift = [{"flight": number, "held": 4, "taken": 6} for number in (7, 8, 9, 10, 11, 12)]
    a_comparison(drift=drift)

    code, lines = run()

    verdict, message, hint = lines["drift"]
    assert (code, verdict) == (1, "FAIL")
    assert message == (
        "seats differ from the Flight Service's on flights 7 (4 held, 6 taken), 8 (4 held, 6 taken), "
        "9 (4 held, 6 taken), 10 (4 held, 6 taken) and 2 more"
    )
    assert "BookingsSeatsDrift in docs/operations.md" in hint
    assert lines["comparison"] == ("OK", "seats were compared 0 s ago", "")


def test_of_several_comparisons_the_last_one_counts(run):
    a_comparison(minutes=5, drift=[{"flight": 7, "held": 4, "taken": 6}])
    a_comparison()

    code, lines = run()

    assert (code, lines["drift"]) == (0, ("OK", "none at the last comparison", ""))


@pytest.mark.parametrize(("minutes", "verdict"), [(50, "OK"), (70, "FAIL")])
def test_a_comparison_of_long_ago_is_a_fault(run, minutes, verdict):
    a_comparison(minutes=minutes)

    code, lines = run()

    assert (code, lines["comparison"][0]) == (1 if verdict == "FAIL" else 0, verdict)
    assert ("manage.py reconcile_seats" in lines["comparison"][2]) == (verdict == "FAIL")


def test_bookings_that_were_never_compared_are_noticed(run):
    a_saved_row("booked", created_at=ago(hours=4))

    assert run()[1]["comparison"][:2] == ("WARN", "seats were never compared, and there are bookings")


@pytest.mark.parametrize(("hours", "verdict"), [(72.5, "OK"), (74, "FAIL")])
def test_records_that_should_have_been_deleted_are_a_fault(run, hours, verdict):
    a_record(hours=hours)
    a_record(hours=1)

    code, lines = run()

    assert (code, lines["idempotency"][0]) == (1 if verdict == "FAIL" else 0, verdict)
    assert ("`delete old rows`" in lines["idempotency"][2]) == (verdict == "FAIL")


def test_a_record_of_a_request_without_an_answer_is_kept_however_old(run):
    a_record(hours=500, state="running")

    assert run()[1]["idempotency"][0] == "OK"


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "verdict"), [(-600, "OK"), (30, "OK"), (90, "FAIL")], ids=["later", "now", "late"])
def test_what_others_have_not_been_told_for_a_minute_is_a_fault(run, seconds, verdict):
    a_saved_row("initiated", announce_at=ago(seconds=seconds))

    code, lines = run()

    assert (code, lines["announcements"][0]) == (1 if verdict == "FAIL" else 0, verdict)
    if verdict == "FAIL":
        assert lines["announcements"][1] == "others have not been told for 1 min what happened to a booking"
