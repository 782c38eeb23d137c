"""What cancelling does: said by the pages before it is done, and done as they said."""

import pytest

from bookings.lifecycle import CancelReason, cancel_outcome_of
from bookings.models import Booking, Refund
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    pay,
)
from tests.support.fakes import ChargeFault

pytestmark = pytest.mark.django_db


def being_paid(flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    return booking


def asked_before(flights, payments):
    booking = being_paid(flights, payments)
    cancel(booking)
    return booking


def never_sent(flights, payments):
    return a_saved_row("pending", claims=0)


def stuck(flights, payments):
    return a_saved_row("pending", hold="stuck")


def cancel(booking):
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.DUPLICATE)


def said_of(booking):
    outcome = cancel_outcome_of(Booking.objects.get(pk=booking.pk))
    return outcome.effect, outcome.why, outcome.seats, outcome.refund


def done_to(booking):
    """The booking's status, the seats that go back now and the money that is owed now."""
    now = Booking.objects.get(pk=booking.pk)
    owed = Refund.objects.filter(payment__booking=booking, state="due").values_list("amount", flat=True)
    return now.status, now.no_of_seats if now.hold == "giving_back" else 0, sum(owed)


@pytest.mark.parametrize(
    ("make", "said", "done"),
    [
        (lambda f, p: an_initiated_booking(f), ("cancelled", "", 2, 0), ("cancelled", 2, 0)),
        (a_booked_booking, ("cancelled", "", 2, 4000), ("cancelled", 2, 4000)),
        (lambda f, p: a_pending_booking(f), ("cancelled", "outcome_unknown", 0, 0), ("cancelled", 0, 0)),
        (never_sent, ("cancelled", "never_sent", 0, 0), ("cancelled", 0, 0)),
        (stuck, ("cancelled", "reservation_stuck", 0, 0), ("cancelled", 0, 0)),
        (being_paid, ("requested", "payment_running", 0, 0), ("initiated", 0, 0)),
        (asked_before, ("requested", "asked_before", 0, 0), ("initiated", 0, 0)),
    ],
    ids=["unpaid", "paid", "unknown", "never sent", "stuck", "being paid", "asked before"],
)
def test_what_is_said_is_what_is_done(flights, payments, make, said, done):
    booking = make(flights, payments)

    said_before = said_of(booking)
    cancel(booking)

    assert (said_before, done_to(booking)) == (said, done)


def test_a_cancelled_booking_is_left_as_it_is(flights):
    booking = a_cancelled_booking(flights)
    before = Booking.objects.values().get(pk=booking.pk)

    cancel(booking)

    assert said_of(booking) == ("skipped", "already_cancelled", 0, 0)
    assert Booking.objects.values().get(pk=booking.pk) == before
