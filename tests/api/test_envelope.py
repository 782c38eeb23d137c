"""Every answer under /api comes in the envelope, with a request id, whatever goes wrong."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from bookings import errors, wiring
from bookings.answers import rendering
from bookings.api import views
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown

pytestmark = pytest.mark.django_db


def leaf_classes(base):
    return {leaf for child in base.__subclasses__() for leaf in leaf_classes(child)} or {base}


def test_every_error_has_an_http_status():
    assert leaf_classes(errors.BookingError) == rendering.STATUS.keys()


def test_every_error_has_a_code_of_its_own():
    codes = [problem.code for problem in rendering.STATUS]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", code) for code in codes)


def test_a_success_has_data_and_an_empty_error(api):
    answer = api.create()

    assert list(answer.json()) == ["success", "message", "data", "error"]
    assert answer.json()["success"] is True
    assert answer.json()["message"] == "Booking created successfully"
    assert answer.json()["error"] == {}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == f"{BOOKINGS}/{shown(answer)['id']}"


def test_an_error_has_empty_data_and_says_what_and_why(api, flights):
    flights.set_flight(1, remaining=0)

    answer = api.create(headers={"X-Request-ID": "abc"})

    assert answer.json() == {
        "success": False,
        "message": "Failed to create booking",
        "data": {},
        "error": {
            "statusCode": 400,
            "code": "seats_unavailable",
            "explanation": "Not enough seats available",
            "retryable": False,
            "requestId": "abc",
            "fields": {},
        },
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (BOOKINGS, "Failed to create booking"),
        (PAYMENTS, "Payment failed"),
        (f"{BOOKINGS}/1/cancel", "Failed to cancel booking"),
    ],
)
def test_the_message_is_that_of_the_endpoint(api, path, message):
    assert api.post(path, {}, key="k").json()["message"] == message


def test_a_booking_is_shown_with_these_fields(api):
    booking = shown(api.create())

    assert list(booking) == [
        "id",
        "reference",
        "flightId",
        "flight",
        "userId",
        "status",
        "noOfSeats",
        "seatNumbers",
        "seatChange",
        "seatPrice",
        "totalCost",
        "currency",
        "cancelReason",
        "payment",
        "refund",
        "clientReference",
        "metadata",
        "replaces",
        "createdAt",
        "updatedAt",
        "expiresAt",
        "paidAt",
        "cancelledAt",
        "availableActions",
    ]
    assert booking["availableActions"] == ["pay", "cancel"]
    assert booking["cancelReason"] is None


def test_times_are_iso_8601_in_utc_with_milliseconds(api):
    booking = shown(api.create())

    for name in ("createdAt", "updatedAt", "expiresAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", booking[name])


def test_a_time_on_the_full_second_has_milliseconds_too():
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)

    assert rendering.iso(moment) == "2026-11-22T10:00:00.000Z"


def test_a_reference_is_eight_letters_and_digits_without_look_alikes(api):
    references = [shown(api.create(userId=user))["reference"] for user in range(1, 21)]

    assert all(re.fullmatch(r"[2-9A-HJKMNP-Z]{8}", reference) for reference in references)
    assert len(set(references)) == 20


def test_text_is_sent_as_it_is_and_not_escaped(api):
    booking = shown(api.create())
    api.cancel(booking, reason="Đà Nẵng ✈")

    answer = api.get(f"{BOOKINGS}/{booking['id']}/events")

    assert "Đà Nẵng ✈".encode() in answer.content


@pytest.mark.parametrize("sent", ["abc", "A-b_c.9", "x" * 64, "4f5f0f0e-0c7a-4b7d-9d5c-0f9f6f4a3b2c"])
def test_a_sane_request_id_is_kept(api, sent):
    answer = api.get(f"{BOOKINGS}/1", **{"X-Request-ID": sent})

    assert answer.headers["X-Request-ID"] == sent
    assert answer.json()["error"]["requestId"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a;b", "<script>", "ä", "a\tb"])
def test_any_other_request_id_is_replaced(api, sent):
    answer = api.get(f"{BOOKINGS}/1", **{"X-Request-ID": sent})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.json()["error"]["requestId"] == answer.headers["X-Request-ID"]


def test_a_success_has_a_request_id_too(api):
    assert api.create(headers={"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v2",
        "/api/v2/bookings",
        "/api/v1/bookings//",
        "/api/v1//bookings",
        "/api//v1/bookings",
        "/api/v1/bookings/1//",
        "/api/v1/bookings//1/",
        "/api/v1/bookings/1/nothing/",
        "/api/v1/bookings/1/nothing",
        "/api/v1/flights",
        "/api/../etc/passwd",
        "/api/%00",
        "/api/v1/bookings/%2e%2e",
        "/api/<script>",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address_is_not_found_in_the_envelope(api, path, method):
    answer = api.client.generic(method, path)

    assert refused(answer) == (404, "not_found")
    assert "/api/v1/docs" in answer.json()["error"]["explanation"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", BOOKINGS, "GET, POST, HEAD, OPTIONS"),
        ("DELETE", BOOKINGS, "GET, POST, HEAD, OPTIONS"),
        ("POST", f"{BOOKINGS}/1", "GET, HEAD, OPTIONS"),
        ("DELETE", f"{BOOKINGS}/1", "GET, HEAD, OPTIONS"),
        ("PATCH", f"{BOOKINGS}/1", "GET, HEAD, OPTIONS"),
        ("GET", f"{BOOKINGS}/1/cancel", "POST, OPTIONS"),
        ("POST", f"{BOOKINGS}/1/events", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/info", "GET, HEAD, OPTIONS"),
        ("TRACE", BOOKINGS, "GET, POST, HEAD, OPTIONS"),
        ("POST", "/api/v1/openapi.json", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/docs", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_there_is_405_and_names_the_others(api, method, path, allowed):
    answer = api.client.generic(method, path)

    assert refused(answer) == (405, "method_not_allowed")
    assert sorted(answer.headers["Allow"].split(", ")) == sorted(allowed.split(", "))


def test_the_methods_of_an_address_are_told_in_the_envelope(api):
    answer = api.client.options(BOOKINGS)

    assert answer.status_code == 200
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert answer.json() == {
        "success": True,
        "message": "See /api/v1/openapi.json",
        "data": {},
        "error": {},
    }


@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/docs/", "/api/v1/openapi.json", "/api/v1/info", BOOKINGS])
@pytest.mark.parametrize("accept", ["", "*/*", "text/html,*/*;q=0.8"])
def test_every_address_tells_its_methods_in_the_envelope(api, path, accept):
    answer = api.client.options(path, headers={"Accept": accept})

    assert answer.status_code == 200
    assert "GET" in answer.headers["Allow"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["message"] == "See /api/v1/openapi.json"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_a_client_that_wants_no_json_is_told_so_in_json(api, accept):
    answer = api.get(BOOKINGS, Accept=accept)

    assert refused(answer) == (406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", "text/html, */*;q=0.1"])
def test_a_client_that_takes_json_among_others_gets_it(api, accept):
    assert api.get(BOOKINGS, Accept=accept).status_code == 200


def test_a_host_that_is_not_ours_is_refused_in_the_envelope(api):
    answer = Client().get(BOOKINGS, headers={"Host": "evil.example.org"})

    assert refused(answer) == (400, "invalid_request")
    assert "Host" in answer.json()["error"]["explanation"]
    assert answer.headers["Content-Type"] == "application/json"


def test_an_unexpected_exception_is_a_500_without_its_details(api, monkeypatch):
    def explode(**anything):
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr(views, "create_booking", explode)

    answer = api.create()

    assert refused(answer) == (500, "internal_error")
    assert answer.json()["error"]["retryable"] is True
    assert b"hunter2" not in answer.content
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize("debug", [True, False])
def test_an_exception_outside_the_api_views_is_in_the_envelope_too(api, monkeypatch, settings, debug):
    settings.DEBUG = debug

    def explode(request, path=""):
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr("django.middleware.security.SecurityMiddleware.process_request", explode)

    answer = api.get(BOOKINGS)

    assert refused(answer) == (500, "internal_error")
    assert b"hunter2" not in answer.content


def test_an_exception_while_wiring_is_in_the_envelope(api, monkeypatch):
    def explode():
        raise OSError("10.0.0.7 is unreachable")

    monkeypatch.setattr(wiring, "flight_service", explode)

    answer = api.create()

    assert refused(answer) == (500, "internal_error")
    assert b"10.0.0.7" not in answer.content


def test_info_names_the_service_and_its_versions(api):
    answer = api.get("/api/v1/info")

    assert answer.status_code == 200
    assert shown(answer) == {"name": "Flight Booking Service", "version": "0.2.0", "apiVersion": "v1"}


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_the_beginning_of_the_api_leads_to_addresses_that_answer(api, path):
    answer = api.get(path)

    assert answer.status_code == 200
    assert {name: api.get(link).status_code for name, link in shown(answer).items()} == {
        "bookings": 200,
        "events": 200,
        "info": 200,
        "openapi": 200,
        "docs": 200,
    }


def test_one_booking_can_be_read(api):
    booking = shown(api.create())

    answer = api.get(f"{BOOKINGS}/{booking['id']}")

    assert answer.status_code == 200
    assert answer.json()["message"] == "Successfully completed the request"
    assert shown(answer) == booking


@pytest.mark.parametrize("booking_id", ["987654321", "0", "-1", "abc", "1%20", "9" * 19, "9" * 40, "\u0661"])
def test_an_unknown_booking_is_not_found(api, booking_id):
    assert refused(api.get(f"{BOOKINGS}/{booking_id}")) == (404, "booking_not_found")


def test_a_head_request_has_no_body(api):
    answer = api.client.head(BOOKINGS)

    assert (answer.status_code, answer.content) == (200, b"")


def test_the_body_is_compact_json(api):
    answer = api.create()

    assert answer.content == json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False).encode()
