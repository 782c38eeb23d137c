"""Counts and times every request, for /metrics."""

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from bookings.observability import metrics
from bookingsite.web.middleware import KNOWN_METHODS, UNREPORTED


class RequestMetrics:
    """
    Counts a request by method, route and status, and how long it took. Reads no table.

    The route is the pattern of the address, and `unknown` for all that have none: what a client types must
    neither appear in a metric nor make a new one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        if not request.path_info.startswith(UNREPORTED):
            method = request.method if request.method in KNOWN_METHODS else "other"
            route = request.resolver_match.route if request.resolver_match else "unknown"
            metrics.REQUESTS.labels(method, route, response.status_code).inc()
            metrics.REQUEST_SECONDS.labels(method, route).observe(time.perf_counter() - started)
        return response
