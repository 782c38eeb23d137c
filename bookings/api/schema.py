"""Builds the OpenAPI document out of the descriptions. Nothing here changes what an endpoint does."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers

from bookings import errors
from bookings.answers.rendering import BODY_TOO_SLOW, SERVICE_BUSY, STATUS
from bookings.api.access import ACCESS, Access
from bookings.api.descriptions import EVENT, LIMIT_HEADERS, OPERATIONS, PRICE, REQUEST_ID, Operation
from bookings.api.serializers import ErrorAnswer
from bookings.text import legible

View = TypeVar("View", bound=Callable[..., Any])

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A customer's JSON Web Token, or a service's key (`fbs_…`).",
    }
}
HIGHEST_INT32 = 2**31 - 1

BODIES = ("CreateBookingRequest", "PayBookingRequest", "CancelBookingRequest")

# With API_AUTH=open a token is not looked at.
SECURITY: list[Any] = [{"bearer": []}] if settings.API_AUTH == "token" else []


def describe(name: str) -> Callable[[View], View]:
    """Decorate an endpoint with its description in `OPERATIONS`."""
    operation, access = OPERATIONS[name], ACCESS.get(name)
    responses: dict[int, OpenApiResponse] = {
        status: _success(name, status, *answer) for status, answer in operation.answers.items()
    }
    responses.update(_refusals(operation, access))
    scope = f" A service's key needs the scope `{access.scope}`." if access else ""
    decorate: Callable[[View], View] = extend_schema(
        operation_id=name,
        summary=operation.summary,
        description=operation.description + scope,
        tags=["service" if name == "info" else "bookings"],
        parameters=[*operation.parameters, REQUEST_ID, *(LIMIT_HEADERS if access else ())],
        auth=SECURITY if access else [],
        request=operation.request,
        examples=[OpenApiExample("Example", value=operation.example, request_only=True)] if operation.example else [],
        responses=responses,
    )
    return decorate


def _success(
    name: str,
    status: int,
    message: str,
    shape: type[serializers.Serializer[Any]],
    data: Mapping[str, Any],
) -> OpenApiResponse:
    envelope = type(
        f"{name.capitalize()}{status}",
        (serializers.Serializer,),
        {
            "success": serializers.BooleanField(default=True),
            "message": serializers.CharField(),
            "data": shape(),
            "error": serializers.DictField(),
        },
    )
    # The generator would put the envelope of a list into an array.
    envelope = extend_schema_serializer(many=False)(envelope)
    value = {"success": True, "message": message, "data": data, "error": {}}
    return OpenApiResponse(envelope, message, examples=[OpenApiExample(message, value=value)])


def _refusals(operation: Operation, access: Access | None) -> dict[int, OpenApiResponse]:
    """Group the refusals of an endpoint by status, each as an example in the words a client will read."""
    by_status: dict[int, list[OpenApiExample]] = {}
    for problem in operation.refusals:
        status = int(STATUS[problem])
        by_status.setdefault(status, []).append(
            _example(
                status,
                problem.code,
                (problem.__doc__ or "").strip(),
                retryable=problem.retryable,
                details=PRICE if problem is errors.PriceChanged else None,
            )
        )
    if operation.request is not None:
        by_status[408] = [_example(408, *BODY_TOO_SLOW, retryable=True)]
        for status, code, text in (
            (413, "body_too_large", "The body is larger than 64 KiB."),
            (415, "unsupported_media_type", "Send the body as JSON, with Content-Type: application/json."),
            (403, "https_required", "Use https:// for this address."),
        ):
            by_status[status] = [_example(status, code, text)]
    if access is not None and SECURITY:
        for status, code, text in (
            (401, "not_authenticated", "The token has expired."),
            (403, "forbidden", f"This needs the scope {access.scope}."),
        ):
            by_status.setdefault(status, []).append(_example(status, code, text))
    if access is not None:
        too_many = _example(429, "too_many_requests", "Too many requests. Repeat this one in 42 s.", retryable=True)
        by_status.setdefault(429, []).append(too_many)
    unavailable = errors.TemporarilyUnavailable
    by_status.setdefault(503, []).append(
        _example(503, unavailable.code, (unavailable.__doc__ or "").strip(), retryable=True)
    )
    by_status[503].append(_example(503, *SERVICE_BUSY, retryable=True))
    by_status[414] = [_example(414, "address_too_long", "The address is longer than 4096 characters.")]
    by_status[431] = [_example(431, "headers_too_large", "The headers are larger than 16 KiB.")]
    by_status[406] = [
        _example(406, "not_acceptable", "Answers here are application/json; name that in Accept, or leave Accept out.")
    ]
    by_status[500] = [_example(500, "internal_error", "Something went wrong here.", retryable=True)]
    return {
        status: OpenApiResponse(ErrorAnswer, ", ".join(str(example.name) for example in examples), examples=examples)
        for status, examples in by_status.items()
    }


def _example(
    status: int,
    code: str,
    explanation: str,
    *,
    retryable: bool = False,
    details: Mapping[str, int | str] | None = None,
) -> OpenApiExample:
    detail: dict[str, Any] = {
        "statusCode": status,
        "code": code,
        "explanation": explanation,
        "retryable": retryable,
        "requestId": EVENT["requestId"],
        "fields": {},
    }
    if details is not None:
        detail["details"] = details
    value = {"success": False, "message": "Request failed", "data": {}, "error": detail}
    return OpenApiExample(code, value=value)


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to the document what the generator, which calls this at its end, does not know."""
    _name_widths(result)
    bodies = [result["components"]["schemas"][name] for name in BODIES]
    for schema in bodies:
        schema["additionalProperties"] = False
    reason = result["components"]["schemas"]["CancelBookingRequest"]["properties"]["reason"]
    reason |= {"minLength": 1, "pattern": legible.pattern()}
    if SECURITY:
        result["components"]["securitySchemes"] = SECURITY_SCHEMES
        return result
    # Without a token only the body can name the user.
    for schema in bodies:
        schema["required"] = sorted([*schema.get("required", []), "userId"])
    return result


def _name_widths(part: Any) -> None:
    """
    Say of every integer how wide it is: what generated clients of typed languages take for 32 bits otherwise.

    :raises ValueError: if one has no bounds
    """
    if isinstance(part, list):
        for each in part:
            _name_widths(each)
    if not isinstance(part, dict):
        return
    if part.get("type") == "integer":
        if "minimum" not in part or "maximum" not in part:
            raise ValueError(f"an integer of the API has no bounds: {part}")
        fits = part["minimum"] >= -HIGHEST_INT32 - 1 and part["maximum"] <= HIGHEST_INT32
        part["format"] = "int32" if fits else "int64"
    for name, each in part.items():
        if name not in ("example", "examples"):
            _name_widths(each)
