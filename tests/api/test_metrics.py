"""What /metrics tells Prometheus, and what it costs."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from bookings.actor import SYSTEM, Cause
from bookings.api import operations
from bookings.db import transactions
from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Reconciliation
from bookings.observability import metrics
from bookings.observability.gauges import numbers
from bookings.services.shared import transitions
from bookings.services.shared.transitions import lock_booking
from tests.support.api import shown
from tests.support.bookings import (
    a_call_row,
    a_cancelled_booking,
    a_dispute_row,
    a_notice_row,
    a_payment_comparison,
    a_payment_row,
    a_saved_row,
    an_owed_refund,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import Fault
from tests.support.scrapes import growth, scraped

pytestmark = pytest.mark.django_db

# The patterns of the addresses, as the log has them.
CREATE, BOOKING = "/api/v1/bookings", "/api/v1/bookings/{id}"


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Runs some work as if each of its transactions were committed: the test's own never is."""

    def run(work):
        with django_capture_on_commit_callbacks(execute=True):
            return work()

    return run


def of_tables(seen):
    """The numbers that are read from tables."""
    return {f"bookings_{name}" for name, _, _ in numbers()} & {name.partition(" ")[0] for name in seen}


@pytest.mark.slow
def test_metrics_of_an_empty_service(api):
    seen = scraped(api)
    shown = of_tables(seen) - SERVER

    assert {name: seen[name] for name in seen if name.partition(" ")[0] in shown} == {
        "bookings_unpaid pending": 0,
        "bookings_unpaid initiated": 0,
        "bookings_reservations_unresolved": 0,
        "bookings_reservations_oldest_unresolved_seconds": 0,
        "bookings_reservations_stuck": 0,
        "bookings_reservations_oldest_stuck_seconds": 0,
        "bookings_exchanges_unresolved": 0,
        "bookings_exchanges_oldest_unresolved_seconds": 0,
        "bookings_exchanges_stuck": 0,
        "bookings_exchanges_oldest_stuck_seconds": 0,
        "bookings_seats_owed": 0,
        "bookings_releases_open": 0,
        "bookings_releases_oldest_open_seconds": 0,
        "bookings_releases_dead": 0,
        "bookings_releases_oldest_dead_seconds": 0,
        "bookings_payments_unsettled processing": 0,
        "bookings_payments_unsettled dead": 0,
        "bookings_refunds_open due": 0,
        "bookings_refunds_open sent": 0,
        "bookings_refunds_open dead": 0,
        "bookings_refunds_open failed": 0,
        **{f"bookings_payments_open {step}": 0 for step in STEPS},
        **{f"bookings_payments_oldest_open_seconds {step}": 0 for step in STEPS},
        "bookings_payments_closing_seconds": 0,
        **{f"bookings_refunds_oldest_open_seconds {state}": 0 for state in ("due", "sent", "dead", "failed")},
        "bookings_disputes_open": 0,
        "bookings_disputes_oldest_open_seconds": 0,
        "bookings_notices_new": 0,
        "bookings_notices_oldest_new_seconds": 0,
        "bookings_expiry_lag_seconds": 0,
        "bookings_announce_lag_seconds": 0,
        **{f"bookings_webhook_endpoints {state}": 0 for state in ("new", "active", "paused", "disabled")},
        "bookings_webhook_failing_seconds": 0,
        "bookings_webhook_oldest_due_seconds": 0,
        "bookings_messages_oldest_waiting_seconds": 0,
        "bookings_contacts_overdue_seconds": 0,
        "bookings_pass_age_seconds": -1,
    }


STEPS = ("starting", "asked", "payer", "bank", "closing")
SERVER = {"bookings_database_connections", "bookings_database_connections_limit"}


@pytest.mark.slow
def test_metrics_count_what_waits(api, flights, payments):
    a_saved_row("pending")
    a_saved_row("pending", hold="stuck")
    a_payment_row(a_saved_row("initiated"), "processing")
    for state in ("due", "due", "failed", "done"):
        an_owed_refund(state)
    an_owed_refund("failed", decision="again")
    a_call_row(state="dead", seats=7)
    a_saved_row("cancelled", hold="giving_back", no_of_seats=5)

    seen = scraped(api)

    assert seen["bookings_unpaid pending"] == 2
    assert seen["bookings_unpaid initiated"] == 1
    assert seen["bookings_reservations_unresolved"] == 1
    assert seen["bookings_reservations_stuck"] == 1
    assert seen["bookings_releases_dead"] == 1
    assert seen["bookings_seats_owed"] == 12
    assert seen["bookings_payments_unsettled processing"] == 1
    assert [seen[f"bookings_refunds_open {state}"] for state in ("due", "sent", "failed")] == [2, 0, 1]


