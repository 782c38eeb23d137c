"""The responses while the database is away: a page that says so, and when to try again."""

import sys
from http import HTTPStatus

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import server_error

from bookings.conf import RETRY_AFTER_SECONDS
from bookings.db import once_more, patience
from bookings.errors import TemporarilyUnavailable
from bookingsite.web.middleware import GetResponse

log = structlog.get_logger(__name__)

OUTAGES = (OperationalError, InterfaceError, TemporarilyUnavailable)


class DatabasePatience:
    """
    Bounds how long a request waits for the database in all, and repeats once what only reads.

    A server that is stopped in order, or a proxy before it, ends connections while they are in use. Transactions are
    repeated (`bookings.db.transactions`); for what a request reads beside them, only its client or this can do so.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with patience.at_most(patience.REQUEST_SECONDS):
            response, outage = self._answer(request)
            if outage and request.method in ("GET", "HEAD") and once_more.helps(outage):
                once_more.prepare(outage)
                response, outage = self._answer(request)
        if outage:
            log.error("request.database_unavailable", exc_info=outage)
        return response

    def _answer(self, request: HttpRequest) -> tuple[HttpResponseBase, Exception | None]:
        """Answer, and give the outage that this tells of, left at the request by what has made it."""
        request.outage = None  # type: ignore[attr-defined]
        return self.get_response(request), request.outage  # type: ignore[attr-defined]


class OutagePages:
    """Answers 503 for pages that an outage has ended. The API has its own responses, see `bookings.api.errors`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 for a view that an outage has ended."""
        if not isinstance(exception, OUTAGES):
            return None
        return unavailable(request, exception)


def unavailable(request: HttpRequest, outage: BaseException) -> HttpResponse:
    """Say that the service is not available now, without looking up who asks."""
    request.outage = outage  # type: ignore[attr-defined]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if request.path_info.startswith("/health/"):
        return JsonResponse({"status": "unready"}, status=status, headers=headers)
    return HttpResponse(render_to_string("503.html"), status=status, headers=headers)


def answer_500(request: HttpRequest) -> HttpResponseBase:
    """Answer for an error in a middleware: that of the session reads the database."""
    error = sys.exception()
    if isinstance(error, OUTAGES):
        return unavailable(request, error)
    return server_error(request)
