"""Each worker says that it works: one that hangs beside others is named, one that was asked to stop is not missed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.diagnostics import health
from bookings.models import WorkerHeartbeat
from bookings.observability.gauges import numbers
from bookings.queries.upkeep.workers import NAME_VARIABLE, at_work, last_pass_of
from bookings.services.upkeep import run_pass
from bookings.services.upkeep.reap import reap_old_rows
from bookings.services.upkeep.worker_heartbeats import say_goodbye, say_hello
from tests.support.api import Api
from tests.support.bookings import one_pass
from tests.support.callers import CallerApi, a_service_key
from tests.support.people import a_person, desk_of

pytestmark = pytest.mark.django_db

ONE, TWO = "left.example.org/1", "right.example.org/1"


@pytest.fixture
def a_pass_of(flights, payments, monkeypatch):
    """Run a pass as the worker of this name."""

    def run(name):
        monkeypatch.setenv(NAME_VARIABLE, name)
        one_pass(flights, payments)

    return run


@pytest.fixture
def both(a_pass_of):
    for name in (ONE, TWO):
        say_hello(name)
        a_pass_of(name)


def heard_of(name, **ago):
    """Move the heartbeat of a worker into the past."""
    back = timedelta(**ago)
    WorkerHeartbeat.objects.filter(pk=name).update(
        **{column: F(column) - back for column in ("started_at", "begun_at", "finished_at", "heard_at")}
    )


def readiness():
    answer = Api().get("/health/ready")
    return answer.status_code, answer.json()["checks"]["worker"]


def shown_silence():
    values = {name: values for name, _, values in numbers()}["worker_silent_seconds"]
    return {f"{labels['machine']}/{labels['worker']}": round(seconds, -2) for labels, seconds in values}


def test_all_is_well_while_each_finishes_its_passes(both):
    rows = WorkerHeartbeat.objects.order_by("name")

    assert [(row.machine, row.worker, row.started_at <= row.begun_at <= row.finished_at) for row in rows] == [
        ("left.example.org", "1", True),
        ("right.example.org", "1", True),
    ]
    assert readiness() == (200, "ok")
    assert shown_silence() == {ONE: 0, TWO: 0}


def test_one_that_hangs_beside_another_is_named_everywhere_and_no_web_server_becomes_unready(both, flights):
    heard_of(TWO, minutes=5)

    finding = health.worker()
    desk = desk_of(a_person("anna", "view_booking"))
    details = CallerApi(a_service_key("operations:read")).get("/health/ready").json()["details"]["worker"]

    assert finding.verdict == "WARN"
    assert finding.message.startswith("others finish passes, and not worker 1 of right.example.org, for 30")
    assert details["silent"] == [{"machine": "right.example.org", "worker": "1"}]
    assert str(desk.get("/admin/").context["worker"][0].text) == "Runs, but not 1 (right.example.org)"
    assert readiness() == (200, "degraded")
    assert shown_silence() == {ONE: 0, TWO: 300}


def test_where_none_works_that_is_said_and_not_who_of_them(both):
    for name in (ONE, TWO):
        heard_of(name, minutes=5)
    run_pass.Heartbeat.objects.update(finished_at=database_time() - timedelta(minutes=5))

    assert "silent" not in health.worker().details
    assert readiness() == (503, "failed")


def test_none_is_named_while_no_clock_can_tell(both, monkeypatch):
    heard_of(TWO, minutes=5)
    monkeypatch.setattr(health, "clock_has_jumped", lambda: True)

    assert readiness() == (200, "ok")


def test_one_that_never_finishes_a_pass_counts_from_its_start(both):
    say_hello(TWO)
    fresh = [each.is_silent for each in at_work(database_time())]
    heard_of(TWO, seconds=61)

    assert last_pass_of(TWO) is None
    assert fresh == [False, False]
    assert [str(each) for each in at_work(database_time()) if each.is_silent] == ["worker 1 of right.example.org"]


def test_one_that_was_asked_to_stop_is_not_missed_even_if_its_last_pass_is_written_later(both, a_pass_of):
    say_goodbye(TWO)
    a_pass_of(TWO)
    heard_of(TWO, hours=5)

    assert readiness() == (200, "ok")
    assert shown_silence() == {ONE: 0}


def test_one_that_comes_back_is_missed_again(both):
    say_goodbye(TWO)
    say_hello(TWO)
    heard_of(TWO, minutes=5)

    assert readiness() == (200, "degraded")


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_what_was_not_heard_of_for_a_day_is_forgotten(both, says_goodbye):
    if says_goodbye:
        say_goodbye(TWO)
    heard_of(TWO, hours=23)
    kept = +reap_old_rows(deadline=Deadline(20))
    heard_of(TWO, hours=2)

    deleted = +reap_old_rows(deadline=Deadline(20))

    assert (kept, deleted) == ({}, {"worker_heartbeat": 1})
    assert [row.name for row in WorkerHeartbeat.objects.all()] == [ONE]


def test_a_pass_by_hand_is_no_workers(both, a_pass_of):
    heard_of(ONE, minutes=5)
    a_pass_of("")

    assert shown_silence() == {ONE: 300, TWO: 0}
    assert readiness() == (200, "degraded")


def test_it_costs_a_pass_one_statement(both, monkeypatch):
    def statements(name):
        monkeypatch.setenv(NAME_VARIABLE, name)
        with CaptureQueriesContext(connection) as seen:
            run_pass._finish(everything=True)
        return [each["sql"] for each in seen]

    by_hand, of_a_worker = statements(""), statements(ONE)

    assert len(of_a_worker) == len(by_hand) + 1
    assert [sql.split()[0] for sql in of_a_worker if "heartbeat" in sql] == ["INSERT", "INSERT"]
