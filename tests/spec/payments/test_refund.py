"""Refunds: the money of a paid booking that staff cancel goes back, once."""

import uuid

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import Payment
from bookings.ports import Refunded, RefundFailed
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.refund import _settle_refund
from bookings.services.upkeep.run_pass import run_pass
from tests.support.bookings import STAFF, a_booked_booking, let_time_pass, one_pass, payment_states
from tests.support.fakes import ChargeFault, ProcessDied
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


def test_the_money_goes_back_under_a_key_of_its_own(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    result = one_pass(flights, payments)

    payment = Payment.objects.get()
    assert (result.refunds, payment.state) == (1, "refunded")
    assert payments.refunds == {payment.refund_key: payment.gateway_key}
    assert payment.refunded_at is not None


def test_a_refund_is_not_made_twice(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    one_pass(flights, payments)
    let_time_pass(minutes=1)

    again = one_pass(flights, payments)

    assert again.refunds == 0
    assert len(payments.refunds) == 1


def test_the_word_of_two_workers_refunds_once(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    payment = Payment.objects.get()

    refunded = [_settle_refund(payment.pk, lease=uuid.uuid4(), outcome=Refunded()) for _ in range(2)]

    assert refunded == [1, 0]
    assert booking.events.filter(what="refunded").count() == 1


@pytest.mark.parametrize("fault", [ChargeFault.UNKNOWN, ChargeFault.UNKNOWN_MOVED])
def test_a_refund_without_an_answer_is_asked_again_under_the_same_key(flights, payments, fault):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    payments.fail_next(fault)
    one_pass(flights, payments)
    before = payment_states()
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert (before, payment_states(), result.refunds) == (["refund_due"], ["refunded"], 1)
    assert len(payments.refunds) == 1
    assert_in_step(flights, payments)


@pytest.mark.parametrize("fault", [ChargeFault.DIE_BEFORE, ChargeFault.DIE_AFTER])
def test_a_worker_that_dies_while_refunding_is_followed_by_the_next_after_the_lease(flights, payments, fault):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    payments.fail_next(fault)
    with pytest.raises(ProcessDied):
        one_pass(flights, payments)
    too_early = one_pass(flights, payments)
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert (too_early.refunds, result.refunds) == (0, 1)
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


def test_a_refund_that_was_certainly_not_sent_is_not_too_old_after_a_day(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    payments.fail_next(ChargeFault.NOT_SENT, ChargeFault.NOT_SENT)
    one_pass(flights, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    before = payment_states()
    let_time_pass(minutes=1)

    one_pass(flights, payments)

    assert (before, payment_states()) == (["refund_due"], ["refunded"])
    assert_in_step(flights, payments)


def test_a_refund_that_the_gateway_will_never_make_waits_for_staff(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    _settle_refund(Payment.objects.get().pk, lease=uuid.uuid4(), outcome=RefundFailed("the card is closed"))

    payment = Payment.objects.get()
    assert (payment.state, payment.last_error) == ("refund_dead", "the card is closed")


def test_a_refund_stays_due_while_the_settings_do_not_name_its_gateway(flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    run_pass(flights=flights, payments={})

    payment = Payment.objects.get()
    assert (payment.state, payment.last_error) == ("refund_due", "the settings name no such gateway")
