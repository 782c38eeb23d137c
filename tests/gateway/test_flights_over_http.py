"""What the gateway makes of every answer to a change of seats, whoever may have given it."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.ports import (
    Applied,
    FlightsUnreachable,
    Mistake,
    NoFlight,
    NoSeats,
    SeatChange,
    Unknown,
    UnknownFlight,
)

FLIGHT = "/api/v1/flights/7"
SEATS = f"{FLIGHT}/seats"
KEY = uuid.UUID("4f5f0f0e-0c7a-4b7d-9d5c-0f9f6f4a3b2c")
TAKE = SeatChange(key=KEY, flight_id=7, seats=2, reserves=True)
GIVE = SeatChange(key=KEY, flight_id=7, seats=2, reserves=False)


def failure(status, code=None):
    error = {"statusCode": status, "explanation": "no"} | ({"code": code} if code else {})
    return {"success": False, "message": "Something went wrong", "data": {}, "error": error}


def answer(wire, *, status=200, content=None, headers=None, **anything):
    wire.add("PATCH", SEATS, status=status, json=content, headers=headers or {}, **anything)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("data", [{}, None, [1], {"id": 7}, {"id": 7, "price": "2000"}, {"totalSeats": -5}], ids=str)
def test_an_envelope_that_says_that_it_is_done_is_applied(wire, service, status, data):
    answer(wire, status=status, content={"success": True, "data": data, "error": {}})

    assert service.change_seats(TAKE, seconds=5) == Applied()


@pytest.mark.parametrize("status", [202, 203, 204, 205, 206, 207, 208, 226, 299])
def test_any_other_2xx_proves_nothing(wire, service, status):
    answer(wire, status=status, content={"success": True, "data": {"id": 7}, "error": {}})

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


@pytest.mark.parametrize("shown", [8, "7", 7.0, None, True, [7], -7])
@pytest.mark.parametrize("change", [TAKE, GIVE], ids=["take", "give"])
def test_an_answer_about_another_flight_proves_nothing(wire, service, change, shown):
    answer(wire, content={"success": True, "data": {"id": shown}, "error": {}})

    assert service.change_seats(change, seconds=5) == Unknown("answer about another flight")


@pytest.mark.parametrize(("take", "dec"), [(True, 1), (False, 0)])
def test_the_body_is_two_integers_and_nothing_else(wire, service, take, dec):
    answer(wire, content={"success": True})

    service.change_seats(SeatChange(key=KEY, flight_id=7, seats=2, reserves=take), seconds=5)

    sent = wire.calls[0]
    assert sent.body == f'{{"seats": 2, "dec": {dec}}}'.encode()
    assert [type(value) for value in json.loads(sent.body).values()] == [int, int]
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["content-length"] == str(len(sent.body))
    assert sent.headers["idempotency-key"] == "4f5f0f0e-0c7a-4b7d-9d5c-0f9f6f4a3b2c"


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
    [(400, None), (400, "invalid_request"), (409, None), (409, "over_capacity"), (422, "reused")],
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


@pytest.mark.parametrize("body", [b"", b"<html>gone</html>", b"{}"], ids=str)
def test_410_is_no_flight_whatever_comes_with_it(wire, service, body):
    wire.add("PATCH", SEATS, status=410, body=body)

    assert service.change_seats(TAKE, seconds=5) == NoFlight()
    assert isinstance(service.change_seats(GIVE, seconds=5), Mistake)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_unknown_and_is_not_followed(wire, service, status):
    wire.add("PATCH", SEATS, status=status, headers={"Location": f"{wire.url}/elsewhere"}, json={})
    for method in ("PATCH", "GET"):
        wire.add(method, "/elsewhere", json={"success": True})

    outcome = service.change_seats(TAKE, seconds=5)

    assert isinstance(outcome, Unknown)
    assert [call.path for call in wire.calls] == [SEATS]


@pytest.mark.parametrize(
    ("header", "pause"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-1", None), ("1.5", None), ("1" * 9, None)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_passed_on(wire, service, status, header, pause):
    wire.add("PATCH", SEATS, status=status, json=failure(status), headers={"Retry-After": header})

    outcome = service.change_seats(TAKE, seconds=5)

    assert isinstance(outcome, Unknown)
    assert outcome.retry_after == pause


@pytest.mark.slow
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


NOW = datetime(2026, 11, 25, 18, tzinfo=UTC)
A_DAY_AND_A_BIT = 24 * 3600 + 1


@pytest.mark.parametrize(
    ("until", "pause"),
    [
        (format_datetime(NOW + timedelta(seconds=7), usegmt=True), 7.0),
        (format_datetime(NOW, usegmt=True), 0.0),
        ((NOW + timedelta(seconds=90)).strftime("%A, %d-%b-%y %H:%M:%S GMT"), 90.0),
        ((NOW + timedelta(seconds=90)).strftime("%a %b %d %H:%M:%S %Y"), 90.0),
        (format_datetime(NOW - timedelta(seconds=1), usegmt=True), None),
        (format_datetime(NOW + timedelta(seconds=A_DAY_AND_A_BIT), usegmt=True), None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", None),
        ("Wed, 32 Nov 2026 18:00:00 GMT", None),
        ("Wed, 25 Nov 2026", None),
        ("7, 8", None),
        ("\xb2", None),
        ("1e3", None),
        ("+7", None),
        (str(A_DAY_AND_A_BIT), None),
        ("9" * 5000, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_pause_until_a_date_is_counted_from_the_answers_own_date(wire, service, until, pause):
    headers = {"Retry-After": until, "Date": format_datetime(NOW, usegmt=True)}
    wire.add("PATCH", SEATS, status=503, json=failure(503), headers=headers)

    assert service.change_seats(TAKE, seconds=5) == Unknown("503", pause)


def test_a_pause_until_a_date_without_another_is_counted_by_our_clock(wire, service):
    until = datetime.now(UTC) + timedelta(seconds=60)
    wire.add("PATCH", SEATS, status=503, json=failure(503), headers={"Retry-After": format_datetime(until, True)})

    assert service.change_seats(TAKE, seconds=5).retry_after == pytest.approx(59, abs=2)


# --- a Flight Service that refuses in its own words ------------------------------------------------------

OWN = {
    (409, "SOLD_OUT"): "insufficient_seats",
    (400, "Not enough seats left."): "insufficient_seats",
    (422, ""): "insufficient_seats",
    (404, ""): "flight_not_found",
    (200, "sold out"): "insufficient_seats",
}


@pytest.fixture
def own(wire):
    return HttpFlightService(wire.url, own_words=OWN)


@pytest.mark.parametrize(
    ("status", "content", "outcome"),
    [
        (409, {"error": {"code": "SOLD_OUT"}}, NoSeats()),
        (409, {"code": "SOLD_OUT"}, NoSeats()),
        (409, {"error": "SOLD_OUT"}, NoSeats()),
        (409, {"error": {"reason": " SOLD_OUT "}}, NoSeats()),
        (400, {"message": "Not enough seats left."}, NoSeats()),
        (400, {"error": {"explanation": "Not enough seats left."}}, NoSeats()),
        (422, {"anything": 1}, NoSeats()),
        (404, {"detail": "no such thing"}, NoFlight()),
        (200, {"success": False, "error": "sold out"}, NoSeats()),
        (409, {"error": {"code": "sold_out"}}, Mistake("409 sold_out")),
        (409, {"error": {"code": "LOCKED"}}, Mistake("409 LOCKED")),
        (400, {"error": {"code": "SOLD_OUT"}}, Mistake("400 SOLD_OUT")),
        (503, {"error": {"code": "SOLD_OUT"}}, Unknown("503 SOLD_OUT")),
        (200, {"success": True, "error": "sold out"}, Applied()),
        (200, {"error": "taken"}, Unknown("200")),
    ],
    ids=str,
)
def test_its_own_words_mean_what_the_settings_say_and_no_others(wire, own, status, content, outcome):
    answer(wire, status=status, content=content)

    assert own.change_seats(TAKE, seconds=5) == outcome


def test_words_of_its_own_refuse_no_give_back(wire, own):
    answer(wire, status=409, content={"error": {"code": "SOLD_OUT"}})

    assert own.change_seats(GIVE, seconds=5) == Mistake("409 SOLD_OUT")


@pytest.mark.parametrize("body", [b"<html>Not Found</html>", b"", b'{"detail": "no route"}'], ids=str)
def test_a_404_without_the_envelope_is_no_flight_if_the_settings_say_so(wire, service, own, body):
    wire.add("GET", FLIGHT, status=404, body=body)

    with pytest.raises(UnknownFlight):
        own.get_flight(7, seconds=5)
    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)


@pytest.mark.parametrize(
    ("method", "status", "content"),
    [("GET", 404, {"detail": "no route"}), ("PATCH", 404, {"detail": "x"}), ("PATCH", 409, {"error": "SOLD_OUT"})],
)
def test_what_means_nothing_here_says_what_to_configure(wire, service, caplog, method, status, content):
    wire.add(method, FLIGHT if method == "GET" else SEATS, status=status, json=content)

    if method == "PATCH":
        service.change_seats(TAKE, seconds=5)
    else:
        with pytest.raises(FlightsUnreachable):
            service.get_flight(7, seconds=5)

    said = [record.msg for record in caplog.records if record.levelname == "ERROR"]
    assert said
    assert {line["event"] for line in said} == {"gateway.flights.not_understood"}
    assert all("FLIGHT_SERVICE_REFUSAL_CODES" in line["advice"] and line["flight"] == 7 for line in said)