@pytest.mark.slow
def test_metrics_tell_ages(api, flights, payments):
    a_cancelled_booking(flights)
    flights.fail_next(Fault.DROP_REQUEST)
    one_pass(flights, payments)
    a_saved_row("initiated", announce_at=database_time())
    # A reminder, which is not late.
    a_saved_row("initiated", announce_at=database_time() + timedelta(hours=1))
    let_time_pass(minutes=20)

    seen = scraped(api)

    assert seen["bookings_releases_open"] == 1
    assert 1200 <= seen["bookings_releases_oldest_open_seconds"] < 1260
    assert 300 <= seen["bookings_expiry_lag_seconds"] < 360
    assert 1200 <= seen["bookings_announce_lag_seconds"] < 1260
    assert 0 <= seen["bookings_pass_age_seconds"] < 60


def test_the_last_comparison_of_seats_tells_the_drift(api):
    for drift in ([{"flight": 1, "held": 0, "taken": 9}], DIFFERING):
        Reconciliation.objects.create(
            finished_at=database_time(),
            flights_compared=3,
            flights_skipped=0,
            seats_held=10,
            seats_taken=9,
            drift=drift,
        )

    seen = scraped(api)

    # What is missing on one flight does not make up for what is too many on another.
    assert seen["bookings_seats_drift"] == 5
    assert seen["bookings_flights_drifting"] == 2
    assert 0 <= seen["bookings_seats_compared_age_seconds"] < 60


DIFFERING = [{"flight": 7, "held": 4, "taken": 6}, {"flight": 8, "held": 6, "taken": 3}]


@pytest.mark.slow
@pytest.mark.server
def test_the_connections_of_the_database_are_counted(api):
    seen = scraped(api)

    assert 1 <= seen["bookings_database_connections"] < seen["bookings_database_connections_limit"]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_scrape_costs_a_fixed_number_of_statements(api, rows):
    for _ in range(rows):
        a_saved_row("pending")
        a_saved_row("cancelled", hold="giving_back")
        a_call_row(state="open")
        a_call_row(state="dead")
        a_payment_row(a_saved_row("initiated"), "processing")

    with CaptureQueriesContext(connection) as statements:
        api.get("/metrics")

    # A server is asked about its connections.
    assert len(statements) == {"mysql": 33, "postgresql": 32, "sqlite": 31}[connection.vendor]


def test_requests_are_counted_by_route_and_status(api):
    grown = growth(api, lambda: [api.create(), api.create(noOfSeats=99), api.get("/api/v1/bookings/77")])

    assert grown[f"bookings_http_requests_total POST {CREATE} 201"] == 1
    assert grown[f"bookings_http_requests_total POST {CREATE} 400"] == 1
    assert grown[f"bookings_http_requests_total GET {BOOKING} 404"] == 1


@pytest.mark.slow
def test_requests_are_timed_by_route(api):
    before = scraped(api).get(f"bookings_http_request_duration_seconds_count POST {CREATE}", 0)

    api.create()

    assert scraped(api)[f"bookings_http_request_duration_seconds_count POST {CREATE}"] == before + 1


@pytest.mark.slow
def test_what_clients_type_makes_no_new_series(api):
    def scan():
        for number in range(20):
            api.get(f"/secret-{number}.php")
            api.client.generic(f"X{number}", "/api/v1/info")

    grown = growth(api, scan)

    assert grown == {
        "bookings_http_requests_total GET unknown 404": 20,
        "bookings_http_requests_total other /api/v1/info 405": 20,
    }


@pytest.mark.slow
def test_health_checks_and_scrapes_are_not_counted(api):
    assert growth(api, lambda: [api.get("/health/live"), api.get("/metrics")]) == {}


@pytest.mark.slow
def test_what_becomes_of_bookings_is_counted(api, flights, payments, committed):
    def work():
        paid, cancelled, _ = (shown(api.create()) for _ in range(3))
        api.pay(paid)
        api.cancel(cancelled)
        let_time_pass(minutes=20)
        one_pass(flights, payments)

    grown = growth(api, lambda: committed(work))

    assert grown["bookings_held_total"] == 3
    assert grown["bookings_paid_total"] == 1
    assert grown["bookings_cancelled_total customer_request"] == 1
    assert grown["bookings_cancelled_total expired"] == 1


