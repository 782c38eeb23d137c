"""Dead refunds: staff say what the gateway never said, and the customer has the money once."""

import pytest

from bookings.lifecycle import CancelReason, Decision
from bookings.models import BookingEvent, Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.resolve_refund import resolve_refund
from tests.support.bookings import STAFF, a_booked_booking, gateways_of, let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def decide(payments):
    def as_staff(decision):
        refund = Refund.objects.get(state="dead")
        return resolve_refund(refund_id=refund.pk, resolution=a_resolution(decision), payments=gateways_of(payments))

    return as_staff


def a_dead_refund(flights, payments, fault):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    payments.fail_next(fault)
    one_pass(flights, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    assert Refund.objects.get().state == "dead"
    return booking


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "decision"),
    [
        (ChargeFault.UNKNOWN_MOVED, Decision.APPLIED),
        (ChargeFault.UNKNOWN, Decision.NOT_APPLIED),
        (ChargeFault.UNKNOWN_MOVED, Decision.RETRY),
        (ChargeFault.UNKNOWN, Decision.RETRY),
    ],
)
def test_after_the_decision_about_a_refund_the_customer_has_the_money_once(flights, payments, decide, fault, decision):
    booking = a_dead_refund(flights, payments, fault)
    owed = Payment.objects.get().state

    decide(decision)
    one_pass(flights, payments)

    payment = Payment.objects.get()
    assert (owed, payment.state, payment.refunded) == ("refund_due", "refunded", 4000)
    assert (len(payments.refunds), payments.net_charges(booking.reference)) == (1, 0)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_refund_that_was_not_made_is_made_as_another_one(flights, payments, decide):
    booking = a_dead_refund(flights, payments, ChargeFault.UNKNOWN)

    first = decide(Decision.NOT_APPLIED)

    assert (first.state, first.decision, first.last_error) == ("failed", "again", "no answer")
    second = Refund.objects.get(state="due")
    assert (second.amount, second.cause, second.asked_by, second.note) == (4000, "booking_ended", "anna", "why")
    assert (second.claims, second.first_sent_at) == (0, None)
    assert second.key != first.key
    assert list(booking.events.values_list("what", "reason")) == [
        ("booked", ""),
        ("cancelled", "fraud"),
        ("refund_resolved", "not_applied"),
    ]
    assert violations() == []


def test_a_refund_is_repeated_for_a_day_of_its_own(flights, payments, settings):
    settings.PAYMENT_WINDOW_SECONDS = 2 * 86_400
    booking = a_booked_booking(flights, payments)
    let_time_pass(hours=25)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)

    one_pass(flights, payments)

    assert Payment.objects.get().state == "refunded"


@pytest.mark.slow
def test_a_refund_that_is_answered_after_its_lease_counts(flights, payments, decide):
    booking = a_dead_refund(flights, payments, ChargeFault.UNKNOWN)

    def another_pass():
        let_time_pass(seconds=20)
        one_pass(flights, payments)
        assert Refund.objects.get().state == "dead"

    payments.meanwhile(another_pass)

    refund = decide(Decision.RETRY)

    assert refund.state == "done"
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_what_the_gateway_says_to_a_retry_is_kept(flights, payments, decide):
    a_dead_refund(flights, payments, ChargeFault.UNKNOWN)
    payments.fail_next(ChargeFault.REFUND_FAILS)

    refund = decide(Decision.RETRY)

    assert (refund.state, refund.last_error) == ("failed", "expired_or_canceled_card")
    assert BookingEvent.objects.filter(what="refund_failed").count() == 1
    assert violations() == []
