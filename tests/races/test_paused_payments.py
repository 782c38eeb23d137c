"""
Paused requests, repetitions, and two who find out at once: money moves once, and only while it is wanted.

Each guard has a twin without it that fails: the fence, the closing state, the payment lock, the look before a
repetition, the comparison of the money.
"""

import dataclasses
import uuid
from functools import partial

import pytest

from bookings.models import BookingEvent, Payment
from bookings.ports import AwaitsPayer
from bookings.services.payments import charge as charging
from bookings.services.payments import closing, settle
from bookings.services.payments.look import follow_payment
from bookings.services.payments.settle import settle_payment
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_row_locks
from tests.races.payers import (
    believe_it_is_closed,
    payer_pays,
    payment_of,
    staff_cancel,
    with_its_payer,
)
from tests.races.places import PAYMENT_OPENED, PAYMENT_TAKEN_IN
from tests.support.bookings import (
    a_key,
    an_initiated_booking,
    charged,
    gateways_of,
    let_time_pass,
    one_pass,
    pay,
    status_of,
)
from tests.support.fakes import ChargeFault, FakePayments
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


# --- a request that is paused ---------------------------------------------------------------------------


def paused_then_another(flights, payments, booking):
    """While one request opens its payment its lease runs out, and another request pays."""

    def meanwhile():
        let_time_pass(seconds=31)
        return pay(booking, payments)

    return meanwhile


def test_a_request_that_was_paused_past_its_lease_does_not_charge_any_more(flights, sim, payments, monkeypatch):
    payments.needs_payer = False
    booking = an_initiated_booking(flights)
    opened = Halt(monkeypatch, PAYMENT_OPENED)

    slow, quick = overtaken(partial(pay, booking, payments), paused_then_another(flights, payments, booking), at=opened)

    assert (status_of(slow), status_of(quick)) == (402, 201)
    assert len(payments.asked) == 1
    assert_in_step(sim, payments)


def test_twin_without_the_fence_charges_a_second_time(flights, payments, monkeypatch):
    payments.needs_payer = False
    booking = an_initiated_booking(flights)
    opened = Halt(monkeypatch, PAYMENT_OPENED)
    monkeypatch.setattr(charging, "mark_opened", lambda payment_id, **_: Payment.objects.get(pk=payment_id))

    overtaken(partial(pay, booking, payments), paused_then_another(flights, payments, booking), at=opened)

    assert payments.net_charges(booking.reference) == 2


def a_charge_that_waits(flights, payments, monkeypatch, before_it_arrives):
    """Send a charge that is on its way while something else happens."""
    payments.needs_payer = False
    booking = an_initiated_booking(flights)
    charge = payments.charge

    def slowly(intent, **given):
        monkeypatch.setattr(payments, "charge", charge)
        before_it_arrives()
        return charge(intent, **given)

    monkeypatch.setattr(payments, "charge", slowly)
    return booking


def test_a_charge_that_arrives_after_the_close_takes_nothing(flights, sim, payments, monkeypatch):
    def closed_meanwhile():
        let_time_pass(seconds=61)
        one_pass(flights, payments)

    booking = a_charge_that_waits(flights, payments, monkeypatch, closed_meanwhile)

    answer = pay(booking, payments)

    assert (status_of(answer), payment_of(booking).state) == (402, "failed")
    assert payments.charges == {}
    assert_in_step(sim, payments)


def test_twin_that_takes_silence_for_failed_charges_for_nothing(flights, payments, monkeypatch):
    def given_up_meanwhile():
        let_time_pass(seconds=61)
        believe_it_is_closed(monkeypatch)
        one_pass(flights, payments)

    booking = a_charge_that_waits(flights, payments, monkeypatch, given_up_meanwhile)

    pay(booking, payments)

    assert payments.net_charges(booking.reference) == 1
    assert payment_of(booking).state == "refund_due"


def unanswered_then(payments, action):
    """Let a charge get lost, and something happen while its request looks at it."""
    payments.needs_payer = False
    payments.fail_next(ChargeFault.UNKNOWN)
    payments.says("look", AwaitsPayer())
    payments.during("look", action)