@pytest.mark.slow
def test_repetitions_under_a_key_are_counted(api):
    def work():
        api.create(key="k")
        api.create(key="k")
        api.create(key="k", noOfSeats=3)

    grown = growth(api, work)

    assert grown["bookings_idempotency_replays_total POST /bookings"] == 1
    assert grown["bookings_idempotency_conflicts_total idempotency_key_reused"] == 1


@pytest.mark.slow
def test_a_pass_is_timed(api, flights, payments):
    before = scraped(api)["bookings_pass_duration_seconds_count"]

    one_pass(flights, payments)

    assert scraped(api)["bookings_pass_duration_seconds_count"] == before + 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_run_again_counts_what_it_did_once(api):
    booking, deadlocks = a_saved_row("initiated"), [1213, 1213]

    def cancel_and_meet_a_deadlock():
        locked, now = lock_booking(booking.pk, actor=SYSTEM)
        transitions.cancel(locked, Cause(SYSTEM, CancelReason.FRAUD), now=now)
        if deadlocks:
            raise OperationalError(deadlocks.pop(), "Deadlock found")

    grown = growth(api, lambda: transactions.run("test", cancel_and_meet_a_deadlock))

    assert grown == {
        "bookings_cancelled_total fraud": 1,
        "bookings_transaction_retries_total 1213 test": 2,
    }


@pytest.mark.slow
def test_what_is_counted_is_shown_while_the_database_is_away(api, monkeypatch):
    def fail():
        raise OperationalError(2002, "Can't connect to server")

    metrics.BREAKER_STATE.set(0)  # whatever the tests before this one have made of it
    assert scraped(api)["bookings_database_up"] == 1
    monkeypatch.setattr(operations, "numbers", fail)

    seen = scraped(api)

    assert seen["bookings_database_up"] == 0
    assert "bookings_seats_owed" not in seen
    assert seen["bookings_flight_service_breaker_state"] == 0


def test_the_release_that_answers_is_named(api, settings):
    settings.VERSION = "9.9"

    text = api.get("/metrics").content.decode()

    assert 'bookings_build_info{python="3.' in text
    assert 'version="9.9"} 1.0' in text


def test_metrics_come_as_prometheus_text(api):
    answer = api.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert b"# TYPE bookings_unpaid gauge" in answer.content


@pytest.mark.slow
def test_metrics_tell_what_waits_at_payment_gateways(api):
    now = database_time()
    late = {"step": "closing", "closing_since": now - timedelta(minutes=10), "created_at": now - timedelta(minutes=30)}
    a_payment_row(a_saved_row("initiated"), "processing", **late)
    a_payment_row(a_saved_row("initiated"), "processing", step="payer")
    a_dispute_row(1, answer_by=now + timedelta(hours=71), opened_at=now - timedelta(hours=2))
    a_dispute_row(2, closed_at=now, answer_by=now)
    a_notice_row(1, received_at=now - timedelta(minutes=5))
    a_notice_row(2, state="done", received_at=now - timedelta(minutes=3))
    a_payment_comparison(hours=1, differences=[{"kind": "money", "gateway": "fake"}] * 2)

    seen = scraped(api)

    steps = {step: seen[f"bookings_payments_open {step}"] for step in STEPS}
    assert steps == {"starting": 0, "asked": 0, "payer": 1, "bank": 0, "closing": 1}
    assert 1800 <= seen["bookings_payments_oldest_open_seconds closing"] < 1860
    assert 600 <= seen["bookings_payments_closing_seconds"] < 660
    assert seen["bookings_disputes_open"] == 1
    assert 7200 <= seen["bookings_disputes_oldest_open_seconds"] < 7260
    assert 71 * 3600 - 60 < seen["bookings_dispute_answer_due_seconds"] <= 71 * 3600
    assert seen["bookings_notices_new"] == 1
    assert 300 <= seen["bookings_notices_oldest_new_seconds"] < 360
    assert 180 <= seen["bookings_notice_age_seconds"] < 240
    assert seen["bookings_payments_differing"] == 2
    assert 3600 <= seen["bookings_payments_compared_age_seconds"] < 3660
