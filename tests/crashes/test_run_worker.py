"""The command that production runs: it starts the cluster, watches it, and leaves nothing behind."""

import os
import signal
import time

import pytest
from django_q.models import Schedule

from bookings.clock import database_time
from bookings.queries import last_pass_finished_at
from bookings.wake import SWEEP_TASK
from bookingsite.broker import EXPIRY_SCHEDULE
from tests.support.servers import database_url, environment, start_worker

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

# A start takes three seconds on an idle machine, a pass no time at all.
PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.05

STOP_SECONDS = 5.0


@pytest.fixture
def worker(transactional_db):
    # A test of this kind empties all tables at its end, the schedule that a migration has made included.
    Schedule.objects.create(
        name=EXPIRY_SCHEDULE, func=SWEEP_TASK, schedule_type=Schedule.CRON, cron="* * * * * */1", repeats=-1
    )
    env = environment(
        DATABASE_URL=database_url(), EXPIRY_INTERVAL_SECONDS="1", FLIGHT_SERVICE_URL="http://127.0.0.1:9"
    )
    with start_worker(env=env) as running:
        yield running


def await_a_pass(worker, *, after=None):
    """Return when a pass has finished, the first or one that ended after this moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (finished_at := last_pass_finished_at()) is None or (after is not None and finished_at <= after):
        assert time.monotonic() < deadline, worker.printed()
        time.sleep(LOOK_EVERY_SECONDS)


def test_it_runs_passes_and_a_signal_to_itself_stops_everything(worker):
    await_a_pass(worker)
    processes = len(worker.alive())

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.ends_within(STOP_SECONDS), worker.printed()
    assert processes == 7  # itself, the cluster, its sentinel, two workers, monitor and pusher


def test_a_signal_to_its_whole_process_group_stops_everything(worker):
    await_a_pass(worker)

    os.killpg(worker.pid, signal.SIGTERM)

    assert worker.ends_within(STOP_SECONDS), worker.printed()


def test_a_cluster_that_is_killed_is_started_again_and_leaves_no_orphan(worker):
    await_a_pass(worker)
    (killed,) = worker.clusters()
    orphans = [*worker.sentinels(), *worker.below_sentinels()]

    os.kill(killed, signal.SIGKILL)
    killed_at = database_time()

    while worker.clusters() in ([], [killed]):
        time.sleep(LOOK_EVERY_SECONDS)
    await_a_pass(worker, after=killed_at)
    # One of them may still have finished that pass, and be on its way out.
    deadline = time.monotonic() + STOP_SECONDS
    while set(orphans) & set(worker.alive()):
        assert time.monotonic() < deadline, worker.printed()
        time.sleep(LOOK_EVERY_SECONDS)
