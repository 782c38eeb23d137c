"""
Cancellations wake the worker while it takes wake-ups: one waits at most, none is lost between look and taking.

ROUNDS=100 runs the race a hundred times.
"""

import sys
from datetime import UTC, datetime
from functools import partial
from threading import Event

import pytest
from django.db import DatabaseError, connection
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from bookings.db.clock import database_time
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.observability import metrics
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.upkeep.start_schedules import start_due_schedules
from bookings.wake import PLACE, wake_worker
from bookingsite.broker import TickingBroker
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds
from tests.races.places import TASKS_LOOKED_AT, Place
from tests.support.bookings import STAFF, an_initiated_booking, one_pass
from tests.support.invariants import assert_in_step, seats_out_of_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

THIS = sys.modules[__name__]

CUSTOMERS = 8

# A lock that is never over.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture
def lost_wake_ups():
    """How many could not be written since."""

    def lost():
        return metrics.REGISTRY.get_sample_value("bookings_wake_ups_lost_total")

    before = lost()
    return lambda: lost() - before


def cancel(booking):
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)


def take_and_pass(flights):
    """What a worker does: take the wake-up, then run the pass. Tells whether there was one."""
    taken = TickingBroker()._take(database_time())
    if taken:
        one_pass(flights, InstantPayments())
    return bool(taken)


def a_crowd(bookings, over):
    """Four threads that cancel them all."""

    def cancel_all(mine):
        for booking in mine:
            cancel(booking)

    try:
        return all_at_once([partial(cancel_all, bookings[number::4]) for number in range(4)])
    finally:
        over.set()


def a_worker(flights, over):
    """Take wake-ups as long as there may be more; give the number of passes."""
    passes = 0
    while not over.is_set() or OrmQ.objects.exists():
        passes += take_and_pass(flights)
    return passes


def test_whatever_cancels_while_a_worker_takes_wake_ups_the_last_pass_has_it_all(flights, sim):
    for _ in rounds(3):
        bookings = [an_initiated_booking(flights, flight_id=number % 3 + 1) for number in range(CUSTOMERS)]
        over = Event()

        cancelled, passes = all_at_once([partial(a_crowd, bookings, over), partial(a_worker, flights, over)])

        assert cancelled == [None] * 4
        assert 1 <= passes <= CUSTOMERS
        assert_in_step(sim)


def test_however_many_wake_the_worker_at_once_and_take_meanwhile_one_wake_up_is_left_at_most(lost_wake_ups):
    def take_often():
        return sum(len(TickingBroker()._take(database_time())) for _ in range(30))

    def wake_often():
        for _ in range(30):
            wake_worker()

    for _ in rounds(2):
        outcomes = all_at_once([wake_often] * 6 + [take_often] * 2)

        assert [error for error in outcomes if isinstance(error, Exception)] == []
        assert OrmQ.objects.count() <= 1
    assert lost_wake_ups() == 0


def test_a_cancellation_between_the_look_and_the_taking_is_in_the_pass_that_follows(flights, sim, monkeypatch):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    cancel(first)
    looked = Halt(monkeypatch, TASKS_LOOKED_AT)

    overtaken(partial(take_and_pass, flights), partial(cancel, second), at=looked)

    while take_and_pass(flights):
        pass
    assert_in_step(sim)


def taken_when_the_pass_is_over(flights):
    """A worker that lets the wake-up stand until its pass is through, as the queue does with other tasks."""
    if OrmQ.objects.filter(pk=PLACE).exists():
        one_pass(flights, InstantPayments())
        OrmQ.objects.filter(pk=PLACE).delete()


def test_twin_where_a_wake_up_stands_while_its_pass_runs_the_next_one_is_lost(flights, sim, monkeypatch):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    cancel(first)
    passed = Halt(monkeypatch, Place(THIS, "one_pass"))

    overtaken(partial(taken_when_the_pass_is_over, flights), partial(cancel, second), at=passed)

    assert not OrmQ.objects.exists()
    assert seats_out_of_step(sim) == ["Q8: flight 1: 2 taken, 0 held"]
    one_pass(flights, InstantPayments())  # the next scheduled pass
    assert_in_step(sim)


def test_a_cancellation_while_the_pass_runs_wakes_the_worker_again(flights, sim, monkeypatch):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    cancel(first)
    passed = Halt(monkeypatch, Place(THIS, "one_pass"))

    overtaken(partial(take_and_pass, flights), partial(cancel, second), at=passed)

    assert take_and_pass(flights)
    assert_in_step(sim)


@pytest.fixture
def no_ids_left():
    """A queue that has given out its last id."""
    OrmQ.objects.create(pk=2**31 - 1, key="bookings", payload="the last one", lock=NEVER)
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE django_q_ormq")


# PostgreSQL's sequence knows nothing of a key that a row has brought.
@pytest.mark.mysql
def test_where_the_queue_has_no_id_left_passes_are_begun_and_cancellations_wake_the_worker(
    flights, sim, no_ids_left, lost_wake_ups
):
    with pytest.raises(DatabaseError):
        async_task("bookings.tasks.reap")
    Schedule.objects.all().delete()

    cancelled = cancel(an_initiated_booking(flights)).status
    by_the_cancellation = take_and_pass(flights)
    start_due_schedules()
    by_the_schedule = take_and_pass(flights)

    assert (cancelled, by_the_cancellation, by_the_schedule, lost_wake_ups()) == ("cancelled", True, True, 0)
    assert_in_step(sim)


def test_where_the_queue_takes_nothing_every_cancellation_stands_and_is_carried_out(flights, sim, lost_wake_ups):
    bookings = [an_initiated_booking(flights) for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO away")
        try:
            cancelled = [cancel(booking).status for booking in bookings]
        finally:
            cursor.execute("ALTER TABLE away RENAME TO django_q_ormq")

    assert cancelled == ["cancelled"] * 3
    assert lost_wake_ups() == 3
    one_pass(flights, InstantPayments())
    assert_in_step(sim)
