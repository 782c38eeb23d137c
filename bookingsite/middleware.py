"""What every request passes: its id, its one log line, and the promise that the API answers in JSON."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from bookings import answers

GetResponse = Callable[[HttpRequest], HttpResponseBase]

log = structlog.get_logger("request")

# Short, and nothing that could break a log line or a header.
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """Gives the request an id (the client's own if it is sane), binds it to each log line, and logs one line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if SANE_ID.fullmatch(sent) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # ours, read by the API
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if not request.path_info.startswith(("/health/", "/static/", "/metrics")):
                log.info(
                    "request.answered",
                    method=request.method,
                    # The route, never the path: what a client types does not belong in a log.
                    route=request.resolver_match.route if request.resolver_match else "unknown",
                    status=response.status_code,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )
        return response


class ApiAnswersInJson:
    """
    Puts the envelope round every error under /api that some other layer answered in its own way.

    Django itself answers in HTML to a host it does not know, for instance.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_json = response.get("Content-Type", "").startswith("application/json")
        is_api = request.path_info == "/api" or request.path_info.startswith("/api/")
        if is_api and response.status_code >= 400 and not is_json:
            answer = answers.error(
                response.status_code,
                code=answers.CODES.get(response.status_code, "error"),
                explanation="The request could not be answered.",
                retryable=response.status_code >= 500,
                request_id=request.request_id,  # type: ignore[attr-defined]  # set by RequestContext
            )
            return HttpResponse(answer.body, status=answer.status, content_type="application/json")
        return response
