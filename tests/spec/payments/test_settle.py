"""Payments at a gateway that is another system: declined, unknown, late, refunded."""

import pytest

from bookings.errors import PaymentInProgress
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment
from bookings.ports import AwaitsBank, AwaitsPayer, Mistake
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.settle import settle_payment
from bookings.services.upkeep.run_pass import run_pass
from bookings.text.money import Money
from tests.support.api import refused, shown
from tests.support.bookings import (
    STAFF,
    an_initiated_booking,
    customer,
    let_time_pass,
    one_pass,
    pay,
    payment_states,
    status_of,
)
from tests.support.fakes import ChargeFault, ProcessDied
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def state_of(booking):
    booking.refresh_from_db()
    return booking.status, booking.active_payment_id is not None


@pytest.fixture
def unsettled(flights, payments):
    """A booking whose payment has no answer; the money has not moved."""
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    return booking


def test_a_charge_that_succeeds_books(api, flights, payments):
    booking = shown(api.create())

    answer = api.pay(booking)

    assert answer.status_code == 201
    assert shown(answer)["status"] == "booked"
    assert payments.net_charges(booking["reference"]) == 1
    assert_in_step(flights, payments)


def test_the_gateway_gets_the_amount_the_reference_and_a_key_of_ours(api, payments):
    booking = shown(api.create())

    api.pay(booking, key="the client's-own-key".replace(" ", "-"))

    payment = Payment.objects.get()
    assert payments.charges == {payment.gateway_key: (booking["reference"], Money(4000, "XXX"))}


def test_a_payment_is_on_record_before_the_gateway_is_asked(flights, payments):
    booking = an_initiated_booking(flights)
    seen = []
    payments.meanwhile(lambda: seen.extend([*payment_states(), *state_of(booking)]))

    pay(booking, payments)

    assert seen == ["processing", "initiated", True]


def test_a_declined_payment_keeps_the_seats_and_can_be_tried_again(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.DECLINE)

    first = api.pay(booking)
    second = api.pay(booking)

    assert refused(first) == (402, "payment_declined")
    assert second.status_code == 201
    assert payment_states() == ["failed", "succeeded"]
    assert payments.net_charges(booking["reference"]) == 1
    assert_in_step(flights, payments)


def test_a_declined_payment_names_the_request_that_was_declined(api, payments):
    booking = shown(api.create(headers={"X-Request-ID": "make-it"}))
    payments.fail_next(ChargeFault.DECLINE)

    answer = api.pay(booking, headers={"X-Request-ID": "pay-it"})

    assert answer.json()["error"]["requestId"] == answer.headers["X-Request-ID"] == "pay-it"


def test_a_declined_payment_is_replayed_under_its_key(api, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.DECLINE)
    first = api.pay(booking, key="k")

    again = api.pay(booking, key="k")

    assert (again.status_code, again.content) == (402, first.content)
    assert payment_states() == ["failed"]


@pytest.mark.slow
def test_an_unknown_outcome_is_accepted_and_the_worker_finds_it_out(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)

    answer = api.pay(booking)

    assert answer.status_code == 202
    assert answer.json()["message"] == "Payment is being settled"
    assert answer.headers["Location"] == f"/api/v1/bookings/{booking['id']}"
    assert (payment_states(), violations()) == (["processing"], [])
    let_time_pass(seconds=15)
    one_pass(flights, payments)
    assert state_of(Booking.objects.get()) == ("booked", True)
    assert payments.net_charges(booking["reference"]) == 1
    assert len(payments.asked) == 1
    assert_in_step(flights, payments)


def test_the_worker_charges_nobody_and_closes_what_was_left(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN)
    api.pay(booking, key="k")
    let_time_pass(seconds=30)
    one_pass(flights, payments)
    half_a_minute_later = payment_states()
    let_time_pass(seconds=31)

    one_pass(flights, payments)

    answer = api.pay(booking, key="k")
    assert (half_a_minute_later, payment_states()) == (["processing"], ["failed"])
    assert (refused(answer), len(payments.asked)) == ((402, "payment_not_completed"), 1)
    assert not payments.can_be_paid(Payment.objects.get().gateway_key)
    assert api.pay(booking, key="another").status_code == 201
    assert_in_step(flights, payments)


def test_the_same_key_asks_again_about_an_unknown_outcome(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(booking, key="k")
    let_time_pass(seconds=15)

    answer = api.pay(booking, key="k")

    assert answer.status_code == 201
    assert len(set(payments.asked)) == 1
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [ChargeFault.DIE_BEFORE, ChargeFault.DIE_AFTER])
@pytest.mark.parametrize("repaired_by", ["the worker", "the client"])
def test_a_request_that_dies_is_finished_after_its_lease(api, flights, payments, fault, repaired_by):
    booking = shown(api.create())
    payments.fail_next(fault)
    with pytest.raises(ProcessDied):
        api.pay(booking, key="k")
    too_early = api.pay(booking, key="k")
    let_time_pass(seconds=30)

    if repaired_by == "the worker":
        one_pass(flights, payments)
    answer = api.pay(booking, key="k")

    assert refused(too_early) == (409, "request_in_progress")
    assert too_early.headers["Retry-After"] == "1"
    assert answer.status_code == 201
    assert payments.net_charges(booking["reference"]) == 1
    assert_in_step(flights, payments)


