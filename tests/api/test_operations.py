"""Health and metrics, for load balancers and for whoever watches."""

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError
from prometheus_client.parser import text_string_to_metric_families

from bookings import queries
from bookings.clock import database_time
from bookings.models import Heartbeat
from tests.support.bookings import (
    a_call_row,
    a_cancelled_booking,
    a_payment_row,
    a_saved_row,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import Fault

pytestmark = pytest.mark.django_db

READY = "/health/ready"


def worker_finished(**ago):
    Heartbeat.objects.update_or_create(
        name=queries.SWEEP_HEARTBEAT, defaults={"finished_at": database_time() - timedelta(**ago)}
    )


def metrics(api):
    """The numbers of /metrics by name and labels, as Prometheus reads them."""
    families = text_string_to_metric_families(api.get("/metrics").content.decode())
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_process_that_answers_is_alive_whatever_else_is_down(api, flights):
    flights.down = True

    answer = api.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_all_is_well_when_database_worker_and_flight_service_answer(api):
    worker_finished(seconds=5)

    answer = api.get(READY)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "worker": "ok", "flightService": "ok"},
    }


def test_a_flight_service_that_is_down_is_degraded_and_still_ready(api, flights):
    worker_finished(seconds=5)
    flights.down = True

    answer = api.get(READY)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "checks": {"database": "ok", "worker": "ok", "flightService": "unreachable"},
    }


def test_a_flight_service_without_the_first_flight_is_there_all_the_same(api, flights):
    worker_finished(seconds=5)
    flights.remove_flight(1)

    assert api.get(READY).json()["status"] == "ok"


@pytest.mark.parametrize(("seconds", "status"), [(50, 200), (65, 503)])
def test_a_worker_may_be_silent_for_a_minute(api, seconds, status):
    worker_finished(seconds=seconds)

    assert api.get(READY).status_code == status


def test_a_silent_worker_is_named(api):
    worker_finished(seconds=100)

    answer = api.get(READY)

    assert answer.json()["status"] == "unready"
    assert re.fullmatch(r"last finished a pass 10\d s ago", answer.json()["checks"]["worker"])


def test_a_longer_interval_allows_a_longer_silence(api, settings):
    settings.EXPIRY_INTERVAL_SECONDS = 60
    worker_finished(seconds=170)

    assert api.get(READY).status_code == 200


def test_a_worker_that_never_ran_is_named(api):
    answer = api.get(READY)

    assert answer.status_code == 503
    assert answer.json()["checks"]["worker"] == "has not finished a pass yet"


def test_a_pass_of_the_worker_makes_the_service_ready(api, flights, payments):
    one_pass(flights, payments)

    assert api.get(READY).status_code == 200


def test_a_database_that_does_not_answer_is_named(api, monkeypatch):
    def fail():
        raise DatabaseError("secret address")

    monkeypatch.setattr(queries, "last_pass_finished_at", fail)

    answer = api.get(READY)

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unready",
        "checks": {"database": "unreachable", "worker": "unreachable", "flightService": "ok"},
    }


@pytest.mark.parametrize("path", ["/health/live", READY, "/metrics"])
def test_health_and_metrics_are_read_only(api, path):
    assert api.client.post(path).status_code == 405


def test_metrics_of_an_empty_service(api):
    assert metrics(api) == {
        "bookings_unpaid pending": 0,
        "bookings_unpaid initiated": 0,
        "bookings_takes_unresolved": 0,
        "bookings_takes_stuck": 0,
        "bookings_seats_owed": 0,
        "bookings_give_backs_open": 0,
        "bookings_give_back_oldest_open_seconds": 0,
        "bookings_give_backs_dead": 0,
        "bookings_payments_unsettled processing": 0,
        "bookings_payments_unsettled refund_due": 0,
        "bookings_payments_unsettled dead": 0,
        "bookings_expiry_lag_seconds": 0,
        "bookings_pass_age_seconds": -1,
        "bookings_flight_service_breaker_state": 0,
        "bookings_flight_service_retry_budget": 10,
        "bookings_flight_service_calls_in_flight": 0,
        "bookings_flight_service_calls_total done": 0,
        "bookings_flight_service_calls_total refused": 0,
        "bookings_flight_service_calls_total mistake": 0,
        "bookings_flight_service_calls_total unknown": 0,
        "bookings_flight_service_calls_total not_sent": 0,
        "bookings_flight_service_calls_total open": 0,
        "bookings_flight_service_calls_total full": 0,
    }


def test_metrics_count_what_waits(api, flights, payments):
    a_saved_row("pending")
    a_saved_row("pending", hold="stuck")
    for state in ("processing", "refund_due", "refund_due"):
        a_payment_row(a_saved_row("initiated"), state)
    a_call_row(state="dead", seats=7)
    a_saved_row("cancelled", hold="giving_back", no_of_seats=5)

    seen = metrics(api)

    assert seen["bookings_unpaid pending"] == 2
    assert seen["bookings_unpaid initiated"] == 3
    assert seen["bookings_takes_unresolved"] == 1
    assert seen["bookings_takes_stuck"] == 1
    assert seen["bookings_give_backs_dead"] == 1
    assert seen["bookings_seats_owed"] == 12
    assert seen["bookings_payments_unsettled processing"] == 1
    assert seen["bookings_payments_unsettled refund_due"] == 2


def test_metrics_tell_ages(api, flights, payments):
    a_cancelled_booking(flights)
    flights.fail_next(Fault.DROP_REQUEST)
    one_pass(flights, payments)
    a_saved_row("initiated")
    let_time_pass(minutes=20)

    seen = metrics(api)

    assert seen["bookings_give_backs_open"] == 1
    assert round(seen["bookings_give_back_oldest_open_seconds"], -1) == 1200
    assert round(seen["bookings_expiry_lag_seconds"], -1) == 300
    assert 0 <= seen["bookings_pass_age_seconds"] < 60


def test_metrics_tell_what_this_process_has_seen_of_the_flight_service(api, flights):
    flights.fail_next(Fault.DROP_REPLY)
    api.create()
    flights.resting = True
    api.create()

    seen = metrics(api)

    assert seen["bookings_flight_service_breaker_state"] == 2
    assert seen["bookings_flight_service_retry_budget"] == 9.1
    assert seen["bookings_flight_service_calls_total done"] == 2
    assert seen["bookings_flight_service_calls_total unknown"] == 1
    assert seen["bookings_flight_service_calls_total open"] == 1


def test_metrics_come_as_prometheus_text(api):
    answer = api.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert b"# TYPE bookings_unpaid gauge" in answer.content
