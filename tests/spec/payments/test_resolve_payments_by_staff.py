"""Dead charges: staff say what the gateway never said, and booking, seats and money follow."""

import json

import pytest

from bookings.errors import PaymentInProgress
from bookings.lifecycle import CancelReason, Decision
from bookings.models import Payment
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.resolve_payment import resolve_payment
from tests.support.api import refused, shown
from tests.support.bookings import (
    STAFF,
    an_initiated_booking,
    customer,
    gateways_of,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.calls import a_resolution
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

MOVED = pytest.mark.parametrize("fault", [ChargeFault.UNKNOWN, ChargeFault.UNKNOWN_MOVED], ids=["not moved", "moved"])


@pytest.fixture
def long_window(settings):
    """A payment window of two days: only then a booking outlives the day for which its payment is repeated."""
    settings.PAYMENT_WINDOW_SECONDS = 2 * 86_400


@pytest.fixture
def decide(payments):
    def as_staff(decision):
        return resolve_payment(
            payment_id=Payment.objects.get().pk, resolution=a_resolution(decision), payments=gateways_of(payments)
        )

    return as_staff


def a_dead_charge(flights, payments, fault):
    booking = an_initiated_booking(flights)
    payments.fail_next(fault)
    pay(booking, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    assert Payment.objects.get().state == "dead"
    return booking


def state_of(booking):
    booking.refresh_from_db()
    return booking.status, Payment.objects.get().state


def events_of(booking):
    return list(booking.events.order_by("pk").values_list("what", "actor_name"))


@MOVED
def test_a_dead_charge_keeps_the_seats_of_a_booking_whose_window_is_open(flights, payments, long_window, fault):
    booking = a_dead_charge(flights, payments, fault)

    assert state_of(booking) == ("initiated", "dead")
    assert flights.taken(1) == 2
    assert violations() == []


def test_a_booking_whose_charge_is_dead_cannot_be_paid_again(api, payments, long_window):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(booking, key="k")
    let_time_pass(hours=25)

    gives_up = api.pay(booking, key="k")
    another_key = api.pay(booking)

    assert Payment.objects.get().state == "dead"
    assert refused(gives_up) == (409, "request_in_progress")
    assert refused(another_key) == (409, "payment_in_progress")
    assert payments.net_charges(booking["reference"]) == 1


@pytest.mark.slow
@MOVED
def test_a_booking_whose_charge_is_dead_expires_with_its_window(flights, payments, fault):
    booking = a_dead_charge(flights, payments, fault)

    assert state_of(booking) == ("cancelled", "dead")
    assert flights.taken(1) == 0
    assert violations() == []


@pytest.mark.slow
def test_a_long_window_of_a_booking_whose_charge_is_dead_ends_as_well(flights, payments, long_window):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN)
    let_time_pass(hours=24)

    one_pass(flights, payments)

    assert state_of(booking) == ("cancelled", "dead")
    assert flights.taken(1) == 0


def test_a_customer_cannot_cancel_while_it_is_not_known_who_has_the_money(flights, payments, long_window):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN)

    with pytest.raises(PaymentInProgress):
        cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)

    assert state_of(booking) == ("initiated", "dead")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "decision", "ends"),
    [
        (ChargeFault.UNKNOWN_MOVED, Decision.APPLIED, ("booked", "succeeded")),
        (ChargeFault.UNKNOWN, Decision.NOT_APPLIED, ("initiated", "failed")),
        (ChargeFault.UNKNOWN_MOVED, Decision.RETRY, ("booked", "succeeded")),
        (ChargeFault.UNKNOWN, Decision.RETRY, ("initiated", "failed")),
    ],
)
def test_a_decision_about_a_charge_ends_the_wait_of_its_booking(
    flights, payments, long_window, decide, fault, decision, ends
):
    booking = a_dead_charge(flights, payments, fault)

    decide(decision)

    assert state_of(booking) == ends
    assert payments.net_charges(booking.reference) == (ends[0] == "booked")
    assert_in_step(flights, payments)


