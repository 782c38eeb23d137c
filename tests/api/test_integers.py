"""
Every integer of the API says how wide it is and how far it goes, and the service keeps to that.

A generated client of a typed language reads an integer that says nothing as one of 32 bits, and a JavaScript
client rounds what is beyond 2^53: both show another booking, or another sum, without an error.
"""

import json

import pytest

from bookings.api.documents import openapi_document
from bookings.api.schema import complete
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown

pytestmark = pytest.mark.django_db

INT32, EXACT_IN_JAVASCRIPT = 2**31 - 1, 2**53 - 1

DOCUMENT = json.loads(openapi_document())
BODIES = {
    "CreateBookingRequest": (BOOKINGS, {"flightId": 1, "userId": 1001, "noOfSeats": 2}),
    "PayBookingRequest": (PAYMENTS, {"bookingId": 1, "userId": 1001, "totalCost": 4000}),
    "CancelBookingRequest": (f"{BOOKINGS}/1/cancel", {"userId": 1001}),
}


def integers(part, at=""):
    """Every integer below a part of the document: where it stands, and its schema."""
    if isinstance(part, list):
        for index, each in enumerate(part):
            yield from integers(each, f"{at}/{index}")
    elif isinstance(part, dict):
        kinds = part.get("type")
        if "integer" in (kinds if isinstance(kinds, list) else [kinds]):
            yield at, part
        for name, each in part.items():
            yield from integers(each, f"{at}/{name}")


ALL = dict(integers(DOCUMENT))

SENT = [
    (path, body, name, schema)
    for shape, (path, body) in BODIES.items()
    for name, schema in DOCUMENT["components"]["schemas"][shape]["properties"].items()
    if schema["type"] == "integer"
]
ASKED = [
    (parameter["name"], parameter["schema"])
    for parameter in DOCUMENT["paths"][BOOKINGS]["get"]["parameters"]
    if parameter["schema"]["type"] == "integer"
]


def fields_of(answer):
    return answer.json().get("error", {}).get("fields", {})


# --- what the document says -------------------------------------------------------------------------------


def test_the_document_is_full_of_integers():
    schemas = DOCUMENT["components"]["schemas"]

    assert [(path.count("/"), name) for path, _, name, _ in SENT] == [
        *((3, name) for name in ("flightId", "userId", "noOfSeats", "expectedPrice", "replaces")),
        *((4, name) for name in ("bookingId", "userId", "totalCost")),
        *((5, name) for name in ("userId",)),
    ]
    assert [name for name, _ in ASKED] == ["flightId", "limit", "userId"]
    assert {name for name, schema in schemas["Booking"]["properties"].items() if "format" in schema} >= {
        *("id", "flightId", "userId", "noOfSeats", "seatPrice", "totalCost"),
    }
    # The seven operations with the id of a booking, and what errors have.
    assert len([where for where in ALL if "/parameters/" in where and "/bookings/{id}" in where]) == 7
    assert {"/components/schemas/Error/properties/statusCode"} < ALL.keys()
    assert len(ALL) >= 20


def test_the_document_says_in_words_where_integers_end():
    assert "No integer is beyond 2^53 - 1 (9007199254740991)" in DOCUMENT["info"]["description"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ALL)
def test_an_integer_has_bounds_and_a_format_that_fits_them(where):
    schema = ALL[where]

    assert schema["minimum"] <= schema["maximum"] <= EXACT_IN_JAVASCRIPT
    assert schema["format"] == ("int32" if schema["maximum"] <= INT32 else "int64")


@pytest.mark.parametrize("name", ["id", "flightId", "userId", "bookingId", "seatPrice", "totalCost", "expectedPrice"])
def test_ids_and_sums_are_wide_wherever_they_stand(name):
    of_this_name = [schema for where, schema in ALL.items() if where.endswith(f"/properties/{name}")]
    # Where a booking's id stands, its reference may.
    as_parameter = [
        parameter["schema"].get("anyOf", [parameter["schema"]])[0]
        for path, methods in DOCUMENT["paths"].items()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        # An endpoint of webhooks is called by a word.
        if parameter["name"] == name and not (name == "id" and "/webhook-endpoints/{id}" in path)
    ]

    assert of_this_name or as_parameter
    assert {(one["format"], one["maximum"]) for one in of_this_name + as_parameter} == {("int64", EXACT_IN_JAVASCRIPT)}


@pytest.mark.parametrize("schema", [{"type": "integer"}, {"type": "integer", "minimum": 1}])
def test_an_integer_without_bounds_makes_no_document(schema):
    with pytest.raises(ValueError, match="no bounds"):
        complete({"components": {"schemas": {"New": {"properties": {"count": schema}}}}})


# --- what the service does --------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body", "name", "schema"), SENT, ids=lambda value: str(value)[-16:])
def test_a_body_is_accepted_within_these_bounds_and_not_beyond(api, path, body, name, schema):
    low, high = schema["minimum"], schema["maximum"]

    within = [api.post(path, {**body, name: number}, key=f"k{number}") for number in (low, high)]
    beyond = [api.post(path, {**body, name: number}, key=f"k{number}") for number in (low - 1, high + 1)]

    assert [fields_of(answer).get(name) for answer in within if refused_as_invalid(answer)] == []
    assert [(answer.status_code, list(fields_of(answer))) for answer in beyond] == [(400, [name])] * 2


def refused_as_invalid(answer):
    return answer.status_code == 400 and refused(answer)[1] == "invalid_request"


@pytest.mark.parametrize(("name", "schema"), ASKED)
def test_a_filter_is_accepted_within_these_bounds_and_not_beyond(api, name, schema):
    low, high = schema["minimum"], schema["maximum"]

    within = [api.get(BOOKINGS, {name: number}) for number in (low, high)]
    beyond = [api.get(BOOKINGS, {name: number}) for number in (low - 1, high + 1)]

    assert [answer.status_code for answer in within] == [200, 200]
    assert [(answer.status_code, list(fields_of(answer))) for answer in beyond] == [(400, [name])] * 2


@pytest.mark.parametrize("rest", ["", "/events"])
@pytest.mark.parametrize("number", [0, 1, EXACT_IN_JAVASCRIPT, EXACT_IN_JAVASCRIPT + 1, 2**63, 10**30])
def test_an_id_in_a_path_is_a_booking_or_none(api, number, rest):
    assert refused(api.get(f"{BOOKINGS}/{number}{rest}")) == (404, "booking_not_found")


def test_what_is_answered_is_within_the_bounds_that_are_said(api, flights):
    flights.set_flight(1, price=EXACT_IN_JAVASCRIPT // 10)
    properties = DOCUMENT["components"]["schemas"]["Booking"]["properties"]

    booking = shown(api.create(userId=EXACT_IN_JAVASCRIPT, noOfSeats=10))

    numbers = {name: value for name, value in booking.items() if isinstance(value, int)}
    assert numbers.keys() == {name for name, schema in properties.items() if schema.get("type") == "integer"}
    assert all(properties[name]["minimum"] <= number <= properties[name]["maximum"] for name, number in numbers.items())
    # What a JavaScript client makes of them is what they are.
    assert all(int(float(number)) == number for number in numbers.values())
