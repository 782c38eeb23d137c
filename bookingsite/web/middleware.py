"""What every request passes: its id, its one log line, its bounds, and the headers of every answer."""

import functools
import ipaddress
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders
from django.middleware.security import SecurityMiddleware
from prometheus_client import Counter, Histogram

from bookings.answers import rendering
from bookings.diagnostics.draining import is_draining
from bookings.observability import log_context, metrics, tracing
from bookings.observability.tracing import Kind
from bookingsite.web.bodies import largest_body
from bookingsite.web.routes import booking_in, route_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]

log = structlog.get_logger("request")

# Short, and nothing that could break a log line or a header.
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# How keys and tokens begin: one in the wrong header must not get into the log.
CREDENTIALS = ("fbs_", "ey")

# Path and query. The longest address of ours is a page of a list with all filters: below 500.
LONGEST_ADDRESS = 4096
# All headers together; a token has 4 KiB at most.
LARGEST_HEADERS = 16 * 1024

# Scripts, styles and requests from here alone, and nothing written into a page itself.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = ResponseHeaders(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Bookings are private; only static files override this.
        "Cache-Control": "no-store",
    }
)

# A page moves the end of its session this often, and not at each request.
IDLE_RESOLUTION_SECONDS = 60

# Polled by machines: neither logged nor counted.
UNREPORTED = ("/health/", "/static/", "/metrics")

KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def method_and_route(request: HttpRequest) -> tuple[str, str]:
    """
    Give the method, and the form of the address.

    What a client types must not appear in a log line, in a span, or in a metric, where each would be a new one.
    """
    method = str(request.method) if request.method in KNOWN_METHODS else "other"
    return method, route_of(request.resolver_match)


class RequestContext:
    """
    Gives the request an id (the client's own if it is sane) and a place in a trace, binds both to each log line,
    logs one line, and counts the request by method, route and status, and how long it took. Reads no table.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.META
        parent = tracing.parse(sent.get("HTTP_TRACEPARENT", ""), sent.get("HTTP_TRACESTATE", ""))
        with tracing.Span("request", Kind.SERVER, parent=parent) as span:
            return self._answer(request, span)

    def _answer(self, request: HttpRequest, span: tracing.Span) -> HttpResponseBase:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        is_sane = SANE_ID.fullmatch(sent) and not sent.startswith(CREDENTIALS)
        request_id = sent if is_sane else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # ours, read by the API
        request.client_address = client_address(request)  # type: ignore[attr-defined]  # likewise
        believe_the_scheme(request)
        started = time.perf_counter()
        # Authentication adds the caller; the next request on this thread must not inherit it.
        log_context.begin(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        method, route = method_and_route(request)
        span.answered(method, route, response.status_code)
        if not request.path_info.startswith(UNREPORTED):
            seconds = time.perf_counter() - started
            count, durations = _series(method, route, response.status_code)
            count.inc()
            durations.observe(seconds)
            if booking := booking_in(request.resolver_match):
                log_context.add(booking=booking)
            log.info(
                "request.answered",
                method=method,
                route=route,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
            )
        log_context.begin()
        return response


@functools.cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What requests of a kind are counted in; there are as many kinds as series."""
    return metrics.REQUESTS.labels(method, route, status), metrics.REQUEST_SECONDS.labels(method, route)


class _Headers(ResponseHeaders):
    """The headers of a response that is ready: each name and value was looked at when it was set."""

    def items(self) -> Any:
        """Give pairs; the framework would look each name up again."""
        return self._store.values()


class EveryAnswer:
    """
    Sets on every response the headers by which browsers protect users; while this process drains, the one that ends
    its connection as well.

    A proxy keeps connections and sends its next request on one of them: on one that is closed at that very moment
    it would get no answer, and could not tell whether the request had an effect.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        ready = _Headers({})
        ready._store = {**HEADERS._store, **response.headers._store}
        response.headers = ready
        if is_draining():
            response["Connection"] = "close"
        return response


class Encryption(SecurityMiddleware):
    """
    Redirects reads to https://, and tells browsers to begin with it. Which of both, the framework's settings say.

    The framework's own sets some headers too, which are among those of `EveryAnswer`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        self.content_type_nosniff, self.referrer_policy, self.cross_origin_opener_policy = False, "", ""