def test_after_it_was_not_charged_the_customer_can_pay_once_more(flights, payments, long_window, decide):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN)
    decide(Decision.NOT_APPLIED)

    pay(booking, payments)

    assert list(Payment.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "succeeded"]
    assert payments.net_charges(booking.reference) == 1
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "decision", "state"),
    [
        (ChargeFault.UNKNOWN_MOVED, Decision.APPLIED, "refunded"),
        (ChargeFault.UNKNOWN, Decision.NOT_APPLIED, "failed"),
        (ChargeFault.UNKNOWN_MOVED, Decision.RETRY, "refunded"),
    ],
)
def test_money_that_no_booking_wants_any_more_goes_back(flights, payments, decide, fault, decision, state):
    booking = a_dead_charge(flights, payments, fault)

    decide(decision)
    one_pass(flights, payments)

    assert state_of(booking) == ("cancelled", state)
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("decision", [Decision.APPLIED, Decision.NOT_APPLIED])
def test_a_cancellation_that_staff_asked_for_follows_the_decision(flights, payments, long_window, decide, decision):
    moved = decision is Decision.APPLIED
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN_MOVED if moved else ChargeFault.UNKNOWN)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    asked = state_of(booking)

    decide(decision)
    for _ in range(2):
        one_pass(flights, payments)

    assert asked == ("initiated", "dead")
    assert state_of(booking) == ("cancelled", "refunded" if moved else "failed")
    assert flights.taken(1) == 0
    assert_in_step(flights, payments)


def test_the_events_say_what_was_decided_and_what_followed(flights, payments, long_window, decide):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN)

    decide(Decision.NOT_APPLIED)

    assert events_of(booking) == [("payment_resolved", "anna"), ("payment_failed", "anna")]
    assert booking.events.get(what="payment_resolved").reason == "not_applied"


def test_the_client_finds_the_decision_under_its_key_without_a_word_of_staff(api, payments, decide, long_window):
    booking = shown(api.create(headers={"X-Request-ID": "make-it"}))
    payments.fail_next(ChargeFault.UNKNOWN)
    api.pay(booking, key="k")
    let_time_pass(hours=25)
    api.pay(booking, key="k")
    decide(Decision.NOT_APPLIED)

    answer = api.pay(booking, key="k")

    assert refused(answer) == (402, "payment_not_completed")
    assert answer.json()["error"]["requestId"] == "make-it"
    assert "anna" not in json.dumps(answer.json())


def slower_than_its_lease(flights, payments, call="charge"):
    """While the gateway is asked its lease ends, and another pass finds the call too old to be sent again."""

    def another_pass():
        let_time_pass(seconds=31)
        one_pass(flights, payments)
        assert Payment.objects.latest("pk").state == "dead"

    if call == "close":
        payments.during(call, another_pass)
    else:
        payments.meanwhile(another_pass)


@pytest.mark.slow
def test_a_charge_that_is_answered_after_it_was_given_up_counts(flights, payments, long_window):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    let_time_pass(hours=23, minutes=59, seconds=50)
    slower_than_its_lease(flights, payments, "close")

    one_pass(flights, payments)

    assert state_of(booking) == ("booked", "succeeded")
    assert payments.net_charges(booking.reference) == 1
    assert violations() == []


@pytest.mark.slow
def test_a_retry_that_is_answered_after_its_lease_counts(flights, payments, long_window, decide):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN_MOVED)
    slower_than_its_lease(flights, payments, "close")

    payment = decide(Decision.RETRY)

    assert payment.state == "succeeded"
    assert state_of(booking) == ("booked", "succeeded")


@pytest.mark.slow
@pytest.mark.parametrize("pays_again", [False, True], ids=["no other payment", "another payment"])
def test_a_charge_that_was_made_although_staff_said_it_was_not_is_refunded(
    flights, payments, long_window, decide, pays_again
):
    booking = a_dead_charge(flights, payments, ChargeFault.UNKNOWN_MOVED)

    def a_second_person_decides():
        let_time_pass(seconds=31)
        one_pass(flights, payments)
        decide(Decision.NOT_APPLIED)
        if pays_again:
            pay(booking, payments)

    payments.during("close", a_second_person_decides)
    decide(Decision.RETRY)
    one_pass(flights, payments)

    booking.refresh_from_db()
    first, *others = Payment.objects.order_by("pk")
    assert first.state == "refunded"
    assert [payment.state for payment in others] == ["succeeded"] * pays_again
    assert booking.status == ("booked" if pays_again else "initiated")
    assert payments.net_charges(booking.reference) == pays_again
    assert_in_step(flights, payments)
