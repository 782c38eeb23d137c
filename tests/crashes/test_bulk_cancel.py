"""A real worker is killed in the middle of a bulk cancellation: the next one does the rest, and nothing twice."""

import time
import uuid

import pytest
from django.db.models import Count
from django_q.models import Schedule

from bookings.gateways.flights import HttpFlightService
from bookings.models import Booking, BookingEvent, BulkCancelRow
from bookings.ports import Applied, SeatChange
from bookings.queries.bulk import progress_of
from bookings.wake import SWEEP_TASK
from bookingsite.broker import EXPIRY_SCHEDULE
from tests.support.bookings import many_rows
from tests.support.bulk import start
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim
from tests.support.servers import Worker, database_url, environment

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

BOOKINGS, SEATS_EACH = 500, 2

# Some are done and most are not, however fast the machine: then it is killed.
ENOUGH = 50

# A start takes three seconds on an idle machine, the whole bulk not much longer.
PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.01


@pytest.fixture
def sim():
    with start_flightsim("--capacity", str(BOOKINGS * SEATS_EACH)) as running:
        yield running


@pytest.fixture
def worker(sim, transactional_db):
    # A test of this kind empties all tables at its end, the schedule that a migration has made included.
    Schedule.objects.create(
        name=EXPIRY_SCHEDULE, func=SWEEP_TASK, schedule_type=Schedule.CRON, cron="* * * * * */1", repeats=-1
    )
    env = environment(DATABASE_URL=database_url(), EXPIRY_INTERVAL_SECONDS="1", FLIGHT_SERVICE_URL=sim.url)
    running = Worker(env=env)
    try:
        yield running
    finally:
        running.kill()


def a_full_flight(sim):
    change = SeatChange(uuid.uuid4(), 1, seats=BOOKINGS * SEATS_EACH, take=True)
    assert HttpFlightService(sim.url).change_seats(change, seconds=5) == Applied()
    many_rows(BOOKINGS, no_of_seats=SEATS_EACH)


def decided():
    return BulkCancelRow.objects.exclude(state="waiting").count()


def wait_until(condition, worker):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, worker.printed()
        time.sleep(LOOK_EVERY_SECONDS)


def test_a_bulk_of_500_whose_worker_is_killed_cancels_each_booking_once(sim, worker):
    a_full_flight(sim)
    bulk = start()
    calls_before = sim.ledger()["calls"]["patch"]

    worker.start()
    wait_until(lambda: decided() >= ENOUGH, worker)
    worker.kill()
    done_when_killed, calls_when_killed = decided(), sim.ledger()["calls"]["patch"]
    worker.start()
    wait_until(lambda: progress_of(bulk).seats_back == BOOKINGS * SEATS_EACH, worker)

    assert ENOUGH <= done_when_killed < BOOKINGS
    bulk.refresh_from_db()
    assert bulk.finished_at is not None
    assert dict(BulkCancelRow.objects.values_list("state").annotate(rows=Count("pk"))) == {"cancelled": BOOKINGS}
    assert Booking.objects.exclude(status="cancelled").count() == 0
    assert BookingEvent.objects.values("booking").distinct().count() == BOOKINGS
    assert BookingEvent.objects.count() == BOOKINGS
    # The killed worker had not come to the seats; the next gives all of them back with one call for the flight.
    # A pass that overlaps with it may send what it has cancelled last by itself.
    assert calls_when_killed == calls_before
    assert 1 <= sim.ledger()["calls"]["patch"] - calls_when_killed <= 2
    assert_in_step(sim)
