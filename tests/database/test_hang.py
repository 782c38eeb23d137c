"""Once the database was found hanging, one caller in a second tries it, and nobody else waits for it."""

import sys

import pytest
from django.db import OperationalError, connection

from bookings.db.error_numbers import CONNECTION_LOST, UNANSWERED
from bookings.db.hang import TRY_EVERY_SECONDS, Hang
from bookingsite import kept_connection
from tests.support.clocks import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hang(clock):
    return Hang(clock=clock)


def test_a_database_that_answers_is_waited_for_by_all(hang):
    assert [hang.may_try() for _ in range(5)] == [True] * 5


def test_one_that_hangs_is_tried_by_one_in_a_second(hang, clock):
    hang.begin()

    assert [hang.may_try() for _ in range(3)] == [True, False, False]

    clock.now += TRY_EVERY_SECONDS
    assert [hang.may_try() for _ in range(3)] == [True, False, False]


def test_a_try_that_took_long_itself_is_not_followed_by_another_at_once(hang, clock):
    hang.begin()
    hang.may_try()
    clock.now += 2.0
    hang.begin()

    assert hang.may_try() is False
    clock.now += TRY_EVERY_SECONDS
    assert hang.may_try() is True


def test_an_answer_ends_it(hang):
    hang.begin()
    hang.end()

    assert (hang.is_on(), [hang.may_try() for _ in range(3)]) == (False, [True] * 3)


@pytest.fixture
def of_a_web_process(monkeypatch, hang):
    """A connection that is not open, of a process that fails fast."""
    for module in (kept_connection, sys.modules[type(connection.copy()).__module__]):
        monkeypatch.setattr(module, "hang", hang)
    copy = connection.copy()
    copy.settings_dict["FAILS_FAST"] = True
    yield copy
    copy.close()


@pytest.mark.server
@pytest.mark.django_db
def test_who_would_wait_for_a_new_connection_is_refused_at_once(of_a_web_process, hang):
    hang.begin()
    hang.may_try()

    with pytest.raises(OperationalError, match="it was not asked") as refused:
        of_a_web_process.ensure_connection()

    assert refused.value.args[0] in UNANSWERED


@pytest.mark.server
@pytest.mark.django_db
def test_who_tries_it_and_is_answered_lets_all_others_in(of_a_web_process, hang):
    hang.begin()

    of_a_web_process.ensure_connection()

    assert not hang.is_on()


@pytest.mark.server
@pytest.mark.django_db
def test_a_connection_that_was_kept_is_not_asked_while_it_hangs(of_a_web_process, hang):
    of_a_web_process.ensure_connection()
    hang.begin()

    assert of_a_web_process.is_usable() is False


@pytest.mark.server
@pytest.mark.django_db
def test_only_what_took_long_is_a_hang(of_a_web_process, hang):
    of_a_web_process._note_hang(OperationalError(CONNECTION_LOST, "killed"), seconds=0.1)
    of_a_web_process._note_hang(OperationalError(1213, "deadlock"), seconds=9.0)
    assert not hang.is_on()

    of_a_web_process._note_hang(OperationalError(CONNECTION_LOST, "no answer"), seconds=5.0)
    assert hang.is_on()
