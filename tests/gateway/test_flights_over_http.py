"""What the gateway makes of every answer to a change of seats, whoever may have given it."""

import json
import uuid
from ssl import SSLCertVerificationError

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError, SSLError

from bookings.ports import (
    Applied,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    Unknown,
)

URL = "http://flights.test"
SEATS = f"{URL}/api/v1/flights/7/seats"
FLIGHT = f"{URL}/api/v1/flights/7"
KEY = uuid.UUID("4f5f0f0e-0c7a-4b7d-9d5c-0f9f6f4a3b2c")
TAKE = SeatChange(key=KEY, flight_id=7, seats=2, take=True)
GIVE = SeatChange(key=KEY, flight_id=7, seats=2, take=False)


def failure(status, code=None):
    error = {"statusCode": status, "explanation": "no"} | ({"code": code} if code else {})
    return {"success": False, "message": "Something went wrong", "data": {}, "error": error}


def answer(wire, *, status=200, content=None, headers=None, **anything):
    wire.add("PATCH", SEATS, status=status, json=content, headers=headers or {}, **anything)


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_with_an_envelope_is_applied(wire, service, status):
    answer(wire, status=status, content={"success": True, "data": {}, "error": {}})

    assert service.change_seats(TAKE, seconds=5) == Applied()


@pytest.mark.parametrize(("take", "dec"), [(True, 1), (False, 0)])
def test_the_body_is_two_integers_and_nothing_else(wire, service, take, dec):
    answer(wire, content={"success": True})

    service.change_seats(SeatChange(key=KEY, flight_id=7, seats=2, take=take), seconds=5)

    sent = wire.calls[0].request
    assert sent.body == f'{{"seats": 2, "dec": {dec}}}'.encode()
    assert [type(value) for value in json.loads(sent.body).values()] == [int, int]
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Content-Length"] == str(len(sent.body))
    assert sent.headers["Idempotency-Key"] == "4f5f0f0e-0c7a-4b7d-9d5c-0f9f6f4a3b2c"


def test_a_change_is_sent_once_whatever_comes_back(wire, service):
    answer(wire, status=500, content=failure(500))

    service.change_seats(TAKE, seconds=5)

    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_too_few_seats_refuse_a_take_for_good(wire, service, status):
    answer(wire, status=status, content=failure(status, "insufficient_seats"))

    assert service.change_seats(TAKE, seconds=5) == NoSeats()


def test_a_flight_that_is_not_there_refuses_a_take_for_good(wire, service):
    answer(wire, status=404, content=failure(404, "flight_not_found"))

    assert service.change_seats(TAKE, seconds=5) == NoFlight()


@pytest.mark.parametrize(
    ("status", "code"), [(404, "flight_not_found"), (409, "insufficient_seats"), (400, "insufficient_seats")]
)
def test_a_refusal_of_a_give_back_is_a_mistake(wire, service, status, code):
    answer(wire, status=status, content=failure(status, code))

    assert service.change_seats(GIVE, seconds=5) == Mistake(f"{status} {code}")


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, None), (400, "invalid_request"), (409, None), (409, "over_capacity"), (410, None), (422, "reused")],
)
def test_any_other_4xx_is_a_mistake(wire, service, status, code):
    answer(wire, status=status, content=failure(status, code))

    assert service.change_seats(TAKE, seconds=5) == Mistake(f"{status} {code or ''}".strip())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, None),
        (500, "insufficient_seats"),
        (502, None),
        (503, None),
        (504, "flight_not_found"),
        (401, None),
        (403, None),
        (404, None),
        (404, "not_found"),
        (408, None),
        (409, "in_progress"),
        (425, None),
        (429, None),
    ],
)
def test_what_decides_nothing_is_unknown(wire, service, status, code):
    answer(wire, status=status, content=failure(status, code))

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_unknown_and_is_not_followed(wire, service, status):
    wire.add("PATCH", SEATS, status=status, headers={"Location": "http://elsewhere.test/"}, json={})
    wire.add("PATCH", "http://elsewhere.test/", json={"success": True})
    wire.add("GET", "http://elsewhere.test/", json={"success": True})

    outcome = service.change_seats(TAKE, seconds=5)

    assert isinstance(outcome, Unknown)
    assert [call.request.url for call in wire.calls] == [SEATS]


@pytest.mark.parametrize(
    ("header", "pause"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-1", None), ("1.5", None), ("1" * 9, None)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_passed_on(wire, service, status, header, pause):
    answer(wire, status=status, content=failure(status), headers={"Retry-After": header})

    outcome = service.change_seats(TAKE, seconds=5)

    assert isinstance(outcome, Unknown)
    assert outcome.retry_after == pause


@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b"<html>Bad gateway</html>", b"[]", b"null", b"2", b'{"success": tr', b"\xff\xfe", b"[" * 10_000],
    ids=["empty", "text", "html", "list", "null", "number", "cut", "binary", "deep"],
)
@pytest.mark.parametrize("status", [200, 404, 409])
def test_an_answer_that_is_no_envelope_is_unknown_whatever_its_status(wire, service, status, body):
    wire.add("PATCH", SEATS, status=status, body=body)

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


@pytest.mark.parametrize("error", [None, [], "no", {"code": 5}, {"code": None}, {"code": ["flight_not_found"]}])
def test_an_envelope_with_a_strange_error_names_no_code(wire, service, error):
    answer(wire, status=404, content={"success": False, "error": error})

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


def test_an_answer_that_is_too_large_is_unknown(wire, service):
    answer(wire, content={"success": True, "data": "x" * 70_000})

    assert service.change_seats(TAKE, seconds=5) == Unknown("answer too large")


REFUSED = NewConnectionError(None, "refused")
UNTRUSTED = SSLError(SSLCertVerificationError("self-signed certificate"))
NO_SUCH_HOST = NameResolutionError("flights.test", None, OSError("no such host"))


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectTimeout("too slow"),
        requests.ConnectionError(MaxRetryError(None, SEATS, REFUSED)),
        requests.ConnectionError(MaxRetryError(None, SEATS, NO_SUCH_HOST)),
        requests.exceptions.SSLError(MaxRetryError(None, SEATS, UNTRUSTED)),
    ],
    ids=["connect time-out", "refused", "no such host", "untrusted certificate"],
)
def test_a_connection_that_was_never_made_has_sent_nothing(wire, service, error):
    wire.add("PATCH", SEATS, body=error)

    assert isinstance(service.change_seats(TAKE, seconds=5), NotSent)


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout("too slow"),
        requests.ConnectionError(ProtocolError("reset", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.ContentDecodingError("garbage"),
        requests.exceptions.SSLError("in the middle"),
        requests.ConnectionError(),
        requests.RequestException("anything"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_failure_may_have_been_carried_out(wire, service, error):
    wire.add("PATCH", SEATS, body=error)

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)
