"""
What schemathesis cannot know of this API: which refusals are decisions, and what a booking costs.

Loaded by schemathesis (`hooks` in schemathesis.toml), in its own process.
"""

import itertools
import json
import uuid
from collections import deque
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis

# Decided by what is on record, or by the Flight Service and the payment gateway; no schema can foresee these.
DECISIONS = {
    *("seats_taken", "seat_selection_unavailable", "seat_change_in_progress"),
    *("seats_unavailable", "price_changed", "flight_not_found", "booking_not_found", "booking_cancelled"),
    *("already_paid", "amount_mismatch", "currency_mismatch", "payment_window_closed", "payment_declined"),
    *(
        "payment_in_progress",
        "not_payable_yet",
        "booking_changed",
        "idempotency_key_reused",
        "request_in_progress",
        "user_mismatch",
    ),
    *("flight_service_unavailable", "flight_unusable", "temporarily_unavailable", "wrong_cell"),
    *("endpoint_exists", "too_many_endpoints", "endpoint_not_found", "endpoint_changed", "delivery_not_found"),
    *("rotation_under_way", "replay_under_way"),
}

# Before any service is called: who asks, and whether the request is one at all. Other checks are for these.
NOT_ABOUT_THE_DATA = {"token_missing", "token_invalid", "method_not_allowed", "not_found"}

# Bookings that were made in this run and may be paid.
payable: deque[dict[str, Any]] = deque(maxlen=20)
# Endpoints and deliveries that there are, or were; nobody guesses one.
endpoints: deque[str] = deque(maxlen=5)
deliveries: deque[tuple[str, int]] = deque(maxlen=20)
turn, orders, versions, addresses = (itertools.count() for _ in range(4))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """
    Let every fourth valid payment be one that can succeed: nobody guesses a booking and its price.

    Nor what a seat costs, what a booking replaces, or its version: of four valid requests that name one, three are sent
    without.
    """
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and "If-Match" in case.headers and next(versions) % 4:
        del case.headers["If-Match"]
    if case.operation.label == "POST /api/v1/bookings" and is_valid and next(orders) % 4:
        case.body.pop("expectedPrice", None)
        case.body.pop("replaces", None)
        _say_how_many(case.body)
    if case.operation.label == "POST /api/v1/bookings/payments" and is_valid and payable and next(turn) % 4 == 0:
        booking = payable.popleft()
        case.body = {"bookingId": booking["id"], "userId": booking["userId"], "totalCost": booking["totalCost"]}
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if is_valid and "webhook-endpoints" in case.operation.path:
        _name_what_is_there(case)


def _say_how_many(body: dict[str, Any]) -> None:
    """Let a valid create say how many seats, or which, and not both: the schema asks for neither."""
    if "seatNumbers" in body:
        body.pop("noOfSeats", None)
    else:
        body.setdefault("noOfSeats", 2)


def _name_what_is_there(case: Any) -> None:
    """Let valid requests about webhooks be about an endpoint and a delivery that there are, most of the time."""
    if case.operation.label == "POST /api/v1/webhook-endpoints":
        case.body["url"] = f"https://hooks-{next(addresses)}.example.org/bookings"
    elif case.path_parameters.get("id") in (None, *endpoints) or next(turn) % 4 == 0:
        return
    elif "delivery" in case.path_parameters and deliveries:
        case.path_parameters["id"], case.path_parameters["delivery"] = deliveries[next(turn) % len(deliveries)]
    elif endpoints:
        case.path_parameters["id"] = endpoints[next(turn) % len(endpoints)]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what was booked, and where webhooks go."""
    if case.operation.label == "POST /api/v1/bookings" and response.status_code == 201:
        payable.append(response.json()["data"])
    if case.operation.label == "POST /api/v1/webhook-endpoints" and response.status_code == 201:
        endpoints.append(response.json()["data"]["id"])
    if case.operation.label == "POST /api/v1/webhook-endpoints/{id}/ping" and response.status_code == 202:
        deliveries.append((case.path_parameters["id"], response.json()["data"]["id"]))


@schemathesis.check
def refused_for_a_reason(ctx: Any, response: Any, case: Any) -> None:
    """Refuse what fits the schema for a reason that no schema can say, and for no other."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code < 400:
        return
    error = _error_of(response)
    code = error["code"]
    if code in DECISIONS | NOT_ABOUT_THE_DATA or _is_more_than_a_schema_says(error, response.request):
        return
    raise AssertionError(f"{code}: {error['explanation']} {json.dumps(error['fields'], ensure_ascii=False)}")


@schemathesis.check
def nobody_is_forbidden_anything(ctx: Any, response: Any, case: Any) -> None:
    """Forbid nothing to a caller with every scope, and throttle nobody where there is no limit."""
    assert response.status_code not in (403, 429), f"{response.request.method} {response.request.url}"


@schemathesis.check
def answers_name_their_request(ctx: Any, response: Any, case: Any) -> None:
    """Put the request's id into every answer, and what to do next into every refusal."""
    (request_id,) = response.headers.get("x-request-id", [""])
    assert request_id, "no X-Request-ID"
    if response.request.method == "HEAD" or response.status_code < 400:
        return
    error = _error_of(response)
    if "idempotent-replayed" not in response.headers:  # a repetition hears what the first request heard
        assert error["requestId"] == request_id, "the body names another request"
    assert error["statusCode"] == response.status_code, "the body names another status"
    if response.status_code == 401:
        assert response.headers.get("www-authenticate"), "401 without WWW-Authenticate"
    if response.status_code in (429, 503):
        assert response.headers.get("retry-after"), "no Retry-After"


def _error_of(response: Any) -> dict[str, Any]:
    envelope = response.json()
    assert envelope["success"] is False, "an error that calls itself a success"
    assert envelope["data"] == {}, "an error with data"
    error: dict[str, Any] = envelope["error"]
    return error


def _is_more_than_a_schema_says(error: dict[str, Any], request: Any) -> bool:
    """Tell whether the API asks for something that its document can only say in words."""
    if error["code"] != "invalid_request":
        return False
    sent = dict(parse_qsl(urlsplit(request.url).query)) | json.loads(request.body or b"{}")
    return all(_is_in_words(field, sent) for field in error["fields"])


def _is_in_words(field: str, sent: dict[str, Any]) -> bool:
    if field in ("cursor", "after", "departureDay"):
        return True  # one that a page has given, or none; a day of a flight number, of the years of flights
    if field in ("url", "since"):
        return True  # an address to which something can be sent; a time that ends after it begins
    if field == "seatNumbers" and "noOfSeats" not in sent and "flightId" not in sent:
        return True  # as many as the booking has
    if field == "noOfSeats" and ("seatNumbers" in sent or field not in sent):
        return True  # as many as there are seatNumbers, and required without them
    if field not in sent:
        return field == "userId"  # a customer may leave it out, a service may not
    if field in ("reason", "clientReference", "flightNumber"):
        return max(sent[field], default="") > "\uffff"  # of which a pattern for JavaScript cannot say what shows
    if field == "contact":  # an SMS needs a number; a schema that says so makes clients of many classes
        return "sms" in sent[field].get("wants", []) and "phone" not in sent[field]
    return isinstance(sent[field], float)  # an integer to JSON Schema, and 2.0 is none here
