"""Readiness, the start page and the doctor show one judgment, each in its own words."""

import contextlib
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bookings import wiring
from bookings.db.clock import database_time
from bookings.diagnostics import health
from bookings.models import Heartbeat
from tests.support.api import Api
from tests.support.people import a_person, desk_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(flights):
    return desk_of(a_person("anna", "view_booking"))


def a_pass_finished(**ago):
    Heartbeat.objects.create(name="pass", finished_at=database_time() - timedelta(**ago))


def of_the_doctor(name, monkeypatch, flights):
    monkeypatch.setattr(wiring, "bare_flight_service", lambda: flights)
    out = StringIO()
    with contextlib.suppress(CommandError):
        call_command("doctor", "--json", stdout=out)
    return {each["name"]: each["verdict"] for each in json.loads(out.getvalue())["findings"]}[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ago", "word", "badge", "verdict"),
    [
        ({"seconds": 5}, "ok", "Runs", "OK"),
        ({"minutes": 5}, "failed", "Silent", "FAIL"),
        ({"minutes": -5}, "failed", "Silent", "FAIL"),
        (None, "failed", "Has never run", "FAIL"),
    ],
    ids=["well", "silent", "ahead of the clock", "never"],
)
def test_a_worker_is_the_same_everywhere(desk, flights, monkeypatch, ago, word, badge, verdict):
    if ago is not None:
        a_pass_finished(**ago)

    shown = (
        Api().get("/health/ready").json()["checks"]["worker"],
        str(desk.get("/admin/").context["worker"][0].text),
        of_the_doctor("worker", monkeypatch, flights),
    )

    assert shown == (word, badge, verdict)


@pytest.mark.slow
def test_a_worker_whose_silence_no_clock_can_tell_is_the_same_everywhere(desk, flights, monkeypatch):
    a_pass_finished(minutes=5)
    monkeypatch.setattr(health, "clock_has_jumped", lambda: True)

    shown = (
        Api().get("/health/ready").json()["checks"]["worker"],
        str(desk.get("/admin/").context["worker"][0].text),
        of_the_doctor("worker", monkeypatch, flights),
    )

    assert shown == ("degraded", "Not known: the database's clock has jumped", "WARN")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "word", "badge", "verdict"),
    [
        ({}, "ok", "Answers", "OK"),
        ({"down": True}, "degraded", "Does not answer", "FAIL"),
        ({"resting": True}, "degraded", "Not asked", "FAIL"),
    ],
    ids=["answers", "down", "not asked"],
)
def test_a_flight_service_is_the_same_everywhere(desk, flights, monkeypatch, state, word, badge, verdict):
    # However slow this machine is.
    monkeypatch.setattr(health, "ANSWER_HOLDS_SECONDS", 600.0)
    monkeypatch.setattr(health, "SILENCE_HOLDS_SECONDS", 600.0)
    a_pass_finished(seconds=5)
    for name, value in state.items():
        setattr(flights, name, value)

    shown = (
        Api().get("/health/ready").json()["checks"]["flightService"],
        str(desk.get("/admin/").context["flight_service"][0].text),
        of_the_doctor("Flight Service", monkeypatch, flights),
    )

    assert shown == (word, badge, verdict)
    assert flights.probes <= 1, "asked once for all three"
