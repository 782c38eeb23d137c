"""The habits of the original Flight Service, which the stand-in has with `--unkeyed`."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.processes import FlightSim, start_flightsim


@pytest.fixture(scope="module")
def process() -> Iterator[FlightSim]:
    with start_flightsim("--unkeyed", "--capacity", "50") as sim:
        yield sim


@pytest.fixture
def sim(process: FlightSim) -> FlightSim:
    process.reset()
    process.faults()
    return process


def patch(sim: FlightSim, content: Any, *, flight: object = 1, key: str = "k") -> requests.Response:
    url = f"{sim.url}/api/v1/flights/{flight}/seats"
    return requests.patch(url, json=content, headers={"Idempotency-Key": key}, timeout=5)


def remaining(sim: FlightSim) -> int:
    return sim.flight(1)["remaining"]


def test_a_flight_is_shown_without_its_capacity(sim):
    flight = requests.get(f"{sim.url}/api/v1/flights/1", timeout=5).json()["data"]

    assert list(flight) == [
        *("id", "flightNumber", "airplaneId", "departureAirportId", "arrivalAirportId", "arrivalTime"),
        *("departureTime", "price", "boardingGate", "totalSeats", "createdAt", "updatedAt"),
    ]


@pytest.mark.parametrize("flight", ["999", "abc"])
def test_an_unknown_flight_is_not_found_without_a_code(sim, flight):
    answer = requests.get(f"{sim.url}/api/v1/flights/{flight}", timeout=5)

    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "statusCode": 404,
        "explanation": "The flight you requested is not present",
    }


def test_a_change_answers_with_the_flight_as_it_was_before(sim):
    first = patch(sim, {"seats": 2, "dec": 1})

    second = patch(sim, {"seats": 2, "dec": 1})

    assert (first.status_code, first.json()["data"]["totalSeats"]) == (200, 50)
    assert (second.status_code, second.json()["data"]["totalSeats"]) == (200, 48)


def test_a_key_means_nothing(sim):
    patch(sim, {"seats": 2, "dec": 1}, key="same")

    answer = patch(sim, {"seats": 2, "dec": 1}, key="same")

    assert "Idempotent-Replayed" not in answer.headers
    assert remaining(sim) == 46


def test_no_key_is_needed(sim):
    answer = requests.patch(f"{sim.url}/api/v1/flights/1/seats", json={"seats": 1, "dec": 1}, timeout=5)

    assert (answer.status_code, remaining(sim)) == (200, 49)


def test_there_is_no_floor(sim):
    answer = patch(sim, {"seats": 1000, "dec": 1})

    assert (answer.status_code, remaining(sim)) == (200, -950)
    assert requests.get(f"{sim.url}/api/v1/flights/1", timeout=5).json()["data"]["totalSeats"] == -950


def test_there_is_no_ceiling(sim):
    answer = patch(sim, {"seats": 7, "dec": 0})

    assert (answer.status_code, remaining(sim)) == (200, 57)


@pytest.mark.parametrize("dec", [1, True, "1", -1, 0.5, [1]], ids=repr)
def test_these_values_of_dec_take(sim, dec):
    patch(sim, {"seats": 2, "dec": dec})

    assert remaining(sim) == 48


def test_a_missing_dec_takes(sim):
    patch(sim, {"seats": 2})

    assert remaining(sim) == 48


@pytest.mark.slow
@pytest.mark.parametrize("dec", [0, False, None, "", "0", "true", "false", "1_0", "nan", [], {}], ids=repr)
def test_these_values_of_dec_give_back(sim, dec):
    patch(sim, {"seats": 2, "dec": dec})

    assert remaining(sim) == 52


@pytest.mark.slow
@pytest.mark.parametrize("content", [{"seats": 0, "dec": 1}, {"dec": 1}, {"seats": None}, {"seats": ""}, []])
def test_no_seats_are_a_bad_request(sim, content):
    answer = patch(sim, content)

    assert (answer.status_code, answer.json()["error"]["statusCode"]) == (400, 400)
    assert remaining(sim) == 50


@pytest.mark.parametrize(
    ("seats", "dec", "left"),
    [(-3, 1, 53), (-3, 0, 47), (1.5, 1, 49), (1.5, 0, 52), (0.4, 1, 50), ("2", 1, 48), (True, 1, 49)],
)
def test_seats_are_whatever_arithmetic_makes_of_them(sim, seats, dec, left):
    answer = patch(sim, {"seats": seats, "dec": dec})

    flight = sim.flight(1)
    assert (answer.status_code, flight["remaining"]) == (200, left)
    assert flight["taken"] - flight["given_back"] == 50 - left


@pytest.mark.parametrize("seats", [3 * 10**9, 1e300, "many", {}, [1, 2], 10**400], ids=lambda s: str(s)[:9])
def test_seats_that_the_column_cannot_hold_are_a_server_error(sim, seats):
    answer = patch(sim, {"seats": seats, "dec": 1})

    assert (answer.status_code, remaining(sim)) == (500, 50)


@pytest.mark.parametrize("flight", ["999", "abc"])
def test_a_change_of_a_missing_flight_is_a_server_error(sim, flight):
    answer = patch(sim, {"seats": 1, "dec": 1}, flight=flight)

    assert answer.status_code == 500
    assert answer.json()["error"] == {"statusCode": 500, "explanation": "Cannot update data of the flight"}


@pytest.mark.parametrize("body", ["{", "1", "null", '{"seats": NaN}', "[" * 60_000], ids=lambda b: b[:16])
def test_malformed_json_is_answered_with_a_page(sim, body):
    answer = requests.patch(f"{sim.url}/api/v1/flights/1/seats", data=body, timeout=5)

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_faults_come_without_a_code_too(sim):
    sim.faults(fail_rate=1)

    answer = patch(sim, {"seats": 1, "dec": 1})

    assert answer.status_code == 500
    assert list(answer.json()["error"]) == ["statusCode", "explanation"]
    assert remaining(sim) == 50
