"""Errors as RFC 9457 writes them, for clients that ask for it, wherever a request is refused."""

import pytest
from django.test import Client

from bookings import wiring
from tests.support.api import BOOKINGS, PAYMENTS, shown

pytestmark = pytest.mark.django_db

PROBLEM = "application/problem+json"
ASKED = {"Accept": f"application/json, {PROBLEM}"}


def is_a_problem(answer):
    return answer.headers["Content-Type"] == PROBLEM


def test_an_error_is_a_problem_with_the_members_of_the_envelope(api, flights):
    flights.set_flight(1, remaining=0)

    answer = api.create(headers={**ASKED, "X-Request-ID": "abc"})

    assert (answer.status_code, is_a_problem(answer)) == (400, True)
    assert answer.json() == {
        "type": "urn:problem-type:flight-booking:seats_unavailable",
        "title": "Seats unavailable",
        "status": 400,
        "detail": "Not enough seats available",
        "code": "seats_unavailable",
        "retryable": False,
        "requestId": "abc",
        "fields": {},
    }
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_fields_details_and_headers_are_kept(api):
    wrong = api.create({"flightId": 1}, headers=ASKED).json()
    dearer = api.create(expectedPrice=1, headers=ASKED).json()
    waits = api.pay({"id": 987654321, "userId": 1001, "totalCost": 1}, headers=ASKED)

    assert wrong["fields"] == {
        "noOfSeats": "This field is required, or seatNumbers.",
        "userId": "This field is required.",
    }
    assert dearer["details"].keys() == {"seatPrice", "totalCost", "currency"}
    assert waits.headers["X-Request-ID"] == waits.json()["requestId"]


def test_a_success_is_in_the_envelope_all_the_same(api):
    answer = api.create(headers=ASKED)

    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    assert answer.json()["success"] is True


@pytest.mark.parametrize("firsts", [{}, ASKED], ids=["envelope first", "problem first"])
def test_a_refusal_that_is_repeated_is_written_as_each_request_asks_for_it(api, firsts):
    booking = shown(api.create())
    first = api.pay(booking, key="k", totalCost=1, headers=firsts)

    asked, again = (api.pay(booking, key="k", totalCost=1, headers=headers) for headers in (ASKED, {}))

    assert first.content == (asked if firsts else again).content
    assert again.json()["error"]["code"] == asked.json()["code"] == "amount_mismatch"
    assert asked.headers["Idempotent-Replayed"] == again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        (PROBLEM, True),
        (f"{PROBLEM}, application/json", True),
        (f"application/json;q=0.9, {PROBLEM}", True),
        (f"*/*, {PROBLEM.upper()}", True),
        (f"application/json, {PROBLEM};q=0.5", False),
        (f"application/json, {PROBLEM};q=0", False),
        ("application/json", False),
        ("application/*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_the_envelope_is_for_whoever_does_not_ask(api, accept, wants):
    answer = api.get(f"{BOOKINGS}/0", Accept=accept)

    assert answer.status_code == (406 if accept == PROBLEM else 404)
    assert is_a_problem(answer) is wants
    assert answer.headers["Content-Type"] in (PROBLEM, "application/json")


def test_it_is_the_same_wherever_a_request_is_refused(api, settings, token_auth, monkeypatch):
    def explode():
        raise OSError

    refused = {
        "token_missing": api.create(headers=ASKED),
        "not_found": api.get("/api/v1/nothing", **ASKED),
        "address_too_long": api.get(f"{BOOKINGS}?{'a' * 5000}", **ASKED),
        "headers_too_large": api.get(BOOKINGS, **ASKED, Other="a" * 20_000),
    }
    foreign = Client().get(BOOKINGS, headers={**ASKED, "Host": "evil.example.org"})
    settings.API_AUTH = "open"
    refused["method_not_allowed"] = api.client.generic("DELETE", BOOKINGS, headers=ASKED)
    refused["invalid_request"] = api.post(PAYMENTS, b"{", key="k", headers=ASKED)
    monkeypatch.setattr(wiring, "flight_service", explode)
    refused["internal_error"] = api.create(headers=ASKED)

    assert {answer.json()["code"]: is_a_problem(answer) for answer in refused.values()} == dict.fromkeys(refused, True)
    assert (foreign.status_code, foreign.json()["code"], is_a_problem(foreign)) == (400, "invalid_request", True)
