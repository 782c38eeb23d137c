"""Payments that are closed: their time is over, or another payment or a cancellation comes first."""

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import Payment
from bookings.ports import (
    Unknown,
)
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.settle import settle_payment
from tests.support.api import refused, shown
from tests.support.bookings import STAFF, let_time_pass, one_pass, payment_states
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step
from tests.support.payers import TOKEN, read, step, the_payment

pytestmark = pytest.mark.django_db


# --- its time is over -----------------------------------------------------------------------------------


def test_a_payer_who_walks_away_is_closed_out_and_the_seats_go_back(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    let_time_pass(minutes=15)

    one_pass(flights, payments)

    assert payment_states() == ["failed"]
    assert (read(api, booking)["cancelReason"], flights.taken(1)) == ("expired", 0)
    assert refused(api.pay(booking, key="k")) == (402, "payment_not_completed")
    assert not payments.payer_pays(the_payment().gateway_key)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_while_the_close_has_no_answer_the_seats_stay(api, flights, payments, by_payer, booking):
    api.pay(booking)
    let_time_pass(minutes=15)
    payments.says("close", Unknown("no answer"))
    one_pass(flights, payments)
    meanwhile = (read(api, booking)["status"], step(), flights.taken(1))
    let_time_pass(seconds=15)
    since = the_payment().closing_since
    payments.says("close", Unknown("no answer"))
    one_pass(flights, payments)
    # A second try does not begin anew: an alert counts from the first.
    assert the_payment().closing_since == since
    let_time_pass(seconds=30)

    one_pass(flights, payments)

    assert meanwhile == ("initiated", "closing", 2)
    assert (read(api, booking)["status"], flights.taken(1)) == ("cancelled", 0)


def test_who_pays_before_the_close_has_the_booking(api, flights, payments, by_payer, booking):
    api.pay(booking)
    payments.payer_pays(the_payment().gateway_key)
    let_time_pass(minutes=15)

    one_pass(flights, payments)

    assert (read(api, booking)["status"], flights.taken(1)) == ("booked", 2)
    assert_in_step(flights, payments)


def test_a_repetition_after_the_time_to_pay_closes(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    let_time_pass(minutes=15)

    answer = api.pay(booking, key="k")

    assert refused(answer) == (402, "payment_not_completed")
    assert read(api, booking)["status"] == "cancelled"


def test_a_second_request_after_the_window_does_not_close_the_first(api, payments, by_payer, booking):
    let_time_pass(minutes=14)
    api.pay(booking)
    let_time_pass(minutes=2)

    answer = api.pay(booking)

    assert (refused(answer), step()) == ((409, "payment_in_progress"), "payer")


# --- another payment, or none ---------------------------------------------------------------------------


def test_a_second_tab_closes_the_first_and_pays(api, flights, payments, by_payer, booking):
    api.pay(booking, key="first")
    first = the_payment().gateway_key

    answer = api.pay(booking, key="second", paymentToken=TOKEN)

    assert (answer.status_code, payment_states()) == (201, ["failed", "succeeded"])
    assert not payments.payer_pays(first)
    assert refused(api.pay(booking, key="first")) == (402, "payment_not_completed")
    assert_in_step(flights, payments)


def test_a_second_tab_comes_too_late_if_the_payer_has_paid_in_the_first(api, flights, payments, by_payer, booking):
    api.pay(booking, key="first")
    payments.payer_pays(the_payment().gateway_key)

    answer = api.pay(booking, key="second", paymentToken=TOKEN)

    assert (refused(answer), payment_states()) == ((409, "already_paid"), ["succeeded"])
    assert_in_step(flights, payments)


@pytest.mark.parametrize("problem", [{"totalCost": 1}, {"currency": "EUR"}])
def test_a_second_request_that_is_wrong_closes_nothing(api, payments, by_payer, booking, problem):
    api.pay(booking)

    assert api.pay(booking, **problem).status_code == 400
    assert step() == "payer"


def test_a_second_tab_waits_where_the_gateway_does_not_answer(api, payments, by_payer, booking):
    api.pay(booking)
    payments.says("close", Unknown("no answer"))

    assert refused(api.pay(booking, paymentToken=TOKEN)) == (409, "payment_in_progress")
    assert (step(), payments.asked) == ("closing", [])


@pytest.mark.slow
def test_a_customer_cancels_and_the_payment_is_closed_first(api, flights, payments, by_payer, booking):
    api.pay(booking)

    answer = api.cancel(booking, key="c")

    assert (answer.status_code, shown(answer)["status"]) == (200, "cancelled")
    assert not payments.payer_pays(the_payment().gateway_key)
    one_pass(flights, payments)
    assert_in_step(flights, payments)


def test_a_customer_who_has_paid_cannot_cancel(api, flights, payments, by_payer, booking):
    api.pay(booking)
    payments.payer_pays(the_payment().gateway_key)

    assert refused(api.cancel(booking, key="c")) == (409, "already_paid")
    assert read(api, booking)["status"] == "booked"


@pytest.mark.parametrize("why", ["no answer", "not available"])
def test_a_customer_cannot_cancel_while_the_gateway_does_not_answer(api, payments, by_payer, booking, why):
    api.pay(booking)
    payments.resting = why == "not available"
    payments.says("close", Unknown("no answer"))

    answer = api.cancel(booking)

    assert refused(answer) == (409, "payment_in_progress")
    assert step() == ("payer" if payments.resting else "closing")


def test_what_staff_cancel_is_closed_first_and_ends(api, flights, payments, by_payer, booking):
    api.pay(booking)
    cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.FRAUD)
    before = read(api, booking)["status"]

    one_pass(flights, payments)

    assert (before, read(api, booking)["cancelReason"]) == ("initiated", "fraud")
    assert not payments.payer_pays(the_payment().gateway_key)
    assert_in_step(flights, payments)


def test_what_staff_cancel_while_it_is_opened_is_never_charged(api, flights, payments, booking):
    def staff_cancel():
        cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.FRAUD)

    payments.during("open", staff_cancel)

    answer = api.pay(booking)

    assert refused(answer) == (402, "payment_not_completed")
    assert (payments.charges, read(api, booking)["cancelReason"]) == ({}, "fraud")
    one_pass(flights, payments)
    assert_in_step(flights, payments)


def test_what_turns_too_late_while_it_is_looked_at_is_closed_and_not_charged(api, flights, payments, booking):
    payments.fail_next(ChargeFault.UNKNOWN)
    api.pay(booking, key="k")
    payments.during("look", lambda: let_time_pass(minutes=15))

    answer = api.pay(booking, key="k")

    assert refused(answer) == (402, "payment_not_completed")
    assert (len(payments.asked), payments.calls[-2:]) == (1, ["look", "close"])
    assert read(api, booking)["status"] == "cancelled"


def test_a_look_that_finds_nothing_out_leaves_a_payment_that_was_given_up_to_staff(api, by_payer, booking):
    api.pay(booking)
    Payment.objects.update(state="dead", step="", next_at=None)

    settle_payment(the_payment().pk, lease=None, outcome=Unknown("no answer"))

    assert payment_states() == ["dead"]
