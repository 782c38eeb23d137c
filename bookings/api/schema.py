"""Builds the OpenAPI document out of the descriptions. Nothing here changes what an endpoint does."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema

from bookings.api.access import ACCESS, Access
from bookings.api.answer_schemas import ANSWER_SCHEMAS, envelope, ref, width
from bookings.api.descriptions import OPERATIONS as OF_BOOKINGS
from bookings.api.event_webhook import WEBHOOKS
from bookings.api.examples import examples_of
from bookings.api.flight_descriptions import FLIGHT_OPERATIONS
from bookings.api.introduction import INFO, SECURITY_SCHEMES, SERVERS, TAGS
from bookings.api.responses import HEADERS, responses_of, shared_schemas
from bookings.api.webhook_descriptions import WEBHOOK_OPERATIONS
from bookings.api.webhook_schemas import WEBHOOK_SCHEMAS
from bookings.text import legible
from bookings.text.seat_numbers import SEAT_NUMBER

View = TypeVar("View", bound=Callable[..., Any])

SECURITY: list[Any] = [{"bearer": []}]

OPERATIONS = {**OF_BOOKINGS, **FLIGHT_OPERATIONS, **WEBHOOK_OPERATIONS}

BODIES = (
    *("CreateBookingRequest", "PayBookingRequest", "CancelBookingRequest", "ChangeBookingContactRequest"),
    "ChangeSeatsRequest",
    *(
        "MakeWebhookEndpointRequest",
        "ChangeWebhookEndpointRequest",
        "RotateWebhookSecretRequest",
        "ReplayWebhooksRequest",
    ),
)


def describe(name: str) -> Callable[[View], View]:
    """Decorate an endpoint with its description in `OPERATIONS`; `complete` adds the responses."""
    operation, access = OPERATIONS[name], ACCESS.get(name)
    scope = f" {_scopes_of(access)}" if access else ""
    decorate: Callable[[View], View] = extend_schema(
        operation_id=operation.operation_id,
        summary=operation.summary,
        description=operation.description + scope,
        tags=["webhooks" if name in WEBHOOK_OPERATIONS else "bookings" if access else "service"],
        parameters=list(operation.parameters),
        auth=SECURITY if access else [],
        request=operation.request,
        examples=examples_of(name, operation.example),
        responses={},
    )
    return decorate


def _scopes_of(access: Access) -> str:
    """Say in words which scopes an endpoint asks for."""
    if access.also is None:
        return f"A service's key needs the scope `{access.scope}`."
    return f"A service's key needs the scopes `{access.also}` and `{access.scope}`."


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Add to the document what the generator, which calls this at its end, does not know.

    :raises ValueError: if an integer in it has no bounds
    """
    components = result["components"]
    components["schemas"] |= {**ANSWER_SCHEMAS, **WEBHOOK_SCHEMAS, **shared_schemas()}
    shown = {answer.schema for operation in OPERATIONS.values() for answer in operation.answers.values()}
    components["schemas"] |= {f"{name}Response": envelope(ref(name)) for name in sorted(shown)}
    components |= {"headers": HEADERS, "responses": {}, "securitySchemes": SECURITY_SCHEMES}
    described = {OPERATIONS[name].operation_id: (OPERATIONS[name], ACCESS.get(name)) for name in OPERATIONS}
    for methods in result.get("paths", {}).values():
        for operation in methods.values():
            operation["responses"] = responses_of(*described[operation["operationId"]], components)
            operation.setdefault("security", [])  # none is asked for, which the generator says by nothing
    result["webhooks"] = WEBHOOKS
    result |= {"info": result.get("info", {}) | INFO, "servers": SERVERS, "tags": TAGS}
    _name_widths(result)
    for name in BODIES:
        components["schemas"][name]["additionalProperties"] = False
    for body, name in (("CancelBookingRequest", "reason"), ("CreateBookingRequest", "clientReference")):
        components["schemas"][body]["properties"][name] |= {"minLength": 1, "pattern": legible.pattern()}
    for body in ("CreateBookingRequest", "ChangeSeatsRequest"):
        components["schemas"][body]["properties"]["seatNumbers"] |= {
            "items": {"type": "string", "pattern": f"^{SEAT_NUMBER.pattern}$"},
            "uniqueItems": True,
        }
    for parameter in result["paths"]["/api/v1/bookings"]["get"]["parameters"]:
        if parameter["name"] in ("clientReference", "flightNumber"):
            parameter["schema"] |= {"minLength": 1, "pattern": legible.pattern()}
    return result


def _name_widths(part: Any) -> None:
    """
    Say of every integer how wide it is.

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
        part["format"] = width(part["minimum"], part["maximum"])
    for name, each in part.items():
        if name not in ("example", "examples"):
            _name_widths(each)
