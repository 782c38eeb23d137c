"""
Payers against deadlines, second tabs and cancellations: they pay, or it is closed. Never both.

The gateway decides between a payer and a close. Each guard has a twin without it that fails.
ROUNDS=100 runs each race a hundred times.
"""

from datetime import timedelta
from functools import partial

import pytest

from bookings.answers.results import Cancelled, Paid
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import AlreadyPaid, PaymentInProgress
from bookings.models import Booking, Payment
from bookings.models.bookings.booking import BookingQuerySet
from bookings.services.payments.look import settle_due_payments
from tests.races.crowd import all_at_once
from tests.races.guards import rounds
from tests.races.payers import (
    believe_it_is_closed,
    customer_cancels,
    live_without_a_booking,
    payer_pays,
    payment_of,
    staff_cancel,
    with_its_payer,
)
from tests.support.bookings import (
    an_initiated_booking,
    gateways_of,
    let_time_pass,
    one_pass,
    pay,
    status_of,
)
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


# --- the time to pay ends -------------------------------------------------------------------------------


def test_a_payer_who_says_yes_at_the_deadline_is_booked_or_never_charged(flights, sim, payments):
    for _ in rounds(5):
        booking = with_its_payer(flights, payments)
        soon = database_time() + timedelta(milliseconds=4)
        Booking.objects.filter(pk=booking.pk).update(expires_at=soon)
        Payment.objects.filter(booking=booking).update(act_until=soon, next_at=soon)
        work = partial(settle_due_payments, payments=gateways_of(payments), deadline=Deadline(20))

        paid, *_asked = all_at_once([partial(payer_pays, payments, booking), work, work])
        let_time_pass(minutes=1)
        one_pass(flights, payments)

        booking.refresh_from_db()
        assert (paid, booking.status) in [(True, "booked"), (False, "cancelled")]
        assert_in_step(sim, payments)


def test_twin_that_expires_whatever_waits_gives_the_seats_away_while_they_can_be_paid(
    flights, payments, waiting, monkeypatch
):
    def blindly(rows, now):
        return rows.filter(status__in=["pending", "initiated"], expires_at__lte=now)

    monkeypatch.setattr(BookingQuerySet, "past_deadline", blindly)
    let_time_pass(minutes=16)
    payments.down = True

    one_pass(flights, payments)

    assert live_without_a_booking(payments, waiting)


def test_twin_that_takes_any_word_for_closed_gives_the_seats_away_while_they_can_be_paid(
    flights, payments, waiting, monkeypatch
):
    believe_it_is_closed(monkeypatch)
    let_time_pass(minutes=16)

    one_pass(flights, payments)

    assert live_without_a_booking(payments, waiting)


# --- two tabs -------------------------------------------------------------------------------------------


def test_two_tabs_with_two_cards_are_charged_once(flights, sim, payments):
    payments.needs_payer = False
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        answers = all_at_once([partial(pay, booking, payments)] * 3)

        paid = [answer for answer in answers if isinstance(answer, Paid)]
        others = {status_of(a) if not isinstance(a, Exception) else type(a) for a in answers if a not in paid}
        assert (len(paid), others <= {409, PaymentInProgress}) == (1, True)
        assert_in_step(sim, payments)


def test_two_tabs_that_wait_for_their_payers_leave_one_that_can_be_paid(flights, sim, payments):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        all_at_once([partial(pay, booking, payments)] * 3)
        pay(booking, payments)

        keys = Payment.objects.filter(booking=booking).values_list("gateway_key", flat=True)
        assert [key for key in keys if payments.can_be_paid(key)] == [payment_of(booking).gateway_key]
        assert payer_pays(payments, booking)
        let_time_pass(minutes=1)
        one_pass(flights, payments)
        assert_in_step(sim, payments)


def test_twin_that_begins_anew_without_a_close_can_be_paid_twice(flights, payments, waiting, monkeypatch):
    believe_it_is_closed(monkeypatch)

    pay(waiting, payments)

    first, second = Payment.objects.order_by("pk")
    assert payments.payer_pays(first.gateway_key)
    assert payments.payer_pays(second.gateway_key)
    assert payments.net_charges(waiting.reference) == 2


# --- cancellations --------------------------------------------------------------------------------------


def test_a_customer_who_cancels_while_the_payer_says_yes_does_one_of_them(flights, sim, payments):
    for _ in rounds(5):
        booking = with_its_payer(flights, payments)

        paid, cancelled = all_at_once(
            [partial(payer_pays, payments, booking), partial(customer_cancels, payments, booking)]
        )
        let_time_pass(minutes=1)
        one_pass(flights, payments)

        booking.refresh_from_db()
        told = type(cancelled) if isinstance(cancelled, Exception | Cancelled) else type(cancelled.problem)
        assert (paid, told, booking.status) in [(True, AlreadyPaid, "booked"), (False, Cancelled, "cancelled")]
        assert_in_step(sim, payments)


def test_twin_that_cancels_without_a_close_lets_the_payer_pay_for_nothing(flights, payments, waiting, monkeypatch):
    believe_it_is_closed(monkeypatch)

    customer_cancels(payments, waiting)

    assert live_without_a_booking(payments, waiting)


def test_staff_who_cancel_while_the_payer_says_yes_leave_nothing_charged(flights, sim, payments):
    for _ in rounds(5):
        booking = with_its_payer(flights, payments)

        all_at_once([partial(payer_pays, payments, booking), partial(staff_cancel, booking)])
        for _ in range(2):
            let_time_pass(minutes=1)
            one_pass(flights, payments)

        booking.refresh_from_db()
        assert (booking.status, payments.net_charges(booking.reference)) == ("cancelled", 0)
        assert_in_step(sim, payments)


def test_staff_who_cancel_while_the_customer_pays_leave_nothing_charged(flights, sim, payments):
    payments.needs_payer = False
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        all_at_once([partial(pay, booking, payments), partial(staff_cancel, booking)])
        for _ in range(2):
            let_time_pass(minutes=1)
            one_pass(flights, payments)

        booking.refresh_from_db()
        assert (booking.status, payments.net_charges(booking.reference)) == ("cancelled", 0)
        assert_in_step(sim, payments)
