"""A process is killed while it moves bookings to the archive: each is in one place, and the next process goes on."""

import itertools

import pytest

from bookings.models import ArchivedBooking, Booking
from tests.crashes.world import SIGKILLED
from tests.support.archive import archive_all, long_ago, rows_of
from tests.support.bookings import a_booked_booking, a_cancelled_booking
from tests.support.invariants import violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

KEEP = {"KEEP_MONTHS": 12}


@pytest.fixture
def old(world, settings):
    """Bookings that ended long ago, as rows; give the rows."""
    settings.KEEP_MONTHS = 12
    for _ in range(2):
        a_booked_booking(world.flights, world.payments)
        a_cancelled_booking(world.flights)
    long_ago(world.flights, world.payments)
    return rows_of()


def test_a_process_that_dies_at_any_statement_of_a_batch_has_moved_nothing(world, old):
    for number in itertools.count(1):
        died = world.mortals.live(point="archive.noted", act="archive", statement=number, settings=KEEP) == SIGKILLED
        if ArchivedBooking.objects.exists():
            break
        assert died
        assert rows_of() == old

    # One for each table that is deleted from, and what follows.
    assert number > 5
    assert (Booking.objects.count(), ArchivedBooking.objects.count(), violations()) == (0, 4, [])


@pytest.mark.parametrize("point", ["booking.archive", "archive.noted"])
def test_a_process_that_dies_after_a_batch_has_moved_all_of_it(world, old, point):
    assert world.mortals.live(point=point, act="archive", statement=0, settings=KEEP) == SIGKILLED

    assert (Booking.objects.count(), ArchivedBooking.objects.count(), archive_all()) == (0, 4, 0)
    assert world.recovers() == []
