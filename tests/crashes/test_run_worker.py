"""The command that production runs: it starts the cluster, watches it, and leaves nothing behind."""

import os
import signal

import pytest
from django_q.models import Schedule

from bookings.db.clock import database_time
from bookings.queries.upkeep.background import last_pass_finished_at
from bookings.wake import PASSES_TASK
from tests.support.schedules import schedule_the_pass
from tests.support.servers import Worker, database_url, empty_the_database, environment
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

STOP_SECONDS = 30.0

# Without a row of the pass the worker would make the usual one.
ONCE_A_YEAR = "0 0 1 7 * 0"

# Shorter than a start: whatever the cluster does, it is silent for longer.
NO_PATIENCE = ("--silence", "0.1")


def a_worker(*options, **settings):
    return Worker(
        *options,
        env=environment(
            **{
                "DATABASE_URL": database_url(),
                "EXPIRY_INTERVAL_SECONDS": "1",
                "FLIGHT_SERVICE_URL": "http://127.0.0.1:9",
                **settings,
            }
        ),
    )


@pytest.fixture(scope="module")
def one_worker(django_db_setup, django_db_blocker):
    """A worker that outlives the tests that leave it running."""
    with django_db_blocker.unblock():
        worker = a_worker()
        yield worker
        worker.kill()
        empty_the_database()


@pytest.fixture
def worker(one_worker, transactional_db):
    """A worker that runs passes, one a second."""
    # A test of this kind empties all tables at its end, the schedule that a migration has made included.
    schedule_the_pass(every_seconds=1)
    if not one_worker.alive():
        one_worker.start()
    await_a_pass(one_worker)
    return one_worker


@pytest.fixture
def impatient_worker(transactional_db):
    """A worker that takes its cluster for silent at once; and the pass's turn comes once a year."""
    Schedule.objects.create(name="rare", func=PASSES_TASK, schedule_type=Schedule.CRON, cron=ONCE_A_YEAR, repeats=-1)
    worker = a_worker(*NO_PATIENCE)
    worker.start()
    yield worker
    worker.kill()


@pytest.fixture
def lonely_worker():
    """A worker whose database is away."""
    worker = a_worker(DATABASE_URL="mysql://bookings@127.0.0.1:1/bookings")
    worker.start()
    yield worker
    worker.kill()


def await_a_pass(worker, *, after=None):
    """Return when a pass has finished, the first or one that ended after this moment."""
    await_that(
        lambda: (at := last_pass_finished_at()) is not None and (after is None or at > after),
        worker.printed,
    )


def await_another_cluster(worker, before):
    """Return when another cluster has started, has finished a pass, and is whole."""
    await_that(lambda: worker.clusters() not in ([], before), worker.printed)
    started_at = database_time()
    await_a_pass(worker, after=started_at)
    await_that(lambda: len(worker.below_sentinels()) == 6, worker.printed)


def test_a_cluster_that_is_killed_is_started_again_and_leaves_no_orphan(worker):
    killed = worker.clusters()
    orphans = {*worker.sentinels(), *worker.below_sentinels()}

    os.kill(killed[0], signal.SIGKILL)

    await_another_cluster(worker, killed)
    assert orphans.isdisjoint(worker.alive())


def test_it_runs_passes_and_a_signal_to_itself_stops_everything(worker):
    processes = len(worker.alive())

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.ends_within(STOP_SECONDS), worker.printed()
    assert worker.exit_status() == 0
    assert processes == 9  # itself, the cluster, its sentinel, four workers, monitor and pusher


@pytest.mark.long
def test_a_signal_to_its_whole_process_group_stops_everything(worker):
    os.killpg(worker.pid, signal.SIGTERM)

    assert worker.ends_within(STOP_SECONDS), worker.printed()
    assert worker.exit_status() == 0


def test_when_it_is_killed_itself_nothing_goes_on_without_it(worker):
    os.kill(worker.pid, signal.SIGKILL)

    assert worker.ends_within(STOP_SECONDS), worker.alive()


@pytest.mark.long
def test_a_cluster_with_a_process_that_was_killed_is_started_again(worker):
    damaged = worker.clusters()
    await_that(lambda: len(worker.below_sentinels()) == 6, worker.printed)
    idle_workers = worker.idle_workers()

    for pid in idle_workers:
        os.kill(pid, signal.SIGKILL)

    await_another_cluster(worker, damaged)


@pytest.mark.long
def test_a_cluster_that_finishes_no_pass_is_started_again_until_a_signal_comes(impatient_worker):
    await_that(impatient_worker.clusters, impatient_worker.printed)
    silent = impatient_worker.clusters()

    await_that(lambda: impatient_worker.clusters() not in ([], silent), impatient_worker.printed)
    os.kill(impatient_worker.pid, signal.SIGTERM)

    assert impatient_worker.ends_within(STOP_SECONDS), impatient_worker.printed()
    assert "worker.cluster_silent" in impatient_worker.printed()


def test_while_there_is_no_database_it_waits_and_starts_nothing(lonely_worker):
    await_that(lambda: "worker.database_unreachable" in lonely_worker.printed(), lonely_worker.printed)

    assert lonely_worker.alive() == [lonely_worker.pid]

    os.kill(lonely_worker.pid, signal.SIGTERM)

    assert lonely_worker.ends_within(STOP_SECONDS), lonely_worker.printed()
    assert lonely_worker.exit_status() == 0
