"""A transaction that its process has left alone ends by itself, and with it the locks that it has."""

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from bookings.db import limits, transactions
from bookings.db.limits import COMMAND, WEB, WORKER
from bookings.db.transactions import run
from bookings.models import Heartbeat
from bookings.queries.upkeep.background import PASSES_HEARTBEAT
from bookings.services.upkeep.run_pass import _finish
from tests.races.crowd import PATIENCE_SECONDS, on_own_connection

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

# Instead of the twenty seconds of a process; well below the five that a row is waited for here.
IDLE_SECONDS = 1

LIMITS = {"web": WEB, "worker": WORKER}


@pytest.fixture(autouse=True)
def limits_of_this_process():
    yield
    limits.use(COMMAND)


@contextmanager
def stopped_in_a_transaction(of_process):
    """Stop a process while it has the row that says that a pass went through; give what lets it go on."""
    has_it, may_go_on, runs = threading.Event(), threading.Event(), []

    def block():
        runs.append(Heartbeat.objects.select_for_update().get(name=PASSES_HEARTBEAT))
        if len(runs) == 1:
            has_it.set()
            assert may_go_on.wait(PATIENCE_SECONDS)
        Heartbeat.objects.filter(name=PASSES_HEARTBEAT).exists()
        return len(runs)

    limits.use(of_process)
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(on_own_connection, run, "stopped", block)
        try:
            assert has_it.wait(PATIENCE_SECONDS), stopped.exception()
            yield lambda: (may_go_on.set(), stopped.result())[1]
        finally:
            may_go_on.set()


@pytest.mark.slow
@pytest.mark.parametrize("kind", LIMITS)
def test_what_a_process_had_locked_when_it_was_stopped_is_free_again_soon(kind):
    _finish(everything=True)
    before = Heartbeat.objects.get(name=PASSES_HEARTBEAT).finished_at

    with stopped_in_a_transaction(dataclasses.replace(LIMITS[kind], idle=IDLE_SECONDS)) as goes_on:
        _finish(everything=True)

        assert Heartbeat.objects.get(name=PASSES_HEARTBEAT).finished_at > before
        assert goes_on() == 2, "what was rolled back is run again"


@pytest.mark.slow
def test_without_a_limit_no_pass_could_say_that_it_went_through(monkeypatch):
    """The twin."""
    monkeypatch.setattr(transactions, "TRIES", 1)
    _finish(everything=True)

    with stopped_in_a_transaction(dataclasses.replace(WORKER, idle=0)) as goes_on:
        began = time.monotonic()
        with pytest.raises(OperationalError):
            _finish(everything=True)

        assert time.monotonic() - began > IDLE_SECONDS
        assert goes_on() == 1


@pytest.mark.parametrize("kind", LIMITS)
def test_every_process_of_the_service_has_a_limit(kind):
    def shown():
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@session.idle_transaction_timeout")
            return cursor.fetchone()[0]

    limits.use(LIMITS[kind])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(on_own_connection, shown).result() == limits.IDLE_SECONDS
