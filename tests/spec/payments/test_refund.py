"""Refunds: the money of a booking that ended goes back, once; what the gateway says of it is kept."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment, Refund
from bookings.ports import NotSent, RefundAwaits, Refunded, RefundFailed
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.refund import settle_refund
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_refund_row,
    an_owed_refund,
    let_time_pass,
    one_pass,
    payment_states,
    refund_states,
)
from tests.support.fakes import ChargeFault, ProcessDied
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def a_booking_that_staff_cancel(flights, payments, **order):
    booking = a_booked_booking(flights, payments, **order)
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)


def shown_refund(api, booking):
    return shown(api.get(f"/api/v1/bookings/{booking.pk}"))["refund"]


@pytest.mark.slow
def test_the_money_goes_back_under_a_key_of_its_own(flights, payments):
    a_booking_that_staff_cancel(flights, payments)

    result = one_pass(flights, payments)

    payment, refund = Payment.objects.get(), Refund.objects.get()
    assert (result.refunds, payment.state, payment.refunded) == (1, "refunded", 4000)
    assert payments.refunds == {refund.key: payment.gateway_key}
    assert (refund.state, refund.amount, refund.currency, refund.source) == ("done", 4000, "XXX", "ours")
    assert (refund.cause, refund.asked_by) == ("booking_ended", "anna")
    assert refund.done_at is not None


@pytest.mark.slow
def test_money_that_came_in_too_late_says_so(flights, payments):
    booking = a_booked_booking(flights, payments)
    Booking.objects.filter(pk=booking.pk).update(status="initiated", active_payment_id=None, payment_state="pending")
    Payment.objects.update(state="processing", next_at=database_time(), settled_at=None)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    let_time_pass(minutes=1)

    for _ in range(2):
        one_pass(flights, payments)

    refund = Refund.objects.get()
    assert (refund.state, refund.cause, refund.asked_by) == ("done", "paid_too_late", "")
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_refund_is_not_made_twice(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    one_pass(flights, payments)
    let_time_pass(minutes=1)

    again = one_pass(flights, payments)

    assert again.refunds == 0
    assert len(payments.refunds) == 1


def test_the_word_of_two_workers_refunds_once(flights, payments):
    booking = a_booking_that_staff_cancel(flights, payments)
    refund = Refund.objects.get()

    refunded = [settle_refund(refund.pk, lease=uuid.uuid4(), outcome=Refunded("re_1")) for _ in range(2)]

    assert refunded == [1, 0]
    assert booking.events.filter(what="refunded").count() == 1
    assert Refund.objects.get().gateway_id == "re_1"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [ChargeFault.UNKNOWN, ChargeFault.UNKNOWN_MOVED])
def test_a_refund_without_an_answer_is_asked_again_under_the_same_key(flights, payments, fault):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(fault)
    one_pass(flights, payments)
    before = payment_states(), refund_states()
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert before == (["refund_due"], ["due"])
    assert (payment_states(), refund_states(), result.refunds) == (["refunded"], ["done"], 1)
    assert len(payments.refunds) == 1
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [ChargeFault.DIE_BEFORE, ChargeFault.DIE_AFTER])
def test_a_worker_that_dies_while_refunding_is_followed_by_the_next_after_the_lease(flights, payments, fault):
    booking = a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(fault)
    with pytest.raises(ProcessDied):
        one_pass(flights, payments)
    too_early = one_pass(flights, payments)
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert (too_early.refunds, result.refunds) == (0, 1)
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_refund_that_was_certainly_not_sent_is_not_too_old_after_a_day(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.NOT_SENT, ChargeFault.NOT_SENT)
    one_pass(flights, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    before = refund_states()
    let_time_pass(minutes=1)

    one_pass(flights, payments)

    assert (before, refund_states()) == (["due"], ["done"])
    assert_in_step(flights, payments)


def test_a_refund_of_a_gateway_that_the_settings_do_not_name_stays_due(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    Payment.objects.update(gateway="gone")

    result = one_pass(flights, payments)

    refund = Refund.objects.get()
    assert (result.refunds, refund.state, refund.last_error) == (0, "due", "the settings name no such gateway")


@pytest.mark.slow
def test_nothing_is_claimed_while_the_gateway_is_not_available(flights, payments, monkeypatch):
    a_booking_that_staff_cancel(flights, payments)
    monkeypatch.setattr(payments, "is_available", lambda: False)

    result = one_pass(flights, payments)

    refund = Refund.objects.get()
    assert (result.refunds, refund.state, refund.claims, payments.refunds) == (0, "due", 0, {})


def test_a_booking_that_cost_nothing_is_refunded_without_a_call(flights, payments):
    flights.set_flight(1, price=0)

    booking = a_booking_that_staff_cancel(flights, payments)

    booking.refresh_from_db()
    assert (payment_states(), refund_states(), booking.payment_state) == (["refunded"], [], "refunded")
    assert violations() == []


# --- a refund that fails --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_refund_that_the_gateway_refuses_waits_for_staff(api, flights, payments):
    booking = a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_FAILS)
    result = one_pass(flights, payments)
    let_time_pass(days=2)

    later = one_pass(flights, payments)

    payment, refund = Payment.objects.get(), Refund.objects.get()
    assert (result.refunds, later.refunds, len(payments.refunds)) == (0, 0, 0)
    assert (payment.state, payment.refunded, refund.state, refund.decision) == ("refund_due", 0, "failed", "")
    assert (refund.last_error, refund.gateway_id) == ("expired_or_canceled_card", f"fake-{refund.key}")
    assert list(booking.events.values_list("what", "note")) == [
        ("booked", ""),
        ("cancelled", ""),
        ("refund_failed", ""),
    ]
    # The customer has the money to come.
    assert shown_refund(api, booking)["state"] == "pending"
    assert shown_refund(api, booking)["amount"] == 4000
    assert violations() == []


def test_a_refund_that_was_made_can_still_fail(api, flights, payments):
    booking = a_booking_that_staff_cancel(flights, payments)
    one_pass(flights, payments)
    refund = Refund.objects.get()
    before = shown_refund(api, booking)["state"]

    settle_refund(refund.pk, lease=None, outcome=RefundFailed("account closed"))

    refund.refresh_from_db()
    assert (refund.state, refund.done_at, refund.last_error) == ("failed", None, "account closed")
    assert (before, shown_refund(api, booking)["state"]) == ("succeeded", "pending")
    assert payment_states() == ["refund_due"]
    assert violations() == []


def test_the_failure_of_one_of_two_refunds_leaves_the_other(flights, payments):
    booking = a_booked_booking(flights, payments)
    first = a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    one_pass(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    one_pass(flights, payments)
    ended = payment_states()

    settle_refund(first.pk, lease=None, outcome=RefundFailed("account closed"))

    payment = Payment.objects.get()
    assert ended == ["refunded"]
    assert (payment.state, payment.refunded, refund_states()) == ("refund_due", 3000, ["failed", "done"])
    assert violations() == []


@pytest.mark.slow
def test_a_gateway_that_changes_its_mind_is_believed(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)

    made = settle_refund(Refund.objects.get().pk, lease=None, outcome=Refunded())

    assert (made, payment_states(), refund_states()) == (1, ["refunded"], ["done"])
    assert violations() == []


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [Refunded(), RefundFailed("no"), RefundAwaits("re_1", "pending"), NotSent("away")])
@pytest.mark.parametrize(("state", "decision"), [("failed", "again"), ("failed", "left"), ("elsewhere", "")])
def test_what_staff_have_decided_stays_as_it_is(state, decision, outcome):
    refund = an_owed_refund(state, decision=decision)
    before = Refund.objects.filter(pk=refund.pk).values().get()

    made = settle_refund(refund.pk, lease=None, outcome=outcome)

    assert (made, Refund.objects.filter(pk=refund.pk).values().get()) == (0, before)


@pytest.mark.parametrize("outcome", [Refunded(), RefundAwaits("re_1", "pending"), NotSent("away")])
def test_a_refund_that_was_made_stays_made(outcome):
    refund = an_owed_refund("done")

    made = settle_refund(refund.pk, lease=None, outcome=outcome)

    assert (made, refund_states(), payment_states()) == (0, ["done"], ["refunded"])


# --- a refund that takes its time -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_refund_that_the_gateway_has_is_looked_at_each_minute_until_it_is_made(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS)
    one_pass(flights, payments)
    sent = Refund.objects.get()
    let_time_pass(seconds=20)
    one_pass(flights, payments)
    too_early = len(payments.looked_at)
    let_time_pass(seconds=40)
    one_pass(flights, payments)
    looked_at = list(payments.looked_at)
    payments.finish_refunds()
    let_time_pass(minutes=1)

    result = one_pass(flights, payments)

    assert (sent.state, sent.gateway_id, sent.last_error) == ("sent", f"fake-{sent.key}", "pending")
    assert (too_early, looked_at) == (0, [sent.key])
    assert (result.refunds, refund_states(), payment_states()) == (1, ["done"], ["refunded"])
    assert payments.asked.count(sent.key) == 1
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_from_the_second_hour_on_it_is_looked_at_each_hour_and_never_given_up(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS)
    one_pass(flights, payments)
    let_time_pass(hours=1)
    one_pass(flights, payments)
    pause = Refund.objects.get().next_at - database_time()
    let_time_pass(minutes=59)
    one_pass(flights, payments)
    looked = len(payments.looked_at)
    for _ in range(3):
        let_time_pass(days=2)
        one_pass(flights, payments)

    assert timedelta(minutes=59) < pause <= timedelta(hours=1)
    assert (looked, len(payments.looked_at), refund_states()) == (1, 4, ["sent"])


@pytest.mark.slow
def test_a_look_without_an_answer_is_repeated(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS, ChargeFault.UNKNOWN)
    one_pass(flights, payments)
    for _ in range(2):
        let_time_pass(minutes=1)
        one_pass(flights, payments)

    refund = Refund.objects.get()
    assert (len(payments.looked_at), refund.state, refund.first_sent_at) == (2, "sent", None)


def test_the_late_end_of_a_look_leaves_the_lease_of_another_one(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS)
    one_pass(flights, payments)
    before = Refund.objects.values().get()

    settle_refund(before["id"], lease=uuid.uuid4(), outcome=NotSent("away"))

    assert Refund.objects.values().get() == before


@pytest.mark.slow
def test_a_pause_that_is_longer_than_any_is_over(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS)
    one_pass(flights, payments)
    Refund.objects.update(next_at=database_time() + timedelta(hours=2))

    one_pass(flights, payments)

    assert len(payments.looked_at) == 1


@pytest.mark.slow
def test_a_refund_that_waits_can_fail(flights, payments):
    a_booking_that_staff_cancel(flights, payments)
    payments.fail_next(ChargeFault.REFUND_WAITS, ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)
    let_time_pass(minutes=1)

    one_pass(flights, payments)

    assert (refund_states(), payment_states()) == (["failed"], ["refund_due"])


def test_a_refund_that_was_given_up_and_is_there_after_all_is_looked_at():
    refund = an_owed_refund("dead")

    settle_refund(refund.pk, lease=None, outcome=RefundAwaits("re_1", "pending"))

    refund.refresh_from_db()
    assert (refund.state, refund.gateway_id, refund.next_at is not None) == ("sent", "re_1", True)
