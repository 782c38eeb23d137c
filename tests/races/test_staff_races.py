"""
Staff who send one page twice at once, and staff against the customer who is just paying.

ROUNDS=100 runs each race a hundred times.
"""

import uuid
from functools import partial

import pytest

from bookings.errors import BookingChanged
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent
from bookings.services.bookings import cancel_for_staff as cancelling
from bookings.services.bookings import note as noting
from bookings.services.bookings.cancel_for_staff import cancel_for_staff
from bookings.services.bookings.note import note_booking
from tests.races.crowd import all_at_once
from tests.races.guards import rounds
from tests.support.bookings import STAFF, an_initiated_booking, one_pass, pay, status_of
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


def from_page(booking, *, action_key=None):
    """A cancellation from a page that showed the booking as it is now."""
    return partial(
        cancel_for_staff,
        booking_id=booking.pk,
        actor=STAFF,
        reason=CancelReason.DUPLICATE,
        note="",
        seen_version=booking.version,
        action_key=action_key or uuid.uuid4().hex,
    )


def events(booking, what):
    return BookingEvent.objects.filter(booking=booking, what=what).count()


def test_one_page_sent_eight_times_at_once_cancels_once_and_nobody_hears_of_a_conflict(flights, sim):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        click = from_page(booking, action_key=uuid.uuid4().hex)

        outcomes = all_at_once([click] * 8)

        one_pass(flights, InstantPayments())
        assert [type(outcome) for outcome in outcomes] == [Booking] * 8
        assert [outcome.status for outcome in outcomes] == ["cancelled"] * 8
        assert events(booking, "cancelled") == 1
        assert_in_step(sim)


def test_twin_without_the_key_of_the_page_a_double_click_hears_of_a_conflict(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    monkeypatch.setattr(cancelling, "begin_staff_action", lambda *_words, **_named: None)
    click = from_page(booking, action_key=uuid.uuid4().hex)

    outcomes = all_at_once([click] * 8)

    assert [type(outcome) for outcome in outcomes].count(BookingChanged) == 7


def test_eight_pages_at_once_cancel_once_and_seven_are_told_that_it_changed(flights, sim):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)

        outcomes = all_at_once([from_page(booking) for _ in range(8)])

        one_pass(flights, InstantPayments())
        kinds = [type(outcome) for outcome in outcomes]
        assert (kinds.count(Booking), kinds.count(BookingChanged)) == (1, 7)
        assert events(booking, "cancelled") == 1
        assert_in_step(sim)


def test_a_page_that_showed_an_unpaid_booking_never_cancels_a_paid_one(flights, sim):
    for _ in rounds(10):
        booking = an_initiated_booking(flights)

        answer, cancelled = all_at_once([partial(pay, booking, InstantPayments()), from_page(booking)])

        one_pass(flights, InstantPayments())
        booking.refresh_from_db()
        assert (status_of(answer), type(cancelled), booking.status) in [
            (201, BookingChanged, "booked"),
            (409, Booking, "cancelled"),
        ]
        assert_in_step(sim)


def test_twin_without_the_look_at_the_version_a_paid_booking_is_cancelled_from_a_stale_page(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    monkeypatch.setattr(cancelling, "refuse_if_changed", lambda *_words, **_named: None)
    click = from_page(booking)
    pay(booking, InstantPayments())

    click()

    booking.refresh_from_db()
    assert booking.status == "cancelled"


def test_a_note_sent_eight_times_at_once_is_kept_once(flights):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        click = partial(note_booking, booking_id=booking.pk, actor=STAFF, note="x", action_key=uuid.uuid4().hex)

        outcomes = all_at_once([click] * 8)

        assert outcomes == [None] * 8
        assert events(booking, "noted") == 1


def test_twin_without_the_key_of_the_page_a_note_is_kept_eight_times(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    monkeypatch.setattr(noting, "begin_staff_action", lambda *_words, **_named: None)
    click = partial(note_booking, booking_id=booking.pk, actor=STAFF, note="x", action_key=uuid.uuid4().hex)

    all_at_once([click] * 8)

    assert events(booking, "noted") == 8
