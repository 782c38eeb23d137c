"""The responses of the OpenAPI document: those that all operations share, and those of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bookings import errors
from bookings.answers.rendering import BODY_TOO_SLOW, CODES, SERVICE_BUSY, STATUS
from bookings.api.access import Access
from bookings.api.answer_schemas import Schema, ref, refusal_schemas
from bookings.api.descriptions import EVENT, PRICE
from bookings.api.flight_descriptions import REFUSED_SEATS
from bookings.api.operation import Answer, Operation
from bookings.cells import WrongCell

JSON = "application/json"


def _whole_number(most: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most, "format": "int32"}


# The highest limit that can be set, and the longest wait: a day.
_REQUESTS, _SECONDS = _whole_number(1_000_000), _whole_number(24 * 3600)

HEADERS: Mapping[str, Schema] = {
    name: {"description": description, "required": is_always, "schema": schema}
    for name, is_always, schema, description in (
        (
            "X-Request-ID",
            True,
            {"type": "string"},
            "The id of this request in the logs; the client's own if it is sane.",
        ),
        (
            "RateLimit-Limit",
            False,
            _REQUESTS,
            "Requests of this caller to this endpoint in a minute; none without a limit.",
        ),
        ("RateLimit-Remaining", False, _REQUESTS, "How many of them are left."),
        ("RateLimit-Reset", False, _SECONDS, "Seconds until all of them are there again."),
        ("RateLimit-Policy", False, {"type": "string"}, "The limit and its window in seconds, as in `60;w=60`."),
        ("Retry-After", False, _SECONDS, "Seconds to wait before the request is repeated, with the same key."),
        ("ETag", False, {"type": "string"}, "The version of the booking, for If-Match. A replay has none."),
        ("Location", True, {"type": "string", "format": "uri-reference"}, "The address of the booking."),
        (
            "Idempotent-Replayed",
            False,
            {"type": "boolean"},
            "`true` if this is the stored answer to an earlier request.",
        ),
        ("Preference-Applied", False, {"type": "string"}, "`respond-async` if that was asked for, and done."),
        ("WWW-Authenticate", False, {"type": "string"}, "What is wrong with the token, as RFC 6750 says it."),
    )
}
LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
# Of a refusal, by its status, beside the id of the request. Only what is counted knows what is left of a limit.
OF_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    406: (),
    408: (),
    409: ("Retry-After", *LIMITS),
    413: (),
    414: (),
    429: ("Retry-After", *LIMITS),
    431: (),
    503: ("Retry-After", *LIMITS),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which a request ends in an error, as a client reads it."""

    status: int
    code: str
    explanation: str
    retryable: bool = False
    details: Mapping[str, int | str] | None = None
    seats: Mapping[str, str] | None = None


EVERYWHERE = (
    Refusal(400, CODES[400], (errors.InvalidRequest.__doc__ or "").strip()),
    Refusal(406, CODES[406], "Answers here are application/json; name that in Accept, or leave Accept out."),
    Refusal(414, CODES[414], "The address is longer than 4096 characters."),
    Refusal(431, CODES[431], "The headers are larger than 16 KiB."),
    Refusal(500, CODES[500], "Something went wrong here.", retryable=True),
    Refusal(
        503,
        errors.TemporarilyUnavailable.code,
        (errors.TemporarilyUnavailable.__doc__ or "").strip(),
        retryable=True,
    ),
    Refusal(503, *SERVICE_BUSY, retryable=True),
    Refusal(int(STATUS[WrongCell]), WrongCell.code, (WrongCell.__doc__ or "").strip(), retryable=True),
)
OF_BODIES = (
    Refusal(403, "https_required", "Use https:// for this address."),
    Refusal(408, *BODY_TOO_SLOW, retryable=True),
    Refusal(413, CODES[413], "The body is larger than 64 KiB."),
    Refusal(415, CODES[415], "Send the body as JSON, with Content-Type: application/json."),
)
OF_CALLERS = (
    Refusal(401, "token_missing", "Send a token: Authorization: Bearer …"),
    Refusal(401, "token_expired", "The token has expired."),
    Refusal(401, "token_invalid", "The token is not valid."),
    Refusal(403, CODES[403], "The key has not the scope that this needs; `WWW-Authenticate` names it."),
    Refusal(429, CODES[429], "Too many requests. Repeat this one in 42 s.", retryable=True),
)


