"""Health, for load balancers and for whoever watches: what everybody is told, and operators besides."""

import dataclasses
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext

from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.diagnostics import health
from bookings.models import Heartbeat
from bookings.queries.upkeep import background, schema
from tests.support.api import Api
from tests.support.bookings import one_pass
from tests.support.callers import CallerApi, a_service_key, a_token
from tests.support.people import a_person, desk_of

pytestmark = pytest.mark.django_db

READY = "/health/ready"
ALL_WELL = {"database": "ok", "migrations": "ok", "worker": "ok", "flightService": "ok"}


def worker_finished(**ago):
    Heartbeat.objects.update_or_create(
        name=background.PASSES_HEARTBEAT, defaults={"finished_at": database_time() - timedelta(**ago)}
    )


@pytest.fixture
def operator(flights):
    """A service whose key may read how things are."""
    return CallerApi(a_service_key(Scope.OPERATIONS_READ))


def test_a_process_that_answers_is_alive_whatever_else_is_down(api, flights):
    flights.down = True

    with CaptureQueriesContext(connection) as statements:
        answer = api.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert len(statements) == 0


def test_all_is_well_when_database_worker_and_flight_service_answer(api):
    worker_finished(seconds=5)

    answer = api.get(READY)

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": ALL_WELL}


def test_a_flight_service_that_is_down_is_degraded_and_still_ready(api, flights):
    worker_finished(seconds=5)
    flights.down = True

    answer = api.get(READY)

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "checks": {**ALL_WELL, "flightService": "degraded"}}


def test_a_flight_service_that_rests_is_degraded_and_not_asked(api, flights):
    worker_finished(seconds=5)
    flights.resting = True

    answer = api.get(READY)

    assert answer.json()["checks"]["flightService"] == "degraded"
    assert (flights.probes, flights.calls.total()) == (0, 0)


def test_a_flight_service_that_does_not_answer_is_not_asked_at_every_check(api, flights, monkeypatch):
    monkeypatch.setattr(health, "SILENCE_HOLDS_SECONDS", 3600.0)
    worker_finished(seconds=5)
    flights.down = True

    heard = [api.get(READY).json()["status"] for _ in range(3)]

    assert heard == ["degraded"] * 3
    assert (flights.probes, flights.calls.total()) == (1, 0)


def test_a_flight_service_that_was_heard_lately_is_not_asked(api, flights, monkeypatch):
    worker_finished(seconds=5)
    seen = dataclasses.replace(flights.health(), answered_ago=1.9)
    monkeypatch.setattr(flights, "health", lambda: seen)

    assert api.get(READY).json()["checks"]["flightService"] == "ok"
    assert (flights.probes, flights.calls.total()) == (0, 0)


def test_nobody_waits_while_another_asks_the_flight_service(api, flights, monkeypatch):
    worker_finished(seconds=5)
    heard = []
    answers = flights.answers

    def hang(**kwargs):
        heard.append(api.get(READY).json()["checks"]["flightService"])
        return answers(**kwargs)

    monkeypatch.setattr(flights, "answers", hang)

    answer = api.get(READY)

    assert (answer.json()["checks"]["flightService"], heard) == ("ok", ["ok"])
    assert (flights.probes, flights.calls.total()) == (1, 0)


def test_a_first_flight_that_cannot_be_sold_is_an_answer_as_well(api, flights):
    worker_finished(seconds=5)
    flights.unusable = {1}

    assert api.get(READY).json()["status"] == "ok"


def test_a_flight_service_without_the_first_flight_is_there_all_the_same(api, flights):
    worker_finished(seconds=5)
    flights.remove_flight(1)

    assert api.get(READY).json()["status"] == "ok"


@pytest.mark.parametrize(("seconds", "status"), [(50, 200), (65, 503)])
def test_a_worker_may_be_silent_for_a_minute(api, seconds, status):
    worker_finished(seconds=seconds)

    assert api.get(READY).status_code == status


def test_a_silent_worker_is_named_and_its_age_is_not(api):
    worker_finished(seconds=100)

    answer = api.get(READY)

    assert answer.json() == {"status": "unready", "checks": {**ALL_WELL, "worker": "failed"}}