def test_what_is_to_be_closed_is_not_charged_any_more(flights, sim, payments):
    booking = an_initiated_booking(flights)

    def another_wants_it():
        let_time_pass(seconds=31)
        closing.begin_closing(payment_of(booking).pk, lease=uuid.uuid4(), is_wanted=True)

    unanswered_then(payments, another_wants_it)

    answer = pay(booking, payments)

    assert (status_of(answer), len(payments.asked), payment_of(booking).step) == (202, 1, "closing")
    let_time_pass(seconds=31)
    one_pass(flights, payments)
    assert payments.charges == {}
    assert_in_step(sim, payments)


def test_twin_that_forgets_what_is_to_be_closed_charges_it(flights, payments, monkeypatch):
    booking = an_initiated_booking(flights)
    unanswered_then(payments, lambda: staff_cancel(booking))
    monkeypatch.setattr(charging, "_is_wanted", lambda *_: True)

    pay(booking, payments)

    assert len(payments.asked) == 2
    assert payments.net_charges(booking.reference) == 1


# --- two who settle -------------------------------------------------------------------------------------


def test_two_who_find_out_at_once_book_once(flights, sim, payments):
    for _ in rounds(5):
        booking = with_its_payer(flights, payments)
        payer_pays(payments, booking)
        look = partial(follow_payment, payment_of(booking).pk, payments=gateways_of(payments), at_once=True)
        told = partial(settle_payment, payment_of(booking).pk, lease=None, outcome=charged(payment_of(booking)))

        all_at_once([look, told, told])

        assert BookingEvent.objects.filter(booking=booking, what="booked").count() == 1
        assert_in_step(sim, payments)


def test_twin_without_row_locks_two_who_find_out_book_twice(flights, payments, waiting, monkeypatch):
    payer_pays(payments, waiting)
    without_row_locks(monkeypatch)
    taken_in = Halt(monkeypatch, PAYMENT_TAKEN_IN)
    payment = payment_of(waiting)
    told = partial(settle_payment, payment.pk, lease=None, outcome=charged(payment))

    overtaken(told, told, at=taken_in)

    assert BookingEvent.objects.filter(booking=waiting, what="booked").count() == 2


# --- what is asked again, and what came in --------------------------------------------------------------


class Forgetful(FakePayments):
    """A gateway to which each charge is a new one: it has forgotten all keys."""

    def charge(self, intent, **given):
        if intent.key in self.charges:
            self.charges[uuid.uuid4()] = self.charges[intent.key]
        return super().charge(intent, **given)


def test_a_repetition_looks_first_so_a_gateway_may_forget_its_keys(flights, sim):
    payments, booking, key = Forgetful(), an_initiated_booking(flights), a_key()
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments, keyed=key)

    assert status_of(pay(booking, payments, keyed=key)) == 201
    assert payments.net_charges(booking.reference) == 1
    assert_in_step(sim, payments)


def test_twin_that_repeats_without_a_look_charges_twice(flights, monkeypatch):
    payments, booking, key = Forgetful(), an_initiated_booking(flights), a_key()
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments, keyed=key)
    monkeypatch.setattr(charging, "_look", charging._charge)

    pay(booking, payments, keyed=key)

    assert payments.net_charges(booking.reference) == 2


def one_unit_comes_in(payments, booking):
    payer_pays(payments, booking)
    key = payment_of(booking).gateway_key
    reference, money = payments.charges[key]
    payments.charges[key] = (reference, dataclasses.replace(money, amount=1))


def test_other_money_than_was_asked_for_books_nothing(flights, payments, waiting):
    one_unit_comes_in(payments, waiting)

    follow_payment(payment_of(waiting).pk, payments=gateways_of(payments), at_once=True)

    waiting.refresh_from_db()
    assert (waiting.status, payment_of(waiting).state) == ("initiated", "dead")
    assert violations() == []


def test_twin_that_does_not_compare_books_for_one_unit(flights, payments, waiting, monkeypatch):
    one_unit_comes_in(payments, waiting)
    take_in = settle._take_in

    def believe_it(booking, payment, _came_in, **given):
        return take_in(booking, payment, charged(payment), **given)

    monkeypatch.setattr(settle, "_take_in", believe_it)

    follow_payment(payment_of(waiting).pk, payments=gateways_of(payments), at_once=True)

    waiting.refresh_from_db()
    assert waiting.status == "booked"
    assert payments.charges[payment_of(waiting).gateway_key][1].amount == 1
