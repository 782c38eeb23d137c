"""Health and metrics, for load balancers and for whoever watches. Outside /api/v1, without authentication."""

from collections.abc import Iterable
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from bookings import queries, wiring
from bookings.clock import database_time
from bookings.conf import longest_silence
from bookings.draining import is_draining
from bookings.ports import BreakerState, FlightsHealth, FlightsUnreachable, UnknownFlight

# A readiness probe must be quicker than its own time limit.
PROBE_SECONDS = 1.0

# The higher, the worse.
BREAKER_LEVELS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@csrf_exempt  # nothing here changes anything; so a POST is told 405
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; looks at nothing else."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """
    Say whether bookings can be taken: the database answers and the worker has finished a pass lately.

    A Flight Service that does not answer is *degraded*, not unready: reading, paying and cancelling go on.
    """
    if is_draining():
        return JsonResponse({"status": "draining"}, status=503)
    checks: dict[str, Any] = {"database": "ok", "worker": "ok", "flightService": _flight_service()}
    try:
        finished_at = queries.last_pass_finished_at()
        if finished_at is None:
            checks["worker"] = "has not finished a pass yet"
        elif (silence := database_time() - finished_at) > longest_silence():
            checks["worker"] = f"last finished a pass {silence.total_seconds():.0f} s ago"
    except DatabaseError:
        checks["database"] = checks["worker"] = "unreachable"
    is_ready = checks["database"] == checks["worker"] == "ok"
    status = ("ok" if checks["flightService"] == "ok" else "degraded") if is_ready else "unready"
    return JsonResponse({"status": status, "checks": checks}, status=200 if is_ready else 503)


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """
    Show, in Prometheus' text format, what the tables know and what this process has seen of the Flight Service.

    The former is true whichever process answers; the latter is of the one process that happens to.
    """
    registry = CollectorRegistry()
    for name, help_text, values in queries.numbers():
        labels = list(values[0][0])
        gauge = Gauge(f"bookings_{name}", help_text, labels, registry=registry)
        for label_values, number in values:
            (gauge.labels(**label_values) if labels else gauge).set(number)
    _show_flight_service(wiring.flight_service().health(), registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Calls(Collector):
    """The calls to the Flight Service by outcome, counted since the start of this process."""

    def __init__(self, health: FlightsHealth) -> None:
        self._calls = health.calls

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(
            "bookings_flight_service_calls",
            "Calls to the Flight Service by outcome; open and full were not made. Of this process alone.",
            labels=["outcome"],
        )
        for word, count in self._calls.items():
            family.add_metric([word.value], count)
        yield family


def _show_flight_service(health: FlightsHealth, registry: CollectorRegistry) -> None:
    for name, help_text, number in (
        ("breaker_state", "0 closed, 1 half-open, 2 open: nothing is sent.", BREAKER_LEVELS[health.breaker]),
        ("retry_budget", "Repetitions that requests may still send.", health.repetitions_left),
        ("calls_in_flight", "Calls that are under way.", health.calls_in_flight),
    ):
        help_of_process = f"{help_text} Of this process alone."
        Gauge(f"bookings_flight_service_{name}", help_of_process, registry=registry).set(number)
    registry.register(_Calls(health))


def _flight_service() -> str:
    try:
        wiring.flight_service().get_flight(1, seconds=PROBE_SECONDS)
    except FlightsUnreachable:
        return "unreachable"
    except UnknownFlight:
        return "ok"
    return "ok"
