"""Turns every exception into the envelope. No answer is a stack trace or a page."""

import math
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.views import set_rollback

from bookings.answers import rendering
from bookings.answers.rendering import CODES, Response
from bookings.conf import RETRY_AFTER_SECONDS
from bookings.errors import BookingError, IdempotencyKeyReused, RequestInProgress, TemporarilyUnavailable
from bookings.observability import metrics

log = structlog.get_logger(__name__)

NOT_STORABLE = "The database cannot keep a value of the request as it is, so repeating it does not help."


def respond(rendered: Response) -> HttpResponse:
    """Send what was rendered, as it is."""
    response = HttpResponse(rendered.body.encode(), status=rendered.status, content_type="application/json")
    for name, value in rendered.headers.items():
        response.headers[name] = value
    return response


def request_id_of(request: Any) -> str:
    """The id that the middleware gave this request."""
    return str(getattr(request, "request_id", ""))


def answer_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler."""
    set_rollback()
    request_id = request_id_of(context["request"])
    message = getattr(context.get("view"), "failure", None) or "Request failed"
    if isinstance(exception, OperationalError | InterfaceError):
        # A database that restarts or fails over: what was asked may have been done, so it is not "failed".
        context["request"]._request.outage = exception
        exception = TemporarilyUnavailable(retry_after=RETRY_AFTER_SECONDS)
    if isinstance(exception, IdempotencyKeyReused | RequestInProgress):
        metrics.KEY_CONFLICTS.labels(exception.code).inc()
    if isinstance(exception, BookingError):
        return respond(rendering.refusal(exception, message=message, request_id=request_id))
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    elif isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    elif isinstance(exception, SuspiciousOperation):
        exception = exceptions.ParseError("The request is malformed.")
    if isinstance(exception, exceptions.APIException):
        return _answer_framework(exception, message=message, request_id=request_id)
    log.error("api.unexpected_exception", exc_info=exception)
    # What cannot be stored today cannot be stored tomorrow: a client that repeated it would never stop.
    is_for_good = isinstance(exception, DataError)
    what_next = NOT_STORABLE if is_for_good else "Repeat the request, with the same Idempotency-Key."
    return respond(
        rendering.error(
            500,
            code=CODES[500],
            explanation=f"Something went wrong here. {what_next}",
            request_id=request_id,
            message=message,
            retryable=not is_for_good,
        )
    )


# CSRF-exempt: changes nothing, and must answer 404, not 403.
@csrf_exempt
def unknown_path(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer an address under /api that nothing else answers."""
    answer = rendering.error(
        404,
        code="not_found",
        explanation="There is nothing at this address. See /api/v1/docs.",
        request_id=request_id_of(request),
    )
    return respond(answer)


def _answer_framework(exception: exceptions.APIException, *, message: str, request_id: str) -> HttpResponse:
    """Answer what the framework refused before a service was called."""
    headers: dict[str, str] = dict(getattr(exception, "headers", {}))
    # The framework overwrites its own `auth_header`; ours says what is wrong.
    if challenge := getattr(exception, "challenge", None) or getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(exception, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    fields: dict[str, str] = {}
    explanation = "See the message of each field."
    if isinstance(exception, exceptions.ValidationError):
        fields = _fields(exception.detail)
        if set(fields) == {"non_field_errors"}:
            explanation = fields.pop("non_field_errors")
    elif isinstance(exception, exceptions.Throttled):
        explanation = f"Too many requests. Repeat this one in {headers.get('Retry-After', 'some')} s."
    elif type(exception) is exceptions.UnsupportedMediaType:
        explanation = "Send the body as JSON, with Content-Type: application/json."
    else:
        explanation = str(exception.detail)
    status = exception.status_code
    return respond(
        rendering.error(
            status,
            code=getattr(exception, "code", None) or CODES.get(status, "invalid_request"),
            explanation=explanation,
            request_id=request_id,
            message=message,
            retryable=status == 429,
            fields=fields,
            headers=headers,
        )
    )


def _fields(detail: Any) -> dict[str, str]:
    """One message per field, under the client's own spelling."""
    if not isinstance(detail, dict):
        return {"non_field_errors": " ".join(str(item) for item in detail)}
    return {
        str(name): " ".join(str(item) for item in messages) if isinstance(messages, list) else str(messages)
        for name, messages in detail.items()
    }
