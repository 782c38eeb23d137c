"""What the database itself refuses, whichever it is, and whatever the code above it does."""

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from bookings.db.clock import database_time
from bookings.lifecycle import HOLDS, BookingStatus, Hold
from bookings.models import Booking, BulkCancel, Payment, Refund, SeatCall
from tests.support.bookings import (
    a_call_row,
    a_dispute_row,
    a_notice_row,
    a_payment_row,
    a_saved_row,
    an_owed_refund,
    forbidden_pairs,
)

pytestmark = pytest.mark.django_db


def refusal(change):
    """The name of the constraint by which the database refuses a change, as far as it tells."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        change()
    return str(refused.value)


def times_of(hold):
    """What the constraints on times want of a hold."""
    is_due = hold in (Hold.ASKING, Hold.GIVING_BACK)
    return {"next_at": F("created_at") if is_due else None}


def why_of(status):
    return {"cancel_reason": "expired" if status == BookingStatus.CANCELLED else ""}


def payment_of(status):
    return {"active_payment_id": 1 if status == BookingStatus.BOOKED else None}


@pytest.mark.parametrize(("status", "hold"), forbidden_pairs())
def test_no_other_hold_may_stand_beside_a_status(status, hold):
    booking = a_saved_row("initiated")

    said = refusal(
        lambda: Booking.objects.filter(pk=booking.pk).update(
            status=status, hold=hold, **times_of(hold), **why_of(status), **payment_of(status)
        )
    )

    assert "booking_status_allows_hold" in said


@pytest.mark.parametrize(("status", "hold"), [(s, h) for s in BookingStatus for h in sorted(HOLDS[s])])
def test_every_hold_of_the_table_may_stand_beside_its_status(status, hold):
    booking = a_saved_row("initiated")

    changed = Booking.objects.filter(pk=booking.pk).update(
        status=status, hold=hold, **times_of(hold), **why_of(status), **payment_of(status)
    )

    assert changed == 1


def test_the_table_of_forbidden_pairs_is_complete():
    assert len(forbidden_pairs()) == 4 * 6 - (2 + 1 + 1 + 5)


@pytest.mark.parametrize("column", ["status", "hold"])
def test_no_unknown_word_is_a_status_or_a_hold(column):
    booking = a_saved_row("initiated")

    said = refusal(lambda: Booking.objects.filter(pk=booking.pk).update(**{column: "paid"}))

    # Others know the words too; which of them speaks first is the database's choice.
    knowing = {
        "status": ["booking_status_allows_hold", "booking_booked_names_its_payment"],
        "hold": ["booking_status_allows_hold", "booking_unfinished_business_has_a_time"],
    }
    assert any(constraint in said for constraint in knowing[column])


@pytest.mark.parametrize(
    ("status", "columns", "constraint"),
    [
        ("initiated", {"total_cost": 1}, "booking_total_is_price_times_seats"),
        ("initiated", {"seat_price": -1, "total_cost": -2}, "booking_total_is_price_times_seats"),
        ("initiated", {"seat_price": 2**52, "total_cost": 2**53}, "booking_total_is_exact_for_every_client"),
        ("initiated", {"currency": "inr"}, "booking_currency_is_three_capitals"),
        ("initiated", {"currency": "IN"}, "booking_currency_is_three_capitals"),
        ("initiated", {"currency": ""}, "booking_currency_is_three_capitals"),
        ("initiated", {"no_of_seats": 0, "total_cost": 0}, "booking_has_seats"),
        ("initiated", {"expires_at": F("created_at")}, "booking_window_opens_before_it_closes"),
        ("initiated", {"cancel_reason": "expired"}, "booking_cancelled_says_why"),
        ("cancelled", {"cancel_reason": ""}, "booking_cancelled_says_why"),
        ("booked", {"active_payment_id": None}, "booking_booked_names_its_payment"),
        ("pending", {"active_payment_id": 1}, "booking_booked_names_its_payment"),
        ("pending", {"next_at": None}, "booking_unfinished_business_has_a_time"),
        ("initiated", {"next_at": F("created_at")}, "booking_unfinished_business_has_a_time"),
        ("cancelled", {"hold": "giving_back"}, "booking_unfinished_business_has_a_time"),
        ("cancelled", {"next_at": F("created_at")}, "booking_unfinished_business_has_a_time"),
        (
            "cancelled",
            {"hold": "asking", "claims": 0, "next_at": F("created_at")},
            "booking_cancelled_asks_only_after_sending",
        ),
    ],
)
def test_a_booking_that_contradicts_itself_is_refused(status, columns, constraint):
    booking = a_saved_row(status)

    said = refusal(lambda: Booking.objects.filter(pk=booking.pk).update(**columns))

    assert constraint in said


@pytest.mark.parametrize("hold", ["held", "refused", "dropped", "stuck", "asking"])
def test_only_a_booking_that_gives_back_names_a_call(hold):
    call = a_call_row()
    booking = a_saved_row("initiated" if hold == "held" else "cancelled", hold=hold)

    said = refusal(lambda: Booking.objects.filter(pk=booking.pk).update(give_back=call))

    assert "booking_in_give_back_call_only_when_giving_back" in said


def test_a_booking_in_a_call_has_no_time_of_its_own():
    booking = a_saved_row("cancelled", hold="giving_back", give_back=a_call_row())

    said = refusal(lambda: Booking.objects.filter(pk=booking.pk).update(next_at=F("created_at")))

    assert "booking_unfinished_business_has_a_time" in said


@pytest.mark.parametrize("column", ["reference", "hold_key"])
def test_no_two_bookings_share_a_reference_or_a_key(column):
    booking = a_saved_row()

    said = refusal(lambda: a_saved_row(**{column: getattr(booking, column)}))

    assert column in said


def test_a_booking_has_one_active_payment_at_most():
    booking = a_saved_row()
    a_payment_row(booking, "processing")

    for state in ("processing", "dead", "succeeded"):
        said = refusal(lambda state=state: a_payment_row(booking, state))
        assert "active" in said


def test_a_booking_may_have_many_payments_that_ended():
    booking = a_saved_row()

    for state in ("failed", "failed", "refunded", "refund_due", "dead"):
        a_payment_row(booking, state)

    assert booking.payments.count() == 5


@pytest.mark.parametrize(
    ("state", "columns", "constraint"),
    [
        ("processing", {"active_booking_id": None}, "payment_active_while_it_may_have_money"),
        ("succeeded", {"active_booking_id": 987654321}, "payment_active_while_it_may_have_money"),
        ("refunded", {"active_booking_id": F("booking_id")}, "payment_active_while_it_may_have_money"),
        ("processing", {"amount": -1}, "payment_amount_not_negative"),
        ("succeeded", {"currency": "eur"}, "payment_currency_is_three_capitals"),
        ("processing", {"next_at": None}, "payment_due_has_a_time"),
        ("refund_due", {"next_at": F("created_at")}, "payment_due_has_a_time"),
        ("succeeded", {"refunded": F("amount") + 1}, "payment_refunds_no_more_than_it_took"),
        ("succeeded", {"refunded": -1}, "payment_refunds_no_more_than_it_took"),
        ("succeeded", {"next_at": F("created_at")}, "payment_due_has_a_time"),
        ("dead", {"next_at": F("created_at")}, "payment_due_has_a_time"),
        ("dead", {"active_booking_id": None}, "payment_active_while_it_may_have_money"),
        ("failed", {"state": "lost"}, "payment_state_known"),
        ("succeeded", {"gateway": ""}, "payment_gateway_has_a_name"),
        ("succeeded", {"step": "payer"}, "payment_step_only_while_processing"),
        ("dead", {"step": "closing", "closing_since": F("created_at")}, "payment_step_only_while_processing"),
        ("processing", {"step": "closing"}, "payment_closing_says_since"),
        ("processing", {"step": "lost"}, "payment_step_only_while_processing"),
    ],
)
def test_a_payment_that_contradicts_itself_is_refused(state, columns, constraint):
    payment = a_payment_row(a_saved_row(), state)

    said = refusal(lambda: Payment.objects.filter(pk=payment.pk).update(**columns))

    assert constraint in said


def test_no_two_payments_share_a_key():
    payment = a_payment_row(a_saved_row())

    said = refusal(lambda: a_payment_row(a_saved_row(), gateway_key=payment.gateway_key))

    assert "gateway_key" in said


@pytest.mark.parametrize(
    ("state", "columns", "constraint"),
    [
        ("due", {"amount": 0}, "refund_amount_positive"),
        ("due", {"currency": "eur"}, "refund_currency_is_three_capitals"),
        ("due", {"next_at": None}, "refund_moving_has_a_time"),
        ("sent", {"next_at": None}, "refund_moving_has_a_time"),
        *((state, {"next_at": F("created_at")}, "refund_moving_has_a_time") for state in ("done", "failed", "dead")),
        ("done", {"state": "lost"}, "refund_state_known"),
        ("done", {"cause": "mood"}, "refund_cause_known"),
        ("done", {"source": "theirs"}, "refund_source_known"),
        ("done", {"done_at": None}, "refund_done_says_when"),
        ("elsewhere", {"done_at": None}, "refund_done_says_when"),
        ("elsewhere", {"reference": ""}, "refund_elsewhere_says_where"),
        ("done", {"reference": "transfer 17"}, "refund_elsewhere_says_where"),
        ("done", {"decision": "again"}, "refund_decided_only_if_failed"),
        ("failed", {"decision": "perhaps"}, "refund_decided_only_if_failed"),
    ],
)
def test_a_refund_is_as_its_state_says(state, columns, constraint):
    refund = an_owed_refund(state)

    said = refusal(lambda: Refund.objects.filter(pk=refund.pk).update(**columns))

    assert constraint in said


@pytest.mark.parametrize(("column", "value"), [("key", uuid.UUID(int=1)), ("gateway_id", "re_1")])
def test_no_two_refunds_share_a_key_or_an_id(column, value):
    an_owed_refund(**{column: value})

    said = refusal(lambda: an_owed_refund(**{column: value}))

    assert column in said


def test_what_a_gateway_calls_a_payment_is_unique_at_that_gateway():
    a_payment_row(a_saved_row(), gateway="stripe", gateway_id="pi_1")
    a_payment_row(a_saved_row(), gateway="other", gateway_id="pi_1")
    for _ in range(2):
        a_payment_row(a_saved_row(), gateway="stripe", gateway_id=None)

    said = refusal(lambda: a_payment_row(a_saved_row(), gateway="stripe", gateway_id="pi_1"))

    assert "gateway_id" in said


@pytest.mark.parametrize(
    ("state", "columns", "constraint"),
    [
        ("open", {"next_at": None}, "seat_call_open_has_a_time"),
        ("done", {"next_at": F("created_at")}, "seat_call_open_has_a_time"),
        ("dead", {"next_at": F("created_at")}, "seat_call_open_has_a_time"),
        ("open", {"state": "lost"}, "seat_call_open_has_a_time"),
        ("open", {"seats": 0}, "seat_call_has_seats"),
        ("open", {"kind": "take"}, "seat_call_kind_known"),
        ("open", {"reserves": True}, "seat_call_only_a_correction_reserves"),
        ("open", {"kind": "fix"}, "seat_call_correction_names_its_flight"),
        ("dead", {"kind": "fix", "fixes_flight_id": 2}, "seat_call_correction_names_its_flight"),
        ("done", {"kind": "fix", "fixes_flight_id": 1}, "seat_call_correction_names_its_flight"),
        ("open", {"fixes_flight_id": 1}, "seat_call_correction_names_its_flight"),
    ],
)
def test_a_seat_call_that_contradicts_itself_is_refused(state, columns, constraint):
    call = a_call_row(state=state)

    said = refusal(lambda: SeatCall.objects.filter(pk=call.pk).update(**columns))

    assert constraint in said


def test_no_two_seat_calls_share_a_key():
    key = uuid.uuid4()
    a_call_row(call_key=key)

    assert "call_key" in refusal(lambda: a_call_row(call_key=key))


def test_a_flight_has_one_unfinished_fix():
    a_call_row(kind="fix", fixes_flight_id=1)
    a_call_row(kind="fix", state="done")
    a_call_row(kind="fix", flight_id=2, fixes_flight_id=2)

    assert "fixes_flight_id" in refusal(lambda: a_call_row(kind="fix", state="dead", fixes_flight_id=1))


# --- bulk cancellations -------------------------------------------------------------------------------


def a_bulk(**columns):
    """Insert a bulk cancellation that sam has asked for."""
    plain = {"action_key": uuid.uuid4(), "flight_id": 1, "reason": "fraud", "asked_by": "sam"}
    return BulkCancel.objects.create(created_at=database_time(), **{**plain, **columns})


@pytest.mark.parametrize("by", ["sam", ""])
def test_nobody_approves_a_bulk_cancellation_of_their_own(by):
    said = refusal(lambda: a_bulk(approval="approved", decided_by=by, decided_at=database_time()))

    assert "bulk_cancel_approved_by_another_person" in said


def test_who_asked_for_a_bulk_cancellation_may_take_it_back_and_another_may_approve_it():
    now = database_time()

    a_bulk(approval="refused", decided_by="sam", decided_at=now, finished_at=now)
    a_bulk(approval="approved", decided_by="tess", decided_at=now)


@pytest.mark.parametrize("approval", ["approved", "refused"])
def test_a_decision_about_a_bulk_cancellation_has_a_time(approval):
    assert "bulk_cancel_decision_has_a_time" in refusal(lambda: a_bulk(approval=approval, decided_by="tess"))


def test_a_bulk_cancellation_that_waits_for_approval_is_not_finished():
    said = refusal(lambda: a_bulk(approval="waiting", finished_at=database_time()))

    assert "bulk_cancel_waits_unfinished" in said


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"state": "lost", "next_at": None}, "gateway_notice_state_known"),
        ({"kind": "rumor"}, "gateway_notice_kind_known"),
        ({"next_at": None}, "gateway_notice_new_has_a_time"),
        ({"state": "done"}, "gateway_notice_new_has_a_time"),
    ],
)
def test_a_notice_that_contradicts_itself_is_refused(columns, constraint):
    assert constraint in refusal(lambda: a_notice_row(**{"next_at": database_time(), **columns}))


def test_an_event_is_kept_once_for_each_gateway():
    a_notice_row()
    a_notice_row(gateway="gong")

    assert "gateway_notice" in refusal(a_notice_row)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [({"amount": -1}, "dispute_amount_not_negative"), ({"currency": "inr"}, "dispute_currency_is_three_capitals")],
)
def test_a_dispute_that_makes_no_sense_is_refused(columns, constraint):
    assert constraint in refusal(lambda: a_dispute_row(**columns))


def test_a_dispute_is_there_once():
    first = a_dispute_row()

    assert "dispute" in refusal(lambda: a_dispute_row(payment=first.payment))
