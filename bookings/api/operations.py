"""Health and metrics, for load balancers and for monitoring. Outside /api/v1, without authentication."""

import platform
from collections.abc import Iterable

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from bookings import wiring
from bookings.api.readiness import Word, is_operator, word_of
from bookings.diagnostics import health
from bookings.diagnostics.draining import is_draining
from bookings.observability import metrics as counted
from bookings.observability.gauges import Numbers, numbers


@csrf_exempt  # nothing here changes anything; so a POST is told 405
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; looks at nothing else."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """
    Say whether bookings can be taken: the database answers with the right tables, and the worker finishes passes.

    A Flight Service that does not answer is *degraded*, not unready. Operators get the reasons.
    """
    if is_draining():
        return JsonResponse({"status": "draining"}, status=503)
    findings = health.look(wiring.flight_service())
    words = {name: word_of(name, finding) for name, finding in findings.items()}
    is_ready = Word.FAILED not in words.values()
    status = ("degraded" if Word.DEGRADED in words.values() else "ok") if is_ready else "unready"
    answer: dict[str, object] = {"status": status, "checks": words}
    if is_operator(request, database=findings["database"]):
        answer["details"] = {name: finding.details for name, finding in findings.items() if finding.details}
    return JsonResponse(answer, status=200 if is_ready else 503)


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """
    Show, in Prometheus' text format, what the tables know and what the processes of this web server have counted.

    Every client that can reach it may read it: nothing in it is about a customer. Proxies do not pass it on.
    """
    wiring.flight_service()  # whose numbers begin when it is made
    registry = counted.collected()
    registry.register(_Tables())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Tables(Collector):
    """What the tables know, read at the scrape; the same whichever process answers."""

    def collect(self) -> Iterable[Metric]:
        build = {"version": settings.VERSION, "python": platform.python_version()}
        yield InfoMetricFamily("bookings_build", "The version that answers.", value=build)
        known: list[Numbers] = []
        is_there = True
        try:
            known = numbers()
        except Error:  # the counters are shown even then: an outage is when they are needed
            is_there = False
        yield GaugeMetricFamily("bookings_database_up", "Whether the database has answered.", value=is_there)
        for name, help_text, values in known:
            labels = list(values[0][0]) if values else []
            family = GaugeMetricFamily(f"bookings_{name}", help_text, labels=labels)
            for label_values, number in values:
                family.add_metric(list(label_values.values()), number)
            yield family
