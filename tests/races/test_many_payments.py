"""
Five payments of one booking at once, each under a key of its own: one is taken.

ROUNDS=100 runs the race a hundred times.
"""

from functools import partial

import pytest
from django.db import IntegrityError

from bookings.answers.results import Paid, Refused
from bookings.errors import PaymentInProgress
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Payment
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_constraints, without_row_locks
from tests.races.places import PAYMENT_DECIDED
from tests.support.bookings import an_initiated_booking, pay, status_of
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


def test_five_payments_at_once_charge_once(flights, sim, either_gateway):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        outcomes = all_at_once([partial(pay, booking, either_gateway)] * 5)

        statuses = sorted(status_of(outcome) if isinstance(outcome, Paid | Refused) else 409 for outcome in outcomes)
        assert {type(outcome) for outcome in outcomes} <= {Paid, Refused, PaymentInProgress}
        assert statuses == [201, 409, 409, 409, 409]
        assert [payment.state for payment in Payment.objects.filter(booking=booking)] == ["succeeded"]
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


def test_twin_without_row_locks_the_database_still_refuses_a_second_payment(flights, sim, monkeypatch):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    late, first = overtaken(
        partial(pay, booking, InstantPayments()), partial(pay, booking, InstantPayments()), at=decided
    )

    assert (type(late), status_of(first)) == (IntegrityError, 201)
    assert_in_step(sim)


def test_twin_without_row_locks_and_constraint_a_booking_is_paid_twice(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    with without_constraints(Payment, "payment_one_active_per_booking"):
        late, first = overtaken(
            partial(pay, booking, InstantPayments()), partial(pay, booking, InstantPayments()), at=decided
        )

        assert (status_of(late), status_of(first)) == (201, 201)
        assert violations() == [f"Q5: booked without exactly one succeeded payment: [{booking.pk}]"]
