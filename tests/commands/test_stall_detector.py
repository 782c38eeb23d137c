"""When the silence of the background work counts, and when not."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError

from bookings.queries.upkeep import background
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


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError(2013, "lost"), InterfaceError(0, ""), DatabaseError()])
def test_the_watch_goes_on_whatever_the_database_library_says(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(SilenceWatch, "_run", lambda self: None)
    monkeypatch.setattr("bookingsite.processes.stall_detector.connection.close", lambda: None)
    watch = SilenceWatch()

    with monkeypatch.context() as away:
        away.setattr(background, "last_pass_finished_at", fail)
        watch._look()
    was_away = watch._database_answers is False
    watch._look()

    assert (was_away, watch._database_answers) == (True, True)