def test_another_key_waits_while_a_request_works_on_a_payment(api, flights, payments):
    booking = shown(api.create())
    meanwhile = []
    payments.meanwhile(lambda: meanwhile.append(api.pay(booking)))

    assert api.pay(booking).status_code == 201
    assert refused(meanwhile[0]) == (409, "payment_in_progress")
    assert payment_states() == ["succeeded"]


def test_another_key_closes_the_payment_that_waits_and_pays(api, flights, payments, unsettled):
    answer = api.pay(unsettled)

    assert answer.status_code == 201
    assert payment_states() == ["failed", "succeeded"]
    assert payments.net_charges(unsettled.reference) == 1
    assert_in_step(flights, payments)


def test_a_customer_cannot_cancel_while_a_payment_is_being_settled(unsettled):
    with pytest.raises(PaymentInProgress):
        cancel_booking(booking_id=unsettled.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)

    assert state_of(unsettled) == ("initiated", True)


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["charged", "closed"])
def test_staff_may_ask_to_cancel_while_a_payment_is_being_settled(flights, payments, unsettled, ends):
    asked = cancel_booking(booking_id=unsettled.pk, actor=STAFF, reason=CancelReason.FRAUD, note="a stolen card")
    let_time_pass(seconds=15)
    if ends == "charged":
        payments.payer_pays(Payment.objects.get().gateway_key)

    one_pass(flights, payments)
    one_pass(flights, payments)

    assert (asked.status, asked.cancel_requested) == ("initiated", True)
    assert state_of(unsettled) == ("cancelled", False)
    assert payment_states() == [{"charged": "refunded", "closed": "failed"}[ends]]
    assert list(unsettled.events.filter(what="cancelled").values_list("actor_name", "reason", "note")) == [
        ("anna", "fraud", "a stolen card")
    ]
    assert flights.taken(1) == 0
    assert_in_step(flights, payments)


def test_asking_to_cancel_twice_is_noted_once(unsettled):
    for _ in range(2):
        cancel_booking(booking_id=unsettled.pk, actor=STAFF, reason=CancelReason.FRAUD)

    assert list(unsettled.events.values_list("what", flat=True)) == ["cancel_requested"]


@pytest.mark.slow
def test_a_charge_that_succeeds_after_half_an_hour_is_refunded(flights, payments, unsettled):
    payments.down = True
    let_time_pass(minutes=46)
    one_pass(flights, payments)
    after_half_an_hour = state_of(unsettled)[0], payment_states()
    payments.payer_pays(Payment.objects.get().gateway_key)
    payments.down = False
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert after_half_an_hour == ("cancelled", ["processing"])
    assert payment_states() == ["refunded"]
    assert payments.net_charges(unsettled.reference) == 0
    assert flights.taken(1) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_payment_that_is_closed_after_half_an_hour_leaves_the_booking_cancelled(flights, payments, unsettled):
    payments.down = True
    let_time_pass(minutes=46)
    one_pass(flights, payments)
    payments.down = False
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert state_of(unsettled) == ("cancelled", False)
    assert payment_states() == ["failed"]
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_charge_that_outlives_its_booking_is_told_to_the_client(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(booking, key="k")
    payments.down = True
    let_time_pass(minutes=46)
    one_pass(flights, payments)
    payments.down = False
    let_time_pass(seconds=30)

    answer = api.pay(booking, key="k")

    assert refused(answer) == (409, "booking_cancelled")
    assert answer.json()["error"]["explanation"] == (
        "This booking was cancelled before the payment ended; the money is refunded."
    )
    one_pass(flights, payments)
    assert_in_step(flights, payments)


def test_a_payment_that_started_in_time_counts_however_long_it_takes(flights, payments):
    booking = an_initiated_booking(flights)
    let_time_pass(minutes=14)
    payments.meanwhile(lambda: let_time_pass(minutes=10))

    answer = pay(booking, payments)

    assert status_of(answer) == 201
    assert state_of(booking) == ("booked", True)


def test_a_charge_that_was_certainly_not_sent_leaves_the_key_free(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.NOT_SENT)

    answer = api.pay(booking, key="k")

    assert (refused(answer), answer.headers["Retry-After"]) == ((503, "payment_gateway_unavailable"), "5")
    assert payment_states() == ["failed"]
    assert api.pay(booking, key="k").status_code == 201
    assert_in_step(flights, payments)


def test_a_charge_is_not_asked_for_where_the_settings_do_not_name_its_gateway(flights, unsettled):
    let_time_pass(minutes=1)

    run_pass(flights=flights, payments={})

    assert Payment.objects.get().last_error == "the settings name no such gateway"


@pytest.mark.parametrize("outcome", [AwaitsPayer(), AwaitsBank(), Mistake("401")])
def test_a_payment_that_waits_for_somebody_is_asked_about_again(unsettled, outcome):
    payment = Payment.objects.get()

    settle_payment(payment.pk, lease=payment.lease, outcome=outcome)

    assert payment_states() == ["processing"]