def test_a_longer_interval_allows_a_longer_silence(api, settings):
    settings.EXPIRY_INTERVAL_SECONDS = 60
    worker_finished(seconds=170)

    assert api.get(READY).status_code == 200


def test_a_worker_that_never_ran_is_named(api):
    answer = api.get(READY)

    assert answer.status_code == 503
    assert answer.json()["checks"]["worker"] == "failed"


def test_a_pass_of_the_worker_makes_the_service_ready(api, flights, payments):
    one_pass(flights, payments)

    assert api.get(READY).status_code == 200


def test_a_database_that_does_not_answer_is_named_and_nothing_of_it_is_told(api, monkeypatch):
    tries = []

    def fail():
        tries.append("each may take five seconds")
        raise DatabaseError("secret address")

    monkeypatch.setattr(health, "database_time", fail)

    answer = api.get(READY)

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unready",
        "checks": {"database": "failed", "migrations": "failed", "worker": "failed", "flightService": "ok"},
    }
    assert len(tries) == 1


def test_tables_that_lack_a_migration_of_this_code_are_unready_and_operators_learn_which(operator, monkeypatch):
    worker_finished(seconds=5)
    monkeypatch.setattr(schema, "_complete", set())
    MigrationRecorder.Migration.objects.filter(app="bookings", name="0003_schedules").delete()

    told, answer = operator.get(READY), Api().get(READY)

    assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, "failed")
    assert b"0003" not in answer.content
    assert told.json()["details"]["migrations"] == {
        "unapplied": ["bookings.0003_schedules"],
        "do": "run `manage.py migrate` of this release",
    }


def test_tables_with_a_migration_of_a_newer_release_are_ready(api, monkeypatch):
    worker_finished(seconds=5)
    monkeypatch.setattr(schema, "_complete", set())
    MigrationRecorder.Migration.objects.create(app="bookings", name="9999_of_tomorrow")

    assert api.get(READY).status_code == 200


def test_migrations_are_looked_at_once(api):
    worker_finished(seconds=5)
    api.get(READY)

    with CaptureQueriesContext(connection) as statements:
        api.get(READY)

    # The time twice, the heartbeat of all workers, and that of each.
    assert len(statements) == 4


def test_operators_are_told_why(operator, flights):
    worker_finished(seconds=100)
    flights.resting = True

    details = operator.get(READY).json()["details"]

    assert 100 <= details["worker"]["lastPassSecondsAgo"] < 160
    assert details["flightService"] == {
        "breaker": "open",
        "failures": 5,
        "nextTryInSeconds": 2.5,
        "retryBudget": 10,
        "callsInFlight": 0,
        "flightsResting": 0,
        "of": "the process that answered",
    }


def test_somebody_logged_in_who_may_see_calls_is_told_why(flights):
    desk = desk_of(a_person("anna", "view_seatcall"))

    assert "details" in desk.get(READY).json()


def test_whoever_develops_is_told_why(api, settings):
    settings.DEBUG = True

    assert "details" in api.get(READY).json()


@pytest.mark.parametrize(
    "caller",
    [
        Api,
        lambda: CallerApi("fbs_wrong"),
        lambda: CallerApi(a_token()),
        lambda: CallerApi(a_service_key(Scope.BOOKINGS_READ, Scope.BOOKINGS_WRITE, Scope.PAYMENTS_WRITE)),
    ],
    ids=["nobody", "a wrong key", "a customer", "a service without the scope"],
)
def test_all_others_are_told_words_alone(flights, caller):
    answer = caller().get(READY)

    assert set(answer.json()) == {"status", "checks"}


def test_somebody_logged_in_without_the_right_is_told_words_alone(flights):
    answer = desk_of(a_person("anna", "view_booking")).get(READY)

    assert set(answer.json()) == {"status", "checks"}


@pytest.mark.parametrize("path", ["/health/live", READY, "/metrics"])
def test_health_and_metrics_are_read_only(api, path):
    assert api.client.post(path).status_code == 405
