"""Every connection to the database leads nowhere, and no end of it is told: a cut cable, a firewall that forgets."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.queries.upkeep.background import last_pass_finished_at
from tests.support.invariants import what_is_wrong
from tests.support.processes import start_flightsim
from tests.support.relay import Relay
from tests.support.schedules import schedule_the_pass
from tests.support.servers import Worker, a_watched_web, database_url, empty_the_database, environment
from tests.support.waiting import await_that, comes_true

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# A request waits for the database for five seconds, and this machine adds its own.
LONGEST_SECONDS = 12.0
# So that a test need not wait for the worker's own thirty.
SHORT = "?read_timeout=2&write_timeout=2"
ENDLESS = "?read_timeout=3600&write_timeout=3600"
UNCHANGED_SECONDS = 8.0


@pytest.fixture
def relay():
    with Relay(int(connection.settings_dict["PORT"])) as relay:
        yield relay


@pytest.fixture
def sim():
    with start_flightsim("--capacity", "1000") as sim:
        yield sim


def settings(relay, options="", **more):
    address = database_url().replace(f":{connection.settings_dict['PORT']}/", f":{relay.port}/")
    return environment(DATABASE_URL=address + options, EXPIRY_INTERVAL_SECONDS="1", **more)


@pytest.fixture
def start_worker(relay, sim):
    """Start a worker that reaches its database by the relay, with these options of the address."""
    started = []

    def start(options):
        schedule_the_pass(every_seconds=1)
        worker = Worker(env=settings(relay, options, FLIGHT_SERVICE_URL=sim.url))
        started.append(worker)
        worker.start()
        await_that(lambda: has_passed_since(None), worker.printed)
        return worker

    yield start
    for worker in started:
        worker.kill()
    empty_the_database()


def has_passed_since(moment):
    finished_at = last_pass_finished_at()
    return finished_at is not None and (moment is None or finished_at > moment)


def test_requests_hear_503_in_time_and_the_worker_goes_on_by_itself_with_nothing_adrift(relay, sim, start_worker):
    worker = start_worker(SHORT)
    web = a_watched_web("--threads", "8", env=settings(relay, FLIGHT_SERVICE_URL=sim.url))
    keys = [uuid.uuid4().hex for _ in range(8)]

    def create(key):
        began = time.monotonic()
        body = {"flightId": 1, "userId": int(key[:6], 16) + 1, "noOfSeats": 1}
        reply = web.ask("POST", "/api/v1/bookings", body, {"Idempotency-Key": key})
        return reply.status, time.monotonic() - began

    with web.running(), ThreadPoolExecutor(len(keys)) as crowd:
        assert {status for status, _ in crowd.map(create, keys[:4])} == {201}
        clusters = worker.clusters()
        assert relay.cut() > 0
        cut_at = database_time()
        cut_off = list(crowd.map(create, keys))
        await_that(lambda: has_passed_since(cut_at), worker.printed)
        await_that(lambda: {status for status, _ in crowd.map(create, keys)} == {201}, web.printed)
        booking = Booking.objects.first()
        reply = web.ask("POST", f"/api/v1/bookings/{booking.pk}/cancel", {"userId": booking.user_id})
        cancelled = json.loads(reply.body)

    assert {status for status, _ in cut_off} <= {201, 503}
    assert max(seconds for _, seconds in cut_off) < LONGEST_SECONDS
    assert worker.clusters() == clusters, "it was not started again"
    assert (reply.status, cancelled["data"]["status"]) == (200, "cancelled")
    await_that(lambda: sim.flight()["taken"] - sim.flight()["given_back"] == len(keys) - 1, worker.printed)
    assert Booking.objects.count() == len(keys)
    # Seats are back at the Flight Service a moment before that is written down here.
    await_that(lambda: not what_is_wrong(sim), lambda: what_is_wrong(sim))


def test_without_a_limit_the_worker_would_wait_for_an_answer_that_does_not_come(relay, start_worker):
    """The twin."""
    worker = start_worker(ENDLESS)
    await_that(lambda: len(worker.below_sentinels()) == 6, worker.printed)

    relay.cut()
    cut_at = database_time()

    assert not comes_true(lambda: has_passed_since(cut_at), UNCHANGED_SECONDS)