def own_refusals(operation: Operation) -> list[Refusal]:
    """The refusals that an operation has of its own."""
    return [
        Refusal(
            int(STATUS[problem]),
            problem.code,
            (problem.__doc__ or "").strip(),
            problem.retryable,
            PRICE if problem is errors.PriceChanged else None,
            REFUSED_SEATS if problem is errors.SeatsTakenByOthers else None,
        )
        for problem in operation.refusals
    ]


def shared_refusals(operation: Operation, access: Access | None) -> list[Refusal]:
    """The refusals that an operation has in common with others of its kind."""
    of_bodies = OF_BODIES if operation.request is not None else ()
    return [*EVERYWHERE, *of_bodies, *(OF_CALLERS if access is not None else ())]


def responses_of(operation: Operation, access: Access | None, components: dict[str, Any]) -> dict[str, Any]:
    """
    Give the responses of an operation by status.

    Where an operation refuses nothing of its own under a status it names a response of the document, which is put
    into `components` with what it needs.
    """
    own, shared = own_refusals(operation), shared_refusals(operation, access)
    name = operation.operation_id[0].upper() + operation.operation_id[1:]
    responses = {
        str(status): _success(answer, LIMITS if access else ()) for status, answer in operation.answers.items()
    }
    if own:
        codes = {refusal.code for refusal in (*own, *shared)}
        components["schemas"] |= refusal_schemas(codes, of=name)
    for status in sorted({refusal.status for refusal in (*own, *shared)}):
        refusals = [refusal for refusal in (*own, *shared) if refusal.status == status]
        if any(refusal.status == status for refusal in own):
            of_key = ("Idempotent-Replayed",) if operation.request is not None and status < 500 else ()
            responses[str(status)] = _refused(refusals, f"{name}ErrorResponse", of_key)
        else:
            shared_name = "Write" * (status == 403 and len(refusals) > 1) + _camel(HTTPStatus(status).phrase)
            components["responses"].setdefault(shared_name, _refused(refusals, "ErrorResponse"))
            responses[str(status)] = {"$ref": f"#/components/responses/{shared_name}"}
    return dict(sorted(responses.items()))


def shared_schemas() -> dict[str, Schema]:
    """The schemas of refusals that every operation has in common."""
    return refusal_schemas({refusal.code for refusal in (*EVERYWHERE, *OF_BODIES, *OF_CALLERS)})


def _success(answer: Answer, limits: Iterable[str]) -> Schema:
    value = {"success": True, "message": answer.message, "data": answer.data, "error": {}}
    return {
        "description": answer.message,
        "headers": _headers("X-Request-ID", *answer.headers, *limits),
        "content": {
            JSON: {
                "schema": ref(f"{answer.schema}Response"),
                "examples": {"success": {"summary": answer.message, "value": value}},
            }
        },
    }


def _refused(refusals: Iterable[Refusal], schema: str, headers: Iterable[str] = ()) -> Schema:
    refusals = list(refusals)
    of_status = OF_STATUS.get(refusals[0].status, LIMITS)
    return {
        "description": "\n".join(f"- `{refusal.code}`: {refusal.explanation}" for refusal in refusals),
        "headers": _headers("X-Request-ID", *headers, *of_status),
        "content": {
            JSON: {
                "schema": ref(schema),
                "examples": {
                    refusal.code: {"summary": refusal.code, "value": _example(refusal)} for refusal in refusals
                },
            }
        },
    }


def _example(refusal: Refusal) -> dict[str, Any]:
    error: dict[str, Any] = {
        "statusCode": refusal.status,
        "code": refusal.code,
        "explanation": refusal.explanation,
        "retryable": refusal.retryable,
        "requestId": EVENT["requestId"],
        "fields": {},
    }
    if refusal.details is not None:
        error["details"] = refusal.details
    if refusal.seats is not None:
        error["seats"] = refusal.seats
    return {"success": False, "message": "Request failed", "data": {}, "error": error}


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _camel(phrase: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in phrase.replace("-", " ").split())
