"""
Pay against expiry at the deadline: either the payment ends in a booking, or the seats go back. Never both.

ROUNDS=100 runs the race itself a hundred times.
"""

import random
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.services.bookings import expire as expiry
from bookings.services.bookings.expire import expire_bookings
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_constraints, without_row_locks
from tests.races.places import EXPIRY_LOCKED, PAYMENT_DECIDED
from tests.support.bookings import an_initiated_booking, let_time_pass, one_pass, pay, status_of
from tests.support.invariants import assert_in_step, seats_out_of_step, violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


def expire():
    return expire_bookings(deadline=Deadline(20))


@pytest.fixture
def deadline_has_passed(monkeypatch):
    """To the worker, the payment window is over; whoever pays has begun in time."""
    later = timedelta(minutes=16)
    monkeypatch.setattr(expiry, "database_time", lambda: database_time() + later)


@pytest.mark.slow
def test_a_booking_at_its_deadline_is_either_paid_or_expired(flights, sim, either_gateway):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        soon = timedelta(milliseconds=random.uniform(1, 8))
        Booking.objects.filter(pk=booking.pk).update(expires_at=database_time() + soon)

        answer, *_expired = all_at_once([partial(pay, booking, either_gateway), expire, expire])

        one_pass(flights, either_gateway)
        booking.refresh_from_db()
        assert (status_of(answer), booking.status, booking.cancel_reason) in [
            (201, "booked", ""),
            (400, "cancelled", "expired"),
        ]
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


@pytest.mark.slow
def test_a_payment_that_began_in_time_counts_and_the_pass_skips_the_booking(
    flights, sim, either_gateway, deadline_has_passed, monkeypatch
):
    booking = an_initiated_booking(flights)
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    answer, expired = overtaken(partial(pay, booking, either_gateway), expire, at=decided)

    assert (status_of(answer), expired) == (201, 0)
    assert_in_step(sim)


@pytest.mark.slow
def test_a_booking_that_the_pass_has_locked_can_no_longer_be_paid(flights, sim, deadline_has_passed, monkeypatch):
    booking = an_initiated_booking(flights)
    locked = Halt(monkeypatch, EXPIRY_LOCKED)

    expired, answer = overtaken(expire, partial(pay, booking, InstantPayments()), at=locked)

    assert (status_of(answer), expired) == (400, 1)
    let_time_pass(minutes=20)
    one_pass(flights, InstantPayments())
    assert_in_step(sim)


def test_twin_without_row_locks_the_database_refuses_the_payment(flights, deadline_has_passed, monkeypatch):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    error, expired = overtaken(partial(pay, booking, InstantPayments()), expire, at=decided)

    assert (type(error), expired) == (IntegrityError, 1)


@pytest.mark.slow
def test_twin_without_row_locks_and_constraints_a_paid_booking_loses_its_seats(
    flights, sim, deadline_has_passed, monkeypatch
):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    with without_constraints(Booking, "booking_status_allows_hold", "booking_cancelled_says_why"):
        answer, expired = overtaken(partial(pay, booking, InstantPayments()), expire, at=decided)
        let_time_pass(minutes=20)
        one_pass(flights, InstantPayments())

        assert (status_of(answer), expired) == (201, 1)
        assert violations() == [f"Q1-Q3: the status does not fit the hold: [{booking.pk}]"]
        assert seats_out_of_step(sim) == ["Q8: flight 1: 0 taken, 2 held"]
