"""The rehearsal in small: a Flight Service that is away, a web process that is killed, and one that must fail."""

import time

import pytest

from tests.campaigns.outages.catalog import web_killed
from tests.campaigns.outages.outage import Outage
from tests.campaigns.rehearsal import Play, start
from tests.campaigns.verdict import Word
from tests.support.schedules import schedule_the_pass
from tests.support.servers import empty_the_database

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.django_db(transaction=True)]

INTERVAL_SECONDS = 1
FELT_SECONDS = 1.0
LATENESS_SECONDS = 2.0


@pytest.fixture(scope="module")
def one_stack(tmp_path_factory, django_db_setup, django_db_blocker):
    folder = tmp_path_factory.mktemp("rehearsal")
    with django_db_blocker.unblock():
        with start(folder, interval_seconds=INTERVAL_SECONDS) as running:
            yield running
        empty_the_database()


@pytest.fixture
def stack(one_stack, transactional_db):
    """Everything fresh; the worker runs."""
    schedule_the_pass(every_seconds=INTERVAL_SECONDS)
    one_stack.sim.reset()
    one_stack.payments.forget()
    if not one_stack.worker.alive():
        one_stack.worker.start()
    one_stack.await_a_pass()
    return one_stack


def play(outage, stack):
    return Play(outage, stack, felt_seconds=FELT_SECONDS, lateness_seconds=LATENESS_SECONDS).round()


def a_web_process_is_killed_while_the_flight_service_is_down(stack, feel):
    stack.sim.kill()
    feel()
    web_killed(stack, feel)
    stack.sim.start()
    return time.monotonic()


def test_a_web_process_is_killed_while_the_flight_service_is_down(stack):
    outage = Outage("both", a_web_process_is_killed_while_the_flight_service_is_down, 100.0, Word.REFUSED)

    result = play(outage, stack)

    assert result.faults() == []
    assert result.drift == 0
    assert result.figures["refused cleanly"] > 0
    assert result.figures["cut off"] > 0


def test_a_worker_that_stays_dead_is_found_out(stack):
    def kill_it_for_good(stack, feel):
        stack.worker.kill()
        return time.monotonic()

    result = play(Outage("no worker", kill_it_for_good, 1.0, serves=False), stack)

    assert "not recovered" in result.faults()
