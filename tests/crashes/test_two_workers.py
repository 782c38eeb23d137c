"""Two real workers on one database: one hangs beside the other, is seen, comes back, and is asked to stop."""

import os
import signal
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db.models import F

from bookings.db.clock import database_time
from bookings.diagnostics import health
from bookings.models import WorkerHeartbeat
from bookings.queries.upkeep.workers import at_work
from tests.support.schedules import schedule_the_pass
from tests.support.servers import Worker, database_url, empty_the_database, environment
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

# Longer than a cluster takes to start on a busy machine; shorter than a test.
SILENCE_SECONDS = "15"


def a_worker(name, *options):
    return Worker(
        *("--name", name, *options),
        env=environment(
            DATABASE_URL=database_url(), EXPIRY_INTERVAL_SECONDS="1", FLIGHT_SERVICE_URL="http://127.0.0.1:9"
        ),
    )


@pytest.fixture
def workers(transactional_db):
    """Two that have finished a pass each; the second is started again by its own watch after a short silence."""
    schedule_the_pass(every_seconds=1)
    both = [a_worker("one"), a_worker("two", "--silence", SILENCE_SECONDS)]
    try:
        for worker in both:
            worker.start()
        for worker, name in zip(both, ("one", "two"), strict=True):
            await_a_pass(worker, name)
        yield both
    finally:
        for worker in both:
            worker.kill()
        empty_the_database()


def finished_by(name):
    return WorkerHeartbeat.objects.filter(name__endswith=f"/{name}").values_list("finished_at", flat=True).first()


def await_a_pass(worker, name):
    """Return when the worker of this name has finished a pass that ended from now on."""
    since = database_time()
    await_that(lambda: (finished_by(name) or since) > since, worker.printed)


@contextmanager
def stopped(processes):
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def minutes_go_by():
    """As if the one that is silent had been so for long; the other says at once that it works."""
    WorkerHeartbeat.objects.filter(name__endswith="/one").update(heard_at=F("heard_at") - timedelta(minutes=5))


def silent():
    return [each.worker for each in at_work(database_time()) if each.is_silent]


def test_one_that_hangs_with_all_its_processes_is_named_until_it_works_again_or_is_asked_to_stop(workers):
    one, two = workers
    with stopped(one.alive()):
        await_a_pass(two, "two")
        minutes_go_by()
        while_it_hangs, judged = silent(), health.worker().verdict
    await_a_pass(one, "one")
    afterwards = silent()
    one.stop_in_order()
    minutes_go_by()
    await_a_pass(two, "two")

    assert (while_it_hangs, judged) == (["one"], "WARN")
    assert (afterwards, silent()) == ([], [])
    assert [each.worker for each in at_work(database_time())] == ["two"]
    assert health.worker().verdict == "OK"


def test_one_whose_cluster_hangs_is_started_again_though_the_other_finishes_all_passes(workers):
    one, two = workers
    hung = two.clusters()

    for pid in two.all_of_the_cluster():
        os.kill(pid, signal.SIGSTOP)

    await_that(lambda: two.clusters() not in ([], hung), two.printed)
    await_a_pass(two, "two")
    assert "worker.cluster_silent" in two.printed()
    assert "worker.cluster_silent" not in one.printed()


def test_one_that_is_killed_is_missed_and_one_of_its_name_takes_its_place(workers):
    one, two = workers
    one.kill()
    minutes_go_by()
    await_a_pass(two, "two")
    missed = silent()

    one.start()
    await_a_pass(one, "one")

    assert (missed, silent()) == (["one"], [])
