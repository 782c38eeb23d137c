"""What was never told, though it should have been, is found within an hour, and is a mistake of the code."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bookings import tasks
from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.services.announcements import find_missed
from tests.support.announcements import announce, types_of
from tests.support.bookings import a_cancelled_booking, an_initiated_booking, let_time_pass

pytestmark = pytest.mark.django_db


def look():
    """Look as the worker does each hour; give the number, and what it has logged as errors."""
    with capture_logs() as lines:
        found = tasks.look_for_missed_news()
    return found, [(line["event"], line["booking"]) for line in lines if line["log_level"] == "error"]


def lose_flag(booking, **columns):
    Booking.objects.filter(pk=booking.pk).update(announce_at=None, **columns)


def test_where_nothing_was_missed_nothing_is_found(flights):
    told, waiting, reminded = an_initiated_booking(flights), a_cancelled_booking(flights), an_initiated_booking(flights)
    announce()
    an_initiated_booking(flights)

    assert look() == (0, [])
    assert types_of(told) == ["held"]
    assert (types_of(waiting), types_of(reminded)) == (["held", "cancelled"], ["held"])


def test_a_held_booking_without_a_flag_is_found_and_told_about(flights):
    booking = an_initiated_booking(flights)
    lose_flag(booking)

    assert look() == (1, [("news.missed", booking.reference)])
    announce()
    assert types_of(booking) == ["held"]


@pytest.mark.slow
def test_an_event_without_a_flag_is_found_and_told_about(flights):
    booking = a_cancelled_booking(flights)
    announce()
    lose_flag(booking, announced=1, announced_event_id=0)
    booking.announcements.filter(sequence=2).delete()

    assert look() == (1, [("news.missed", booking.reference)])
    announce()
    assert types_of(booking) == ["held", "cancelled"]


def test_what_is_older_than_a_day_is_not_looked_for(flights):
    booking = a_cancelled_booking(flights)
    lose_flag(booking)
    let_time_pass(hours=25)

    assert look() == (0, [])


def test_a_flag_that_a_clock_wrote_that_was_ahead_is_due_now(flights):
    booking = an_initiated_booking(flights)
    Booking.objects.update(announce_at=database_time() + timedelta(days=1))

    assert look() == (1, [("news.missed", booking.reference)])
    announce()
    assert types_of(booking) == ["held"]


def test_what_was_told_meanwhile_is_not_told_again(flights):
    booking = an_initiated_booking(flights)
    announce()

    assert [find_missed._flag(number) for number in (booking.pk, 0)] == [0, 0]
    assert announce() == 0