class Bounds:
    """
    Refuses addresses, headers and bodies that are too large, before anything reads them.

    The framework bounds the fields of a form, not the files in it: those it would write to the disk.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        address = len(request.META.get("PATH_INFO", "")) + len(request.META.get("QUERY_STRING", ""))
        if address > LONGEST_ADDRESS:
            return HttpResponse(status=HTTPStatus.REQUEST_URI_TOO_LONG, content_type="text/plain")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > largest_body(request.path_info):
            return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, content_type="text/plain")
        sent = (
            len(name) + len(value)
            for name, value in request.META.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        )
        if sum(sent) > LARGEST_HEADERS:
            return HttpResponse(status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, content_type="text/plain")
        return self.get_response(request)


class IdleLogout:
    """
    Ends the session of staff half an hour after its last page. See `second_factor` for its longest life.

    A session ends SESSION_COOKIE_AGE after it was last written, so it is written once a minute while it is in
    use: only for staff who are logged in, so that strangers' cookies write nothing. A page that refreshes itself
    does not count as use: left open, it would keep the session forever.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        by_itself = "X-Refresh" in request.headers  # sent by office.js
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return response  # the user may be what could not be read
        if request.path_info.startswith("/admin/") and not by_itself and request.user.is_authenticated:
            now = int(time.time())
            request.session.setdefault("began_at", now)
            # In either direction: the clock of another web server may be ahead of this one's.
            if abs(now - request.session.get("used_at", 0)) >= IDLE_RESOLUTION_SECONDS:
                request.session["used_at"] = now
        return response


class ApiAnswersInJson:
    """
    Puts the envelope around every error of the API that another layer answered in its own way.

    Django, for instance, answers in HTML to a host that it does not know.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_json = response.get("Content-Type", "").startswith("application/json")
        if response.status_code >= 400 and not is_json:
            answer = rendering.error(
                response.status_code,
                code=CODES.get(response.status_code, "error"),
                explanation=EXPLANATIONS.get(response.status_code, "The request could not be answered."),
                retryable=response.status_code >= 500,
                request_id=request.request_id,  # type: ignore[attr-defined]  # set by RequestContext
            )
            enveloped = HttpResponse(answer.body, status=answer.status, content_type="application/json")
            for name, value in response.headers.items():
                if name not in ABOUT_A_BODY:
                    enveloped.headers[name] = value
            return enveloped
        return response


# Headers of the replaced response that would not be true of the envelope.
ABOUT_A_BODY = {
    "Content-Type",
    "Content-Length",
    "Content-Language",
    "Content-Disposition",
    "ETag",
    "Last-Modified",
}

CODES = {**rendering.CODES, 503: "temporarily_unavailable"}

EXPLANATIONS = {
    400: "The host that was asked for is none of this service. See that the Host header is there, once, and with "
    "the name from the service's address.",
    413: "The body is larger than 64 KiB.",
    414: f"The address is longer than {LONGEST_ADDRESS} characters.",
    431: f"The headers are larger than {LARGEST_HEADERS // 1024} KiB.",
}


def client_address(request: HttpRequest) -> str:
    """
    Tell where a request comes from: the address that the outermost of our own proxies has seen.

    What stands further left in X-Forwarded-For was not written by our proxies, so it may be anything. An IPv6
    address is cut to its first 64 bits: a client that has one address has the whole network.
    """
    seen = request.META.get("REMOTE_ADDR", "")
    hops: int = settings.PROXY_HOPS
    if hops:
        sent = request.META.get("HTTP_X_FORWARDED_FOR", "")
        forwarded = sent.split(",") if sent else []
        if len(forwarded) >= hops:
            seen = _without_port(forwarded[-hops].strip())
    return _network_of(seen)


@functools.lru_cache(maxsize=1024)
def _network_of(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def believe_the_scheme(request: HttpRequest) -> None:
    """
    Keep of X-Forwarded-Proto only what the outermost of our own proxies has written, in the framework's spelling.

    SECURE_PROXY_SSL_HEADER decides whether that counts. The header is a list where a proxy adds to it; the framework
    would believe the first member, which any client may have written. Where it has fewer members than we have
    proxies, some of them pass it on unchanged, and one of ours has written the first.
    """
    hops = max(1, settings.PROXY_HOPS)
    sent = request.META.get("HTTP_X_FORWARDED_PROTO")
    if sent is not None:
        said = sent.split(",")
        request.META["HTTP_X_FORWARDED_PROTO"] = said[-min(hops, len(said))].strip().lower()


def _without_port(text: str) -> str:
    """Some proxies write 192.0.2.1:50000 or [2001:db8::1]:50000."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
