"""
Cancel against pay, against expiry and against itself: one of them ends the booking, the others see that.

ROUNDS=100 runs each race a hundred times.
"""

from datetime import timedelta
from functools import partial

import pytest

from bookings.answers.results import Paid
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import AlreadyPaid, PaymentInProgress
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.expire import expire_bookings
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_row_locks
from tests.races.places import CANCEL_DECIDED
from tests.support.bookings import STAFF, an_initiated_booking, customer, one_pass, pay, status_of
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


def cancel(booking, actor=None):
    return cancel_booking(booking_id=booking.pk, actor=actor or customer(), reason=CancelReason.CUSTOMER_REQUEST)


def cancellations(booking):
    return BookingEvent.objects.filter(booking=booking, what="cancelled").count()


@pytest.mark.slow
def test_a_customer_who_pays_and_cancels_at_once_does_one_of_them(flights, sim, either_gateway):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        answer, cancelled = all_at_once([partial(pay, booking, either_gateway), partial(cancel, booking)])

        one_pass(flights, either_gateway)
        booking.refresh_from_db()
        assert (status_of(answer), type(cancelled), booking.status) in [
            (201, AlreadyPaid, "booked"),
            (201, PaymentInProgress, "booked"),
            (409, Booking, "cancelled"),
        ]
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


@pytest.mark.slow
def test_staff_who_cancel_while_the_customer_pays_leave_nothing_charged(flights, sim, either_gateway):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        answer, _ = all_at_once([partial(pay, booking, either_gateway), partial(cancel, booking, STAFF)])

        one_pass(flights, either_gateway)
        booking.refresh_from_db()
        assert status_of(answer) in (201, 402, 409)
        assert (booking.status, cancellations(booking)) == ("cancelled", 1)
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


@pytest.mark.slow
def test_a_booking_cancelled_by_three_and_expired_by_two_ends_once(flights, sim):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        Booking.objects.filter(pk=booking.pk).update(expires_at=database_time() + timedelta(milliseconds=3))
        given_back = sim.flight()["given_back"]

        outcomes = all_at_once([partial(cancel, booking)] * 3 + [partial(expire_bookings, deadline=Deadline(20))] * 2)

        one_pass(flights, InstantPayments())
        assert [type(outcome) for outcome in outcomes] == [Booking, Booking, Booking, int, int]
        assert cancellations(booking) == 1
        assert sim.flight()["given_back"] == given_back + 2
        assert_in_step(sim)


@pytest.mark.slow
def test_who_pays_while_a_cancellation_is_decided_waits_and_is_refused(flights, sim, monkeypatch):
    booking = an_initiated_booking(flights)
    decided = Halt(monkeypatch, CANCEL_DECIDED)

    cancelled, answer = overtaken(partial(cancel, booking), partial(pay, booking, InstantPayments()), at=decided)

    assert (type(cancelled), status_of(answer)) == (Booking, 409)
    one_pass(flights, InstantPayments())
    assert_in_step(sim)


def test_twin_without_row_locks_a_paid_booking_is_cancelled_and_its_money_kept(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, CANCEL_DECIDED)

    cancelled, answer = overtaken(partial(cancel, booking), partial(pay, booking, InstantPayments()), at=decided)

    assert (type(cancelled), type(answer)) == (Booking, Paid)
    (found,) = violations()
    assert found.startswith("Q6: paid, but not booked")


def test_twin_without_row_locks_a_booking_is_cancelled_twice(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, CANCEL_DECIDED)

    overtaken(partial(cancel, booking), partial(cancel, booking, STAFF), at=decided)

    assert cancellations(booking) == 2
