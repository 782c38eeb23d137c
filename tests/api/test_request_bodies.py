"""What a request body may be: exactly JSON, small, with the fields it needs and the types they have."""

import json
from io import BytesIO

import pytest

from bookings.models import Booking
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown

pytestmark = pytest.mark.django_db

ORDER = {"flightId": 1, "userId": 1001, "noOfSeats": 2}
NOT_INTEGERS = {
    "text": "2",
    "a fraction": 2.0,
    "half a seat": 1.5,
    "true": True,
    "false": False,
    "null": None,
    "a list": [1],
    "an object": {"value": 2},
    "an exponent": "1e4",
    "nothing": "",
}


def fields_of(answer):
    return answer.json()["error"]["fields"]


def order_with(name, text):
    """An order in which one value is this JSON text."""
    marker = {**ORDER, name: "HERE"}
    return json.dumps(marker).replace('"HERE"', text).encode()


@pytest.mark.parametrize("value", NOT_INTEGERS.values(), ids=NOT_INTEGERS.keys())
@pytest.mark.parametrize("name", ["flightId", "userId", "noOfSeats"])
def test_only_a_json_integer_is_a_number(api, flights, name, value):
    answer = api.create({**ORDER, name: value})

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == [name]
    assert Booking.objects.count() == 0
    assert flights.arrived == []


@pytest.mark.parametrize("value", NOT_INTEGERS.values(), ids=NOT_INTEGERS.keys())
@pytest.mark.parametrize("name", ["bookingId", "userId", "totalCost"])
def test_only_a_json_integer_is_a_number_in_a_payment(api, name, value):
    answer = api.pay({"id": 1, "userId": 1, "totalCost": 1}, **{name: value})

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == [name]


@pytest.mark.parametrize("seats", [-5, -1, 0, 11, 1000, 2**63, 10**400])
def test_one_to_ten_seats_can_be_held_at_once(api, seats):
    answer = api.create({**ORDER, "noOfSeats": seats})

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == ["noOfSeats"]


@pytest.mark.parametrize("seats", [1, 10])
def test_one_and_ten_seats_are_allowed(api, seats):
    assert shown(api.create(noOfSeats=seats))["noOfSeats"] == seats


@pytest.mark.parametrize("number", [0, -1, -5, 2**53, 2**63 - 1, 2**63, 2**64, 10**400])
@pytest.mark.parametrize("name", ["flightId", "userId"])
def test_an_id_is_positive_and_survives_floating_point(api, name, number):
    answer = api.create({**ORDER, name: number})

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == [name]


def test_the_highest_id_is_an_id(api):
    answer = api.create({**ORDER, "userId": 2**53 - 1})

    assert shown(answer)["userId"] == 9007199254740991


def test_the_highest_flight_id_is_a_flight_that_is_not_there(api):
    assert refused(api.create({**ORDER, "flightId": 2**53 - 1})) == (404, "flight_not_found")


@pytest.mark.parametrize("cost", [-1, 2**53, 2**63])
def test_a_total_cost_is_not_negative_and_survives_floating_point(api, cost):
    answer = api.pay({"id": 1, "userId": 1, "totalCost": cost})

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == ["totalCost"]


@pytest.mark.parametrize(
    "currency", ["inr", "IN", "INRR", " INR", "INR\n", "", "€", None, 356, True, ["INR"]], ids=repr
)
def test_a_currency_is_three_capitals(api, currency):
    answer = api.pay({"id": 1, "userId": 1, "totalCost": 1}, currency=currency)

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == ["currency"]


def test_each_missing_field_is_named(api):
    answer = api.create({})

    assert refused(answer) == (400, "invalid_request")
    assert fields_of(answer) == {
        "flightId": "This field is required.",
        "userId": "This field is required.",
        "noOfSeats": "This field is required, or seatNumbers.",
    }


def test_each_unknown_field_is_named_as_the_client_spelled_it(api):
    answer = api.create({**ORDER, "seatClass": "first", "no_of_seats": 2})

    assert refused(answer) == (400, "invalid_request")
    assert fields_of(answer) == {"seatClass": "Unknown field.", "no_of_seats": "Unknown field."}


def test_a_message_says_what_is_wanted(api):
    answer = api.create({**ORDER, "noOfSeats": "2"})

    assert fields_of(answer) == {"noOfSeats": "Must be an integer, as in 2; not text, a fraction or a truth value."}


def test_many_unknown_fields_with_long_names_make_no_long_answer(api):
    answer = api.create({f"{'x' * 500}{number}": 1 for number in range(60)})

    assert answer.status_code == 400
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("body", [[ORDER], [], "text", 5, True, None])
@pytest.mark.parametrize("path", [BOOKINGS, PAYMENTS, f"{BOOKINGS}/1/cancel"])
def test_a_body_that_is_no_object_is_refused(api, path, body):
    answer = api.post(path, body, key="k")

    assert refused(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "02", "0x2", "+2", "2.", ".5", "'2'", "1_0", "2,", "9" * 5000],
)
def test_what_json_does_not_know_is_refused(api, text):
    answer = api.create(order_with("noOfSeats", text))

    assert refused(answer) == (400, "invalid_request")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_no_json(api, word):
    answer = api.create(order_with("noOfSeats", word))

    assert answer.json()["error"]["explanation"] == f"The body is not valid JSON: {word} is not a number."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"flightId": 1,}',
        b"flightId=1",
        b'\xff\xfe{"flightId": 1}',
        b'{"flightId": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"// hi\n{}",
        b"\x00",
    ],
)
def test_a_body_that_is_not_json_is_refused_without_repeating_it(api, body):
    answer = api.create(body)

    assert refused(answer) == (400, "invalid_request")
    assert answer.headers["Content-Type"] == "application/json"


