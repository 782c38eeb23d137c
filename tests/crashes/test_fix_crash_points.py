"""`reconcile_seats --fix` is killed at every point of its way: the worker ends what it has begun, once."""

import uuid

import pytest

from bookings.models import SeatCall
from bookings.ports import SeatChange
from tests.support.bookings import an_initiated_booking

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("point", "take"),
    [
        *((point, False) for point in ("seats.correct", "give.sent", "give.answered", "seats.released")),
        # Named after what is sent: it takes seats, as a create does.
        *((point, True) for point in ("seats.correct", "create.sent", "create.answered", "seats.released")),
    ],
)
def test_a_fix_that_dies_is_ended_by_the_worker(world, point, take):
    an_initiated_booking(world.flights, seats=4)
    # By hand, behind our back: seats are missing there, or taken for no booking.
    world.flights.change_seats(SeatChange(uuid.uuid4(), 1, 3, reserves=not take), seconds=5)

    world.dies(point, act="fix")

    assert world.recovers() == []
    assert list(SeatCall.objects.values_list("kind", "state", "seats", "reserves")) == [("fix", "done", 3, take)]
