"""What the stand-in Flight Service promises a client that sends keys."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.support.processes import FlightSim, start_flightsim

FIXED = (90200, 90400, 90409, 90412, 90502, 90503, 90504)


def get(sim: FlightSim, path: str) -> requests.Response:
    return requests.get(f"{sim.url}{path}", timeout=5)


def patch(sim: FlightSim, content: Any, *, key: str | None = "k", flight: object = 1) -> requests.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    url = f"{sim.url}/api/v1/flights/{flight}/seats"
    return requests.patch(url, json=content, headers=headers, timeout=5)


def take(sim: FlightSim, seats: int, *, key: str, flight: object = 1) -> requests.Response:
    return patch(sim, {"seats": seats, "dec": 1}, key=key, flight=flight)


def give_back(sim: FlightSim, seats: int, *, key: str) -> requests.Response:
    return patch(sim, {"seats": seats, "dec": 0}, key=key)


def remaining(sim: FlightSim) -> int:
    return sim.flight(1)["remaining"]


def test_a_flight_is_shown_in_the_envelope(sim):
    answer = get(sim, "/api/v1/flights/1")

    shown = answer.json()
    flight = shown["data"]
    created_at = flight.pop("createdAt")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (shown["success"], shown["message"]) == (True, "Successfully completed the request")
    assert shown["error"] == {}
    assert flight.pop("updatedAt") == created_at
    assert datetime.fromisoformat(created_at).utcoffset().total_seconds() == 0
    assert flight == {
        "id": 1,
        "flightNumber": "UK 808",
        "airplaneId": 1,
        "departureAirportId": "DEL",
        "arrivalAirportId": "BLR",
        "arrivalTime": "2030-01-01T12:00:00.000Z",
        "departureTime": "2030-01-01T09:00:00.000Z",
        "price": 2000,
        "boardingGate": "12A",
        "totalSeats": 120,
        "capacity": 120,
        "seatMap": 1,
    }


@pytest.mark.slow
def test_a_currency_is_shown_beside_every_price_where_one_is_given():
    with start_flightsim("--currency", "INR") as sim:
        answers = [get(sim, "/api/v1/flights/1"), take(sim, 1, key="k"), get(sim, "/api/v1/flights/12")]
        sim.reset()
        answers.append(get(sim, "/api/v1/flights/1"))

    assert [answer.json()["data"]["currency"] for answer in answers] == ["INR"] * 4
    assert list(answers[0].json()["data"])[7:10] == ["price", "currency", "boardingGate"]


def test_all_flights_are_listed_in_the_same_form(sim):
    listed = get(sim, "/api/v1/flights").json()["data"]

    assert [flight["id"] for flight in listed] == [*range(1, 13), *FIXED]
    assert listed[0] == get(sim, "/api/v1/flights/1").json()["data"]


@pytest.mark.slow
def test_as_many_flights_as_wanted_can_be_had():
    with start_flightsim("--flights", "50", "--capacity", "7") as sim:
        flights = sim.ledger()["flights"]

    assert [flight["id"] for flight in flights] == [*range(1, 51), *FIXED]
    assert {flight["capacity"] for flight in flights[:50]} == {7}


def test_the_demo_flights_are_believable(sim):
    flights = get(sim, "/api/v1/flights").json()["data"][:12]

    assert len({flight["flightNumber"] for flight in flights}) == 12
    assert all(50 <= flight["capacity"] <= 250 for flight in flights)
    assert all(type(flight["price"]) is int and flight["price"] > 0 for flight in flights)
    assert all(flight["departureTime"] < flight["arrivalTime"] for flight in flights)


@pytest.mark.parametrize("flight", ["999", "0", "abc", "1.0", "-1", "9" * 40, "1%20"])
def test_an_unknown_flight_is_not_found(sim, flight):
    answer = get(sim, f"/api/v1/flights/{flight}")

    assert answer.status_code == 404
    assert answer.json() == {
        "success": False,
        "message": "Something went wrong",
        "data": {},
        "error": {
            "statusCode": 404,
            "code": "flight_not_found",
            "explanation": "The flight you requested is not present",
        },
    }


def test_a_take_answers_with_the_flight_after_it(sim):
    answer = take(sim, 2, key="one")

    assert answer.status_code == 200
    assert answer.json()["data"]["totalSeats"] == 118
    assert "Idempotent-Replayed" not in answer.headers
    assert answer.json()["data"] == get(sim, "/api/v1/flights/1").json()["data"]


def test_a_give_back_answers_with_the_flight_after_it(sim):
    take(sim, 5, key="take")

    answer = give_back(sim, 3, key="give")

    assert answer.status_code == 200
    assert answer.json()["data"]["totalSeats"] == 118


def test_the_same_key_and_payload_answer_the_same_bytes_and_change_nothing(sim):
    first = take(sim, 2, key="one")
    take(sim, 1, key="between")

    second = take(sim, 2, key="one")

    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert remaining(sim) == 117


@pytest.mark.parametrize("other", [{"seats": 3, "dec": 1}, {"seats": 2, "dec": 0}], ids=["seats", "dec"])
def test_the_same_key_with_another_payload_is_refused(sim, other):
    take(sim, 2, key="one")

    answer = patch(sim, other, key="one")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert remaining(sim) == 118


def test_the_same_key_for_another_flight_is_refused(sim):
    take(sim, 2, key="one")

    answer = take(sim, 2, key="one", flight=2)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_keys_that_differ_in_case_are_different_keys(sim):
    take(sim, 1, key="Key")

    answer = take(sim, 2, key="key")

    assert answer.json()["data"]["totalSeats"] == 117


def test_a_refusal_for_want_of_seats_is_final(sim):
    take(sim, 119, key="most")
    first = take(sim, 2, key="too-many")
    give_back(sim, 100, key="give")

    second = take(sim, 2, key="too-many")

    assert (first.status_code, first.json()["error"]["code"]) == (409, "insufficient_seats")
    assert (second.status_code, second.content) == (409, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert remaining(sim) == 101


def test_a_give_back_beyond_the_capacity_is_refused_for_good(sim):
    first = give_back(sim, 1, key="give")
    take(sim, 1, key="take")

    second = give_back(sim, 1, key="give")

    assert (first.status_code, first.json()["error"]["code"]) == (409, "over_capacity")
    assert (second.status_code, second.content) == (409, first.content)
    assert remaining(sim) == 119


def test_a_take_of_an_unknown_flight_is_refused_for_good(sim):
    first = take(sim, 1, key="one", flight=999)

    second = take(sim, 1, key="one", flight=999)
    elsewhere = take(sim, 1, key="one", flight=1)

    assert (first.status_code, first.json()["error"]["code"]) == (404, "flight_not_found")
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (404, "true")
    assert elsewhere.status_code == 422


def test_a_path_without_a_number_is_no_flight(sim):
    answer = take(sim, 1, key="one", flight="abc")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "flight_not_found")


def test_a_key_is_required(sim):
    answer = patch(sim, {"seats": 1, "dec": 1}, key=None)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_required")


def test_a_key_may_have_255_characters(sim):
    answer = take(sim, 1, key="k" * 255)

    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["k" * 256, "a b", "ключ".encode()], ids=["long", "space", "not ASCII"])
def test_a_key_that_is_none_is_invalid(sim, key):
    answer = take(sim, 1, key=key)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert remaining(sim) == 120


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        *('{"seats": 0, "dec": 1}', '{"seats": -1, "dec": 1}', '{"seats": 1.0, "dec": 1}'),
        *('{"seats": "1", "dec": 1}', '{"seats": true, "dec": 1}', '{"seats": null, "dec": 1}'),
        *('{"seats": 1, "dec": true}', '{"seats": 1, "dec": "1"}', '{"seats": 1, "dec": 2}'),
        *('{"seats": 2147483648, "dec": 1}', '{"seats": 1}', '{"dec": 1}', '{"seats": 1, "dec": 1, "x": 1}'),
        *("", "{", "[]", "1", "null", '"seats"', "[" * 60_000, '{"seats": NaN, "dec": 1}'),
    ],
    ids=lambda body: body[:24],
)
def test_a_body_that_is_not_two_proper_integers_is_invalid_and_leaves_the_key_free(sim, body):
    url = f"{sim.url}/api/v1/flights/1/seats"
    answer = requests.patch(url, data=body, headers={"Idempotency-Key": "one"}, timeout=5)

    afterwards = take(sim, 1, key="one")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert (afterwards.status_code, remaining(sim)) == (200, 119)


@pytest.mark.slow
def test_of_200_clients_for_the_last_10_seats_exactly_10_get_one(sim):
    sim.reset(flights={"1": 10})

    with ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(lambda client: take(sim, 1, key=f"client-{client}"), range(200)))

    assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 190}
    assert remaining(sim) == 0


@pytest.mark.slow
def test_fifty_clients_with_the_same_key_take_once(sim):
    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: take(sim, 2, key="same"), range(50)))

    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 49}
    assert remaining(sim) == 118


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/flights", "GET"),
        ("DELETE", "/api/v1/flights/1", "GET"),
        ("POST", "/api/v1/flights/1/seats", "PATCH"),
        ("POST", "/__ledger", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(sim, method, path, allowed):
    answer = requests.request(method, sim.url + path, timeout=5)

    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/api/v1/flights/", "/api/v1/flights/1/seats/1", "/__reset/x"])
def test_an_unknown_address_answers_in_the_envelope(sim, path):
    answer = get(sim, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