def test_where_the_json_ends_to_be_json_is_said(api):
    answer = api.create(b'{"flightId": 1,\n "userId" 2}')

    assert answer.json()["error"]["explanation"] == (
        "The body is not valid JSON: Expecting ':' delimiter at line 2 column 11."
    )


def test_a_name_that_comes_twice_is_refused(api):
    answer = api.create(b'{"flightId": 1, "userId": 1, "noOfSeats": 1, "noOfSeats": 9}')

    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error"]["explanation"] == ("The body is not valid JSON: an object has the same name twice.")


@pytest.mark.parametrize(("levels", "explained"), [(20, "See the message"), (21, "The body is nested deeper")])
def test_a_body_has_at_most_twenty_levels(api, levels, explained):
    lists = levels - 1

    answer = api.create(order_with("noOfSeats", "[" * lists + "]" * lists))

    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error"]["explanation"].startswith(explained)


def test_a_body_that_nests_without_end_is_refused(api):
    assert refused(api.create(b"[" * 60_000)) == (400, "invalid_request")


def padded(size):
    text = json.dumps(ORDER).encode()
    return text + b" " * (size - len(text))


def test_a_body_of_64_kib_is_read(api):
    assert api.create(padded(64 * 1024)).status_code == 201


def test_a_body_of_one_byte_more_is_413(api):
    answer = api.create(padded(64 * 1024 + 1))

    assert refused(answer) == (413, "body_too_large")
    assert Booking.objects.count() == 0


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
)
def test_a_body_that_does_not_call_itself_json_is_415(api, content_type):
    answer = api.post(BOOKINGS, ORDER, headers={"Content-Type": content_type})

    assert refused(answer) == (415, "unsupported_media_type")
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_with_and_without_a_charset_is_read(api, content_type):
    assert api.post(BOOKINGS, ORDER, headers={"Content-Type": content_type}).status_code == 201


@pytest.mark.parametrize("reason", [5, None, True, ["x"], "x" * 201, "a\x00b"])
def test_a_reason_is_a_short_text(api, reason):
    booking = shown(api.create())

    answer = api.cancel(booking, reason=reason)

    assert refused(answer) == (400, "invalid_request")
    assert list(fields_of(answer)) == ["reason"]
    assert Booking.objects.get().status == "initiated"


def in_chunks(api, body, *, coding="chunked", length=""):
    """Send a body as the web server hands one over that came in chunks: a stream, and no length."""
    return api.client.generic(
        "POST",
        BOOKINGS,
        headers={"Transfer-Encoding": coding},
        **{"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": length, "wsgi.input": BytesIO(body)},
    )


@pytest.mark.parametrize("coding", ["chunked", "Chunked", " chunked "])
def test_a_body_in_chunks_is_read_like_any_other(api, coding):
    answer = in_chunks(api, json.dumps(ORDER).encode(), coding=coding)

    assert answer.status_code == 201
    assert shown(answer)["noOfSeats"] == ORDER["noOfSeats"]
    assert "Connection" not in answer


def test_a_body_in_chunks_is_as_large_as_64_kib(api):
    largest, too_large = in_chunks(api, padded(64 * 1024)), in_chunks(api, padded(64 * 1024 + 1))

    assert largest.status_code == 201

    assert refused(too_large) == (413, "body_too_large")
    assert too_large["Connection"] == "close"


@pytest.mark.parametrize(
    ("body", "coding", "length"),
    [
        (b"{}", "gzip, chunked", ""),
        (b"{}", "identity", ""),
        (b"{}", "chunked, chunked", ""),
        (b"{}", "chunked", "2"),
        (b"", "chunked", ""),
    ],
    ids=["compressed", "identity", "twice", "a length as well", "empty, or broken off"],
)
def test_a_body_whose_end_is_not_sure_is_refused_and_ends_the_connection(api, body, coding, length):
    answer = in_chunks(api, body, coding=coding, length=length)

    assert refused(answer) == (400, "invalid_request")
    assert answer["Connection"] == "close"
    assert not Booking.objects.exists()


def test_json_in_chunks_that_is_not_valid_is_refused_like_any_other(api):
    answer = in_chunks(api, b'{"flightId": 1,')

    assert refused(answer) == (400, "invalid_request")
    assert "Connection" not in answer


def test_an_error_before_the_body_was_read_ends_the_connection(api):
    too_large = api.create(padded(64 * 1024 + 1))
    unknown = api.client.post("/api/v1/nothing", b"{}", content_type="application/json")

    assert (too_large.status_code, too_large["Connection"]) == (413, "close")
    assert (unknown.status_code, "Connection" in unknown) == (404, False)


@pytest.mark.parametrize("field", ["\\\\ud800", "reason\\\\udfff"])
def test_half_a_character_is_refused(api, field):
    answer = api.create(f'{{"flightId": 1, "userId": 1, "noOfSeats": 1, "{field}": 1}}'.replace("\\\\", "\\").encode())

    assert refused(answer) == (400, "invalid_request")
