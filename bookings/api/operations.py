"""Health and metrics, for load balancers and for whoever watches. Outside /api/v1, without authentication."""

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from bookings import queries, wiring
from bookings.clock import database_time
from bookings.conf import longest_silence
from bookings.ports import FlightsUnreachable, UnknownFlight

# A readiness probe must be quicker than its own time limit.
PROBE_SECONDS = 1.0


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
    """Show what the tables know, in Prometheus' text format; true whichever process answers."""
    registry = CollectorRegistry()
    for name, help_text, values in queries.numbers():
        labels = list(values[0][0])
        gauge = Gauge(f"bookings_{name}", help_text, labels, registry=registry)
        for label_values, number in values:
            (gauge.labels(**label_values) if labels else gauge).set(number)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _flight_service() -> str:
    try:
        wiring.flight_service().get_flight(1, seconds=PROBE_SECONDS)
    except FlightsUnreachable:
        return "unreachable"
    except UnknownFlight:
        return "ok"
    return "ok"
