"""The API description: valid, complete, and true."""

import json
import re

import pytest
from django.conf import settings as configured
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bookings import errors
from bookings.answers import rendering
from bookings.api.documents import _document
from tests.support.api import BOOKINGS, shown
from tests.support.fakes import ChargeFault, Fault

pytestmark = pytest.mark.django_db

DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture
def document(api):
    return api.get(DOCUMENT).json()


def problems(document, schema, value):
    """What a JSON Schema validator says about a value, with the document's own references."""
    resource = Resource(contents=document, specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    validator = Draft202012Validator(absolute, registry=registry)
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(value)]


def found(document, part):
    """A part of the document, or what it names."""
    while "$ref" in part:
        at = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            at = at[name]
        part = at
    return part


def responses(document):
    """Each documented answer: (method, path, status, its content for JSON)."""
    return [
        (method, path, int(status), found(document, response)["content"]["application/json"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status, response in operation["responses"].items()
    ]


def answer_schema(document, method, path, status):
    (schema,) = [content["schema"] for m, p, s, content in responses(document) if (m, p, s) == (method, path, status)]
    return schema


def test_the_document_is_openapi_3_1_and_valid(document):
    validate_schema(document)

    assert document["openapi"] == "3.1.0"


def test_it_is_served_as_json(api):
    answer = api.get(DOCUMENT)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


def test_it_lists_exactly_the_endpoints(document):
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert listed == {
        ("GET", "/api/v1/bookings"),
        ("POST", "/api/v1/bookings"),
        ("GET", "/api/v1/bookings/{id}"),
        ("GET", "/api/v1/bookings/{id}/events"),
        ("GET", "/api/v1/bookings/{id}/payments"),
        ("POST", "/api/v1/bookings/{id}/cancel"),
        ("PUT", "/api/v1/bookings/{id}/contact"),
        ("DELETE", "/api/v1/bookings/{id}/contact"),
        ("DELETE", "/api/v1/users/{id}/contacts"),
        ("POST", "/api/v1/bookings/payments"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/flights/{id}/seats"),
        ("POST", "/api/v1/bookings/{id}/seats"),
        ("GET", "/api/v1/webhook-endpoints"),
        ("POST", "/api/v1/webhook-endpoints"),
        ("GET", "/api/v1/webhook-endpoints/{id}"),
        ("PATCH", "/api/v1/webhook-endpoints/{id}"),
        ("DELETE", "/api/v1/webhook-endpoints/{id}"),
        ("POST", "/api/v1/webhook-endpoints/{id}/rotate-secret"),
        ("POST", "/api/v1/webhook-endpoints/{id}/ping"),
        ("POST", "/api/v1/webhook-endpoints/{id}/replay"),
        ("GET", "/api/v1/webhook-endpoints/{id}/deliveries"),
        ("GET", "/api/v1/webhook-endpoints/{id}/deliveries/{delivery}"),
        ("POST", "/api/v1/webhook-endpoints/{id}/deliveries/{delivery}/redeliver"),
        ("GET", "/api/v1/info"),
        ("GET", "/api/v1"),
    }


def test_every_route_is_listed_save_the_description_itself(document):
    routes = set()
    for pattern in get_resolver("bookings.api.urls").url_patterns:
        for route in getattr(pattern, "url_patterns", [pattern]):
            prefix = str(pattern.pattern) if route is not pattern else ""
            path = prefix + str(route.pattern)
            path = re.sub(r"\(\?P<pk>[^)]*\)", "{id}", path)
            routes.add(re.sub(r"\(\?P<delivery>[^)]*\)", "{delivery}", path).strip("^$").replace("/^", "/").strip("$"))

    listed = {path.removeprefix("/api/") for path in document["paths"]}
    assert routes - listed == {"v1/openapi.json", "v1/docs", "(?P<path>.*)"}
    assert listed - routes == set()


def test_every_error_code_is_in_it_with_its_status(document):
    documented = {
        (status, example["value"]["error"]["code"])
        for _, _, status, content in responses(document)
        if status >= 400
        for example in content["examples"].values()
    }

    for problem, status in rendering.STATUS.items():
        is_for_clients = not issubclass(problem, errors.OfficeError)
        assert ((int(status), problem.code) in documented) is is_for_clients


def test_every_example_fits_its_schema(document):
    unfit = [
        (method, path, status, problem)
        for method, path, status, content in responses(document)
        for example in content["examples"].values()
        for problem in problems(document, content["schema"], example["value"])
    ]

    assert unfit == []


def test_every_example_of_a_request_fits_its_schema(document):
    bodies = [
        operation["requestBody"]["content"]["application/json"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]

    assert len(bodies) == 9
    assert [
        problems(document, body["schema"], example["value"]) for body in bodies for example in body["examples"].values()
    ] == [[]] * 9


def operations(document):
    return {
        operation["operationId"]: operation for methods in document["paths"].values() for operation in methods.values()
    }


def test_every_operation_has_a_summary_a_description_and_a_name_of_a_verb_and_a_noun(document):
    named = operations(document)

    assert list(named) == [
        "listLinks",
        "listBookings",
        "createBooking",
        "getBooking",
        "cancelBooking",
        "changeBookingContact",
        "eraseBookingContact",
        "listBookingEvents",
        "listBookingPayments",
        "changeSeats",
        "payBooking",
        "listEvents",
        "getSeatMap",
        "getServiceInfo",
        "eraseUserContacts",
        "listWebhookEndpoints",
        "makeWebhookEndpoint",
        "getWebhookEndpoint",
        "changeWebhookEndpoint",
        "deleteWebhookEndpoint",
        "listWebhookDeliveries",
        "getWebhookDelivery",
        "redeliverWebhook",
        *("pingWebhookEndpoint", "replayWebhooks"),
        "rotateWebhookSecret",
    ]
    assert all(operation["summary"] and operation["description"] for operation in named.values())


def test_it_is_one_document_whether_or_not_tokens_are_asked_for(document, settings):
    settings.API_AUTH = "token" if settings.API_AUTH == "open" else "open"

    assert json.loads(_document.__wrapped__()) == document


def test_it_says_what_to_know_before_the_first_request(document):
    info = document["info"]

    assert info["version"] == configured.VERSION
    assert (info["license"]["identifier"], bool(info["contact"]), bool(document["servers"])) == ("MIT", True, True)
    for word in ("Envelope", "Keys", "Retries", "Tokens", "Idempotency-Key", "Retry-After", "503"):
        assert word in info["description"]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert operations(document)["createBooking"]["security"] == [{"bearer": []}]
    assert operations(document)["getServiceInfo"]["security"] == []


def test_it_says_that_a_payment_needs_a_key_and_other_requests_may_have_one(document):
    required = {
        name: parameter.get("required", False)
        for name, operation in operations(document).items()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }

    assert required == {"createBooking": False, "cancelBooking": False, "changeSeats": False, "payBooking": True}


def test_an_envelope_says_by_success_which_of_the_two_it_is(document):
    for _, _, status, content in responses(document):
        envelope = found(document, content["schema"])
        assert envelope["properties"]["success"] == {"type": "boolean", "const": status < 400}
        assert {"success", "message", "data", "error"} == set(envelope["required"])


def codes(document, schema):
    """The codes of errors that a schema lists, and whether it lets others pass."""
    error = found(document, found(document, schema)["properties"]["error"])
    listed, others = error["properties"]["code"]["anyOf"]
    return set(found(document, listed)["enum"]), others == {"type": "string"}


def test_an_operation_lists_its_codes_and_lets_new_ones_pass(document):
    for _, _, status, content in responses(document):
        if status >= 400:
            listed, is_open = codes(document, content["schema"])
            shown_codes = {example["value"]["error"]["code"] for example in content["examples"].values()}
            assert shown_codes <= listed
            assert is_open
    create, _ = codes(document, answer_schema(document, "post", BOOKINGS, 400))
    pay, _ = codes(document, answer_schema(document, "post", f"{BOOKINGS}/payments", 400))
    assert (create ^ pay) == {
        *("seats_unavailable", "price_changed", "flight_not_found", "flight_unusable"),
        *("seats_taken", "seat_selection_unavailable"),
        *("too_many_unpaid_bookings", "too_many_unpaid_seats", "flight_service_unavailable"),
        *("payment_window_closed", "currency_mismatch", "amount_mismatch", "idempotency_key_required"),
        *("payment_declined", "already_paid", "not_payable_yet", "payment_in_progress"),
        *("booking_changed", "payment_not_completed", "payment_token_invalid", "payment_gateway_unavailable"),
    }


def test_an_operation_has_an_example_of_each_code_that_it_lists(document):
    for name, operation in operations(document).items():
        contents = [
            found(document, response)["content"]["application/json"]
            for status, response in operation["responses"].items()
            if int(status) >= 400
        ]
        exemplified = {
            example["value"]["error"]["code"] for content in contents for example in content["examples"].values()
        }
        own = [content for content in contents if not content["schema"]["$ref"].endswith("/ErrorResponse")]
        assert [codes(document, content["schema"])[0] for content in own] == [exemplified] * len(own), name


def test_what_operations_share_stands_once(document):
    shared = document["components"]["responses"]
    named = [
        response["$ref"].rpartition("/")[2]
        for operation in operations(document).values()
        for response in operation["responses"].values()
        if "$ref" in response
    ]

    assert set(named) == set(shared)
    assert all(named.count(name) > 1 for name in shared)


def test_headers_have_types(document):
    types = {name: header["schema"]["type"] for name, header in document["components"]["headers"].items()}
    created = operations(document)["createBooking"]["responses"]["201"]["headers"]

    assert types == {
        "X-Request-ID": "string",
        "ETag": "string",
        "Location": "string",
        "Idempotent-Replayed": "boolean",
        "Preference-Applied": "string",
        "RateLimit-Limit": "integer",
        "RateLimit-Remaining": "integer",
        "RateLimit-Reset": "integer",
        "RateLimit-Policy": "string",
        "Retry-After": "integer",
        "WWW-Authenticate": "string",
    }
    assert {"Location", "Idempotent-Replayed", "X-Request-ID", "RateLimit-Limit"} < set(created)


def test_names_of_schemas_are_those_of_things(document):
    assert [name for name in document["components"]["schemas"] if re.search(r"Shape|Serializer|\d", name)] == []


@pytest.mark.slow
def test_what_is_answered_is_what_is_described(api, document, flights, payments):
    created = api.create()
    booking = shown(created)
    payments.fail_next(ChargeFault.DECLINE, ChargeFault.UNKNOWN)
    declined = api.pay(booking)
    unsettled = api.pay(booking)
    other = shown(api.create())
    paid = api.pay(other)
    third = shown(api.create())
    cancelled = api.cancel(third, reason="plans changed")
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    accepted = api.create(headers={"Prefer": "respond-async"})
    one, events, payment = f"{BOOKINGS}/{{id}}", f"{BOOKINGS}/{{id}}/events", f"{BOOKINGS}/payments"
    heard = [
        ("post", BOOKINGS, created, 201),
        ("post", BOOKINGS, accepted, 202),
        ("post", BOOKINGS, api.create({}), 400),
        ("post", BOOKINGS, api.create(flightId=99), 404),
        ("post", payment, paid, 201),
        ("post", payment, unsettled, 202),
        ("post", payment, declined, 402),
        ("post", payment, api.pay(other), 409),
        ("post", f"{one}/cancel", cancelled, 200),
        ("post", f"{one}/cancel", api.cancel(other), 409),
        ("get", BOOKINGS, api.get(BOOKINGS), 200),
        ("get", one, api.get(f"{BOOKINGS}/{third['id']}"), 200),
        ("get", one, api.get(f"{BOOKINGS}/0"), 404),
        ("get", events, api.get(f"{BOOKINGS}/{third['id']}/events"), 200),
        ("get", f"{one}/payments", api.get(f"{BOOKINGS}/{other['id']}/payments"), 200),
        ("get", "/api/v1/info", api.get("/api/v1/info"), 200),
        ("get", "/api/v1", api.get("/api/v1"), 200),
    ]

    for method, path, answer, status in heard:
        schema = answer_schema(document, method, path, status)
        assert answer.status_code == status
        assert problems(document, schema, answer.json()) == []


def test_the_bounds_of_a_request_are_in_it(document):
    schema = document["components"]["schemas"]["CreateBookingRequest"]

    # One of noOfSeats and seatNumbers is required too, which the generators of clients have no type for.
    assert schema["required"] == ["flightId"]
    seats, numbers = schema["properties"]["noOfSeats"], schema["properties"]["seatNumbers"]
    assert (seats["type"], seats["minimum"], seats["maximum"]) == ("integer", 1, 10)
    assert (numbers["type"], numbers["minItems"], numbers["maxItems"]) == ("array", 1, 10)
    assert (numbers["items"], numbers["uniqueItems"]) == ({"type": "string", "pattern": "^[1-9][0-9]{0,2}[A-Z]$"}, True)


def test_the_page_to_try_it_loads_nothing_from_elsewhere(api):
    page = api.get("/api/v1/docs").content.decode()
    script = api.get("/api/v1/docs?script=").content.decode()

    addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)
    assert addresses
    assert [address for address in addresses if not address.startswith("/")] == []
    assert [address for address in addresses if address.startswith("//")] == []
    assert re.findall(r"https?://", page + script) == []
    assert DOCUMENT in script


def test_a_browser_gets_the_page_to_try_it(api):
    answer = api.get("/api/v1/docs", Accept="text/html,application/xhtml+xml,*/*;q=0.8")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_home_page_leads_to_the_description_and_the_back_office(api):
    page = api.get("/").content.decode()

    assert 'href="/api/v1/docs"' in page
    assert 'href="/admin/"' in page


def test_the_request_that_carries_an_event_is_described_and_its_example_fits(document):
    ((name, methods),) = document["webhooks"].items()
    operation = methods["post"]
    content = operation["requestBody"]["content"]["application/json"]

    assert (name, operation["operationId"]) == ("event", "receiveEvent")
    assert [header["name"] for header in operation["parameters"]] == [
        *("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    assert problems(document, content["schema"], content["examples"]["paid"]["value"]) == []
