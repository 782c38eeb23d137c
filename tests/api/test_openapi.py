"""The API description: valid, complete, and true."""

import json
import re

import pytest
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bookings import errors
from bookings.answers import rendering
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


def responses(document):
    """Each documented answer: (method, path, status, its content for JSON)."""
    return [
        (method, path, int(status), response["content"]["application/json"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status, response in operation["responses"].items()
    ]


def answer_schema(document, method, path, status):
    (found,) = [content["schema"] for m, p, s, content in responses(document) if (m, p, s) == (method, path, status)]
    return found


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
        ("POST", "/api/v1/bookings/{id}/cancel"),
        ("POST", "/api/v1/bookings/payments"),
        ("GET", "/api/v1/info"),
    }


def test_every_route_is_listed_save_the_description_itself(document):
    routes = set()
    for pattern in get_resolver("bookings.api.urls").url_patterns:
        for route in getattr(pattern, "url_patterns", [pattern]):
            prefix = str(pattern.pattern) if route is not pattern else ""
            path = prefix + str(route.pattern)
            routes.add(re.sub(r"\(\?P<pk>[^)]*\)", "{id}", path).strip("^$").replace("/^", "/").strip("$"))

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
    found = [
        (method, path, status, problem)
        for method, path, status, content in responses(document)
        for example in content["examples"].values()
        for problem in problems(document, content["schema"], example["value"])
    ]

    assert found == []


def test_every_example_of_a_request_fits_its_schema(document):
    bodies = [
        operation["requestBody"]["content"]["application/json"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]

    assert len(bodies) == 3
    assert [
        problems(document, body["schema"], example["value"]) for body in bodies for example in body["examples"].values()
    ] == [[], [], []]


def test_every_operation_has_a_name_a_summary_and_a_description(document):
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)


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
        ("get", "/api/v1/info", api.get("/api/v1/info"), 200),
    ]

    for method, path, answer, status in heard:
        schema = answer_schema(document, method, path, status)
        assert answer.status_code == status
        assert problems(document, schema, answer.json()) == []


def test_the_bounds_of_a_request_are_in_it(document):
    schema = document["components"]["schemas"]["CreateBookingRequest"]

    assert schema["required"] == ["flightId", "noOfSeats", "userId"]
    seats = schema["properties"]["noOfSeats"]
    assert (seats["type"], seats["minimum"], seats["maximum"]) == ("integer", 1, 10)


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
