"""Errors as RFC 9457 writes them, for clients that ask for it."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from bookings.api.negotiation import PROBLEM, prefers_problems

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# A name and no address: the guide for clients says what each means.
TYPES = "urn:problem-type:flight-booking:"


class ProblemDetails:
    """
    Sends an error as `application/problem+json` to a client that names it in Accept, instead of in the envelope.

    It stands outside of all that refuses a request, and changes how a refusal is written and nothing else: what is
    stored for a replay is the envelope.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not isinstance(response, HttpResponse):
            return response
        if prefers_problems(request.META.get("HTTP_ACCEPT", "")):
            response.content = problem_of(json.loads(response.content)["error"])
            response.headers["Content-Type"] = PROBLEM
            response.headers["Content-Length"] = str(len(response.content))
        return response


def problem_of(error: dict[str, Any]) -> bytes:
    """Write the error of an envelope as a problem; what RFC 9457 has no name for keeps its own."""
    code = error["code"]
    standard = {
        "type": f"{TYPES}{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": error["statusCode"],
        "detail": error["explanation"],
    }
    others = {name: value for name, value in error.items() if name not in ("statusCode", "explanation")}
    return json.dumps({**standard, **others}, ensure_ascii=False, separators=(",", ":")).encode()
