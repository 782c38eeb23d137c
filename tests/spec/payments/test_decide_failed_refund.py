"""Refunds that failed: staff have another one made, say where the money went, or leave it."""

import uuid

import pytest

from bookings.errors import InvalidRequest, MoneyIsOwed, NothingToDecide, RefundNotFound, RefundTooLarge, StaffOnly
from bookings.lifecycle import AfterFailure, CancelReason
from bookings.models import Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.decide_failed_refund import FailureResolution, decide_failed_refund
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_refund_row,
    an_owed_refund,
    customer,
    one_pass,
    payment_states,
    refund_states,
)
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def resolution(decision, **said):
    usual = {"actor": STAFF, "note": "called the customer", "action_key": uuid.uuid4().hex}
    if decision is AfterFailure.ELSEWHERE:
        usual["reference"] = "transfer 4711"
    return FailureResolution(decision, **{**usual, **said})


def decide(refund, decision, **said):
    return decide_failed_refund(refund_id=refund.pk, resolution=resolution(decision, **said))


@pytest.fixture
def of_an_ended(flights, payments):
    """The refund of all of a booking that staff have cancelled; the gateway has refused it."""
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)
    return Refund.objects.get()


@pytest.fixture
def of_a_live(flights, payments):
    """A part of a booking that goes on; the gateway has refused it."""
    a_booked_booking(flights, payments)
    a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)
    return Refund.objects.get()


def shown_refund(api, refund):
    return shown(api.get(f"/api/v1/bookings/{refund.payment.booking_id}"))["refund"]


@pytest.mark.slow
def test_again_is_a_new_refund_with_a_new_key(api, flights, payments, of_an_ended):
    decide(of_an_ended, AfterFailure.AGAIN)
    one_pass(flights, payments)

    first, second = Refund.objects.order_by("pk")
    assert (first.state, first.decision) == ("failed", "again")
    assert (second.state, second.amount, second.cause, second.asked_by) == ("done", 4000, "booking_ended", "anna")
    assert first.key != second.key
    assert shown_refund(api, second)["state"] == "succeeded"
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_part_is_asked_for_again(api, flights, payments, of_a_live):
    before = shown_refund(api, of_a_live)

    decide(of_a_live, AfterFailure.AGAIN)
    due = shown_refund(api, of_a_live)
    one_pass(flights, payments)

    assert (before, due["state"], due["amount"]) == (None, "pending", 1000)
    assert shown_refund(api, of_a_live)["state"] == "succeeded"
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_money_that_went_on_another_way_counts_as_refunded(api, flights, payments, of_an_ended):
    decide(of_an_ended, AfterFailure.ELSEWHERE)
    one_pass(flights, payments)

    of_an_ended.refresh_from_db()
    assert (of_an_ended.state, of_an_ended.reference, of_an_ended.decision) == ("elsewhere", "transfer 4711", "")
    assert (payment_states(), refund_states(), payments.refunds) == (["refunded"], ["elsewhere"], {})
    assert shown_refund(api, of_an_ended)["state"] == "succeeded"
    event = of_an_ended.payment.booking.events.get(what="refund_elsewhere")
    assert (event.actor_name, event.note) == ("anna", "transfer 4711: called the customer")
    assert violations(quiet=True) == []


def test_a_part_that_went_on_another_way_is_shown(api, of_a_live):
    decide(of_a_live, AfterFailure.ELSEWHERE)

    found = shown_refund(api, of_a_live)
    assert (found["state"], found["amount"], Payment.objects.get().refunded) == ("succeeded", 1000, 1000)
    assert violations() == []


def test_a_part_can_be_left(api, of_a_live):
    decide(of_a_live, AfterFailure.LEAVE)

    of_a_live.refresh_from_db()
    assert (of_a_live.state, of_a_live.decision, of_a_live.needs_decision) == ("failed", "left", False)
    assert shown_refund(api, of_a_live) is None
    event = of_a_live.payment.booking.events.get(what="refund_resolved")
    assert (event.actor_name, event.reason, event.note) == ("anna", "left", "called the customer")
    assert violations(quiet=True) == []


def test_what_the_customer_must_have_cannot_be_left(of_an_ended):
    with pytest.raises(MoneyIsOwed):
        decide(of_an_ended, AfterFailure.LEAVE)

    of_an_ended.refresh_from_db()
    assert of_an_ended.needs_decision


@pytest.mark.slow
@pytest.mark.parametrize("decision", [AfterFailure.AGAIN, AfterFailure.ELSEWHERE])
def test_no_more_goes_back_than_is_left(of_a_live, decision):
    a_refund_row(Payment.objects.get(), amount=3500, cause="goodwill")

    with pytest.raises(RefundTooLarge):
        decide(of_a_live, decision)

    assert Payment.objects.get().refunded == 3500


@pytest.mark.slow
@pytest.mark.parametrize("decision", list(AfterFailure))
def test_one_page_decides_once(of_a_live, decision):
    said = resolution(decision)

    answers = [decide_failed_refund(refund_id=of_a_live.pk, resolution=said) for _ in range(2)]

    assert answers[0].standing == answers[1].standing
    assert of_a_live.payment.booking.events.filter(actor_name="anna").count() == 1


@pytest.mark.parametrize(
    ("state", "columns"),
    [("due", {}), ("sent", {}), ("done", {}), ("dead", {}), ("elsewhere", {}), ("failed", {"decision": "again"})],
    ids=str,
)
def test_only_what_failed_waits_for_this_decision(state, columns):
    refund = an_owed_refund(state, **columns)

    with pytest.raises(NothingToDecide):
        decide(refund, AfterFailure.AGAIN)

    assert Refund.objects.count() == 1


def test_a_refund_that_is_not_there_is_not_found():
    with pytest.raises(RefundNotFound):
        decide_failed_refund(refund_id=99, resolution=resolution(AfterFailure.AGAIN))


@pytest.mark.parametrize(
    ("decision", "said", "field"),
    [
        (AfterFailure.AGAIN, {"note": " "}, "note"),
        (AfterFailure.AGAIN, {"note": "x" * 501}, "note"),
        (AfterFailure.ELSEWHERE, {"reference": ""}, "reference"),
        (AfterFailure.ELSEWHERE, {"reference": "x" * 101}, "reference"),
        (AfterFailure.ELSEWHERE, {"reference": "two\nlines"}, "reference"),
    ],
)
def test_a_decision_says_why_and_where(decision, said, field):
    with pytest.raises(InvalidRequest) as refused:
        resolution(decision, **said)

    assert list(refused.value.fields) == [field]


def test_only_staff_decide():
    with pytest.raises(StaffOnly):
        resolution(AfterFailure.AGAIN, actor=customer())
