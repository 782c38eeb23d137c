"""When the silence of the background work counts, and when not."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, OperationalError

from bookings.models import WorkerHeartbeat
from bookings.queries.upkeep import workers
from bookings.services.upkeep.worker_heartbeats import say_hello
from bookingsite.processes.stall_detector import Silence, SilenceWatch

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 6, 1, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def silence():
    """The silence of a cluster that was started at second 0 and has finished a pass at second 10."""
    begun = Silence(now=0.0)
    begun.seconds(now=10.0, last_pass=NOON, rests=False)
    return begun


def test_a_cluster_that_has_never_finished_a_pass_is_silent_since_its_start():
    silence = Silence(now=0.0)

    seconds = silence.seconds(now=50.0, last_pass=None, rests=False)

    assert seconds == 50.0


def test_what_an_earlier_cluster_has_finished_breaks_the_silence_once():
    silence = Silence(now=0.0)

    first = silence.seconds(now=5.0, last_pass=NOON, rests=False)
    second = silence.seconds(now=60.0, last_pass=NOON, rests=False)

    assert (first, second) == (0.0, 55.0)


def test_a_pass_ends_the_silence(silence):
    before = silence.seconds(now=20.0, last_pass=NOON, rests=False)
    after = silence.seconds(now=21.0, last_pass=LATER, rests=False)

    assert (before, after) == (10.0, 0.0)


def test_the_clock_begins_anew_when_a_pause_ends(silence):
    silence.seconds(now=3600.0, last_pass=NOON, rests=True)

    seconds = silence.seconds(now=3605.0, last_pass=NOON, rests=False)

    assert seconds == 5.0


def test_the_clock_begins_anew_when_the_database_is_back(silence):
    silence.excuse(now=3600.0)

    seconds = silence.seconds(now=3605.0, last_pass=NOON, rests=False)

    assert seconds == 5.0


@pytest.fixture
def watch(monkeypatch, db):
    """A watch whose thread does nothing: it looks when it is asked to, on this connection."""
    monkeypatch.setattr(SilenceWatch, "_run", lambda self: None)
    monkeypatch.setattr("bookingsite.processes.stall_detector.connection.close", lambda: None)
    return SilenceWatch("here/one")


@pytest.mark.parametrize("error", [OperationalError(2013, "lost"), InterfaceError(0, ""), DatabaseError()])
def test_the_watch_goes_on_whatever_the_database_library_says(monkeypatch, watch, error):
    def fail(name):
        raise error

    with monkeypatch.context() as away:
        away.setattr(workers, "last_pass_of", fail)
        watch._look()
    was_away = watch._database_answers is False
    watch._look()

    assert (was_away, watch._database_answers) == (True, True)


def test_a_cluster_is_introduced_once_and_workers_of_this_machine_that_were_killed_are_missed_no_more(watch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"here/pid-{gone.pid}", f"here/pid-{os.getpid()}", f"there/pid-{gone.pid}", "here/2", "here/pid-x"):
        say_hello(name)

    watch._look()
    before_it_began = WorkerHeartbeat.objects.filter(pk="here/one").exists()
    watch.begin_again()
    watch._look()
    first = WorkerHeartbeat.objects.get(pk="here/one").started_at
    watch._look()

    assert not before_it_began
    assert WorkerHeartbeat.objects.get(pk="here/one").started_at == first
    assert [row.name for row in WorkerHeartbeat.objects.filter(has_stopped=True)] == [f"here/pid-{gone.pid}"]


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 33])
def test_a_worker_cannot_have_any_name(name):
    with pytest.raises(CommandError, match="a name has"):
        call_command("run_worker", "--name", name)
