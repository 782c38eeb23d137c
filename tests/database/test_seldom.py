"""What seldom happens between the service and its database."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connections

from bookings.db import clock, limits, replica
from bookings.db.clock_watch import ClockWatch
from bookings.db.hang import Hang
from bookings.db.safe_session import refuse_unsafe_session
from bookings.models import ClockProof


def test_of_two_that_hear_an_answer_one_says_so(caplog):
    hang = Hang()
    hang.begin()

    class TheOtherIsFirst(nullcontext):
        def __enter__(self):
            hang._is_on = False

    hang._lock = TheOtherIsFirst()
    hang.end()

    assert [line for line in caplog.messages if "answers_again" in line] == []


def test_a_system_without_a_name_for_its_start_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "_BOOT", tmp_path / "nothing")

    assert clock._boot() == ""


@pytest.mark.django_db
def test_who_has_read_no_time_vouches_for_none(monkeypatch):
    monkeypatch.setattr(clock, "WATCH", ClockWatch(""))
    before = list(ClockProof.objects.values())

    clock.vouch_for_clock()

    assert list(ClockProof.objects.values()) == before


def test_sqlite_has_no_limits_of_a_process(monkeypatch):
    options = {"timeout": 5}
    monkeypatch.setitem(connections.settings["default"], "ENGINE", "django.db.backends.sqlite3")
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)

    limits.use(limits.WEB)

    assert options == {"timeout": 5}


def test_a_session_of_sqlite_is_safe():
    assert refuse_unsafe_session(None, SimpleNamespace(vendor="sqlite")) is None


@pytest.mark.parametrize("number", [1193, 2006])
def test_a_server_without_gtids_has_no_position_and_one_that_is_away_has_no_answer(monkeypatch, number):
    def execute(statement):
        raise OperationalError(number, "no")

    session = SimpleNamespace(cursor=lambda: nullcontext(SimpleNamespace(execute=execute)))
    monkeypatch.setattr(replica, "connection", session)

    with nullcontext() if number == 1193 else pytest.raises(OperationalError):
        assert replica._position() == ""
