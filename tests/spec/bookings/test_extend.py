"""Support staff give a customer longer to pay: never after the deadline, never for more than a day in all."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.errors import (
    AlreadyPaid,
    BookingCancelled,
    BookingChanged,
    BookingNotFound,
    InvalidRequest,
    NotPayableYet,
    PaymentInProgress,
    PaymentWindowClosed,
    StaffOnly,
)
from bookings.models import Announcement, Booking, BookingEvent
from bookings.services.bookings.extend import extend_window
from tests.support.api import BOOKINGS, shown
from tests.support.bookings import STAFF, a_saved_row, an_initiated_booking, customer, one_pass
from tests.support.invariants import violations

pytestmark = pytest.mark.django_db


def extended(booking, minutes=15, *, actor=STAFF, note="calls back at noon", key="page-1", seen=None):
    return extend_window(
        booking_id=booking.pk,
        minutes=minutes,
        actor=actor,
        note=note,
        seen_version=booking.version if seen is None else seen,
        action_key=key,
    )


def test_the_window_is_longer_and_all_else_stays(api, flights):
    booking = an_initiated_booking(flights)
    before, asked = shown(api.get(f"{BOOKINGS}/{booking.pk}")), len(flights.arrived)

    returned = extended(booking)

    now = Booking.objects.get()
    assert (now.expires_at, returned.expires_at) == (booking.expires_at + timedelta(minutes=15),) * 2
    assert (now.version, now.status, now.created_at) == (booking.version + 1, "initiated", booking.created_at)
    after = shown(api.get(f"{BOOKINGS}/{booking.pk}"))
    assert [name for name in after if after[name] != before[name]] == ["updatedAt", "expiresAt"]
    assert (len(flights.arrived), violations()) == (asked, [])


def test_the_timeline_says_who_and_why_and_until_when(api, flights):
    booking = an_initiated_booking(flights)

    now = extended(booking)

    (event,) = BookingEvent.objects.all()
    assert (event.what, event.actor_kind, event.actor_name) == ("extended", "staff", "anna")
    assert event.note == f"+15 min, {now.expires_at:%Y-%m-%d %H:%M:%S} UTC\ncalls back at noon"
    line = shown(api.get(f"{BOOKINGS}/{booking.pk}/events"))["results"][-1]
    assert (line["what"], line["who"]["kind"], line["from"], line["to"]) == ("extended", "staff", None, None)


def test_the_same_page_sent_again_changes_nothing_more_and_a_stale_one_nothing(flights):
    booking = an_initiated_booking(flights)
    once = extended(booking)

    assert extended(booking).expires_at == once.expires_at  # a double click
    with pytest.raises(BookingChanged):
        extended(booking, key="page-2")

    assert (Booking.objects.get().expires_at, BookingEvent.objects.count()) == (once.expires_at, 1)


@pytest.mark.parametrize(
    ("status", "columns", "error"),
    [
        ("pending", {}, NotPayableYet),
        ("booked", {}, AlreadyPaid),
        ("cancelled", {}, BookingCancelled),
        ("initiated", {"created_at": timedelta(minutes=-15)}, PaymentWindowClosed),  # not swept yet
    ],
)
def test_what_has_no_open_window_is_refused(status, columns, error):
    moved = {name: database_time() + by for name, by in columns.items()}
    booking = a_saved_row(status, **moved)

    with pytest.raises(error):
        extended(booking)

    assert Booking.objects.get().version == booking.version


def test_a_payment_that_is_being_settled_keeps_its_own_end():
    booking = a_saved_row(active_payment_id=7)

    with pytest.raises(PaymentInProgress):
        extended(booking)


@pytest.mark.parametrize(("hours", "allowed"), [(22, [5, 15, 60]), (23, [5, 15, 60]), (23.5, [5, 15]), (24, [])])
def test_no_booking_waits_for_more_than_a_day(hours, allowed):
    made_at = database_time() - timedelta(hours=1)
    for minutes in (5, 15, 60, 10, 0, -5, 1440):
        booking = a_saved_row(created_at=made_at, expires_at=made_at + timedelta(hours=hours))
        if minutes in allowed:
            extended(booking, minutes, key=f"page {minutes}")
        else:
            with pytest.raises(InvalidRequest):
                extended(booking, minutes, key=f"page {minutes}")


def test_only_staff_may_and_they_say_why(flights):
    booking = an_initiated_booking(flights)

    with pytest.raises(StaffOnly):
        extended(booking, actor=customer())
    for nothing in ("", " \u200b", "x" * 10_000):
        with pytest.raises(InvalidRequest):
            extended(booking, note=nothing)
    with pytest.raises(BookingNotFound):
        extended(Booking(pk=booking.pk + 1, version=1))
    assert Booking.objects.get().version == booking.version


def test_a_reminder_that_is_still_to_come_comes_before_the_new_end_and_others_hear_nothing_else(flights, payments):
    booking = an_initiated_booking(flights)
    one_pass(flights, payments)
    planned = Booking.objects.get().announce_at
    assert planned == booking.expires_at - timedelta(minutes=5)

    extended(Booking.objects.get())
    one_pass(flights, payments)

    assert Booking.objects.get().announce_at == planned + timedelta(minutes=15)
    assert list(Announcement.objects.values_list("type", flat=True)) == ["booking.held"]
