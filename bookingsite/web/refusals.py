"""What is refused before the framework works on it: the texts, and how they become a response."""

from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from bookings.answers import rendering

# Where the lanes leave a refusal in a request, for the middleware that answers it.
REFUSAL = "bookings.refusal"

API = "/api"
WEBHOOKS = "/webhooks"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that is known before any work."""

    status: HTTPStatus
    code: str
    explanation: str
    is_retryable: bool = False
    retry_after: int | None = None


def is_api(request: HttpRequest) -> bool:
    """Tell whether an address is one of the API, whether or not there is anything at it."""
    return is_below(API, request.path_info)


def is_below(address: str, path: str) -> bool:
    """Tell whether a path is this address, or one below it."""
    return path == address or path.startswith(f"{address}/")


def answer(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Answer with a refusal: in the envelope under /api, in a line of text elsewhere."""
    if is_api(request):
        content = rendering.error(
            refusal.status,
            code=refusal.code,
            explanation=refusal.explanation,
            retryable=refusal.is_retryable,
            request_id=request.request_id,  # type: ignore[attr-defined]  # set by RequestContext
        ).body
        response = HttpResponse(content, status=refusal.status, content_type="application/json")
    else:
        response = HttpResponse(refusal.explanation, status=refusal.status, content_type="text/plain")
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    return response
