"""
Staff give a customer longer to pay, at the deadline: the window is longer, or the booking has expired. Never both.

ROUNDS=100 runs the race itself a hundred times.
"""

import random
import uuid
from datetime import timedelta
from functools import partial

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import BookingChanged, PaymentWindowClosed
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking, BookingEvent
from bookings.services.bookings import expire as expiry
from bookings.services.bookings.expire import expire_bookings
from bookings.services.bookings.extend import extend_window
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_row_locks
from tests.races.places import EXPIRY_LOCKED, EXTENSION_DECIDED
from tests.support.bookings import STAFF, an_initiated_booking, one_pass, pay, status_of
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


def expire():
    return expire_bookings(deadline=Deadline(20))


def from_page(booking, minutes=15):
    """An extension from a page that showed the booking as it is now."""
    return partial(
        extend_window,
        booking_id=booking.pk,
        minutes=minutes,
        actor=STAFF,
        note="bank is slow",
        seen_version=booking.version,
        action_key=uuid.uuid4().hex,
    )


def story_of(booking):
    booking.refresh_from_db()
    return booking.status, list(BookingEvent.objects.filter(booking=booking).values_list("what", flat=True))


@pytest.fixture
def deadline_has_passed(monkeypatch):
    """To the worker, the payment window is over; whoever asks for more has done so in time."""
    later = timedelta(minutes=16)
    monkeypatch.setattr(expiry, "database_time", lambda: database_time() + later)


def test_at_its_deadline_a_booking_is_either_extended_or_expired(flights, sim):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        deadline = database_time() + timedelta(milliseconds=random.uniform(1, 8))
        Booking.objects.filter(pk=booking.pk).update(expires_at=deadline)

        outcome, *_expired = all_at_once([from_page(booking), expire, expire])
        one_pass(flights, InstantPayments())

        status, events = story_of(booking)
        assert (type(outcome), status, events) in [
            (Booking, "initiated", ["extended"]),
            (BookingChanged, "cancelled", ["cancelled"]),
            (PaymentWindowClosed, "cancelled", ["cancelled"]),
        ]
        assert (booking.expires_at == deadline + timedelta(minutes=15)) is (status == "initiated")
        assert_in_step(sim)
        if status == "initiated":
            assert status_of(pay(booking, InstantPayments())) == 201


def test_a_pass_leaves_a_booking_that_was_extended_in_time(flights, sim, deadline_has_passed, monkeypatch):
    booking = an_initiated_booking(flights)

    outcome, expired = overtaken(from_page(booking), expire, at=Halt(monkeypatch, EXTENSION_DECIDED))

    assert (type(outcome), expired, story_of(booking)) == (Booking, 0, ("initiated", ["extended"]))
    assert_in_step(sim)


def test_a_booking_that_a_pass_has_locked_is_not_extended(flights, sim, deadline_has_passed, monkeypatch):
    booking = an_initiated_booking(flights)

    expired, outcome = overtaken(expire, from_page(booking), at=Halt(monkeypatch, EXPIRY_LOCKED))
    one_pass(flights, InstantPayments())

    assert (type(outcome), expired, story_of(booking)) == (BookingChanged, 1, ("cancelled", ["cancelled"]))
    assert_in_step(sim)


def test_twin_without_row_locks_staff_hear_that_a_booking_is_extended_that_has_expired(
    flights, deadline_has_passed, monkeypatch
):
    booking = an_initiated_booking(flights)
    without_row_locks(monkeypatch)

    outcome, expired = overtaken(from_page(booking), expire, at=Halt(monkeypatch, EXTENSION_DECIDED))

    assert (type(outcome), expired, story_of(booking)) == (Booking, 1, ("cancelled", ["cancelled", "extended"]))


def test_eight_pages_at_once_extend_once_and_seven_are_told_that_it_changed(flights):
    booking = an_initiated_booking(flights)

    outcomes = [type(outcome) for outcome in all_at_once([from_page(booking) for _ in range(8)])]

    assert (outcomes.count(Booking), outcomes.count(BookingChanged)) == (1, 7)
    assert Booking.objects.get().expires_at == booking.expires_at + timedelta(minutes=15)
