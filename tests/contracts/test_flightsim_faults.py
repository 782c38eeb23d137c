"""Faults on demand, the ledger and the reset of the stand-in Flight Service."""

import socket
import time

import pytest
import requests

from tests.support.processes import FlightSim, start_flightsim


def get(sim: FlightSim) -> requests.Response:
    return requests.get(f"{sim.url}/api/v1/flights/1", timeout=5)


def take(sim: FlightSim, key: str, *, timeout: float = 5) -> requests.Response:
    url = f"{sim.url}/api/v1/flights/1/seats"
    headers = {"Idempotency-Key": key}
    return requests.patch(url, json={"seats": 1, "dec": 1}, headers=headers, timeout=timeout)


def outcome(sim: FlightSim) -> object:
    try:
        return get(sim).status_code
    except requests.ConnectionError:
        return "dropped"


def test_a_failure_decides_nothing(sim):
    sim.faults(fail_rate=1)

    failed = take(sim, "one")
    sim.faults()
    again = take(sim, "one")

    assert failed.status_code == 500
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, None)
    assert sim.ledger()["calls"]["failed"] == 1


def test_a_dropped_reply_is_replayed_to_the_same_key(sim):
    sim.faults(drop_reply_rate=1)

    with pytest.raises(requests.ConnectionError):
        take(sim, "one")
    sim.faults()
    again = take(sim, "one")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json()["data"]["totalSeats"] == 119
    assert sim.flight(1)["taken"] == 1
    assert sim.ledger()["calls"]["dropped_replies"] == 1


def test_a_dropped_request_decides_nothing(sim):
    sim.faults(drop_request_rate=1)

    with pytest.raises(requests.ConnectionError):
        take(sim, "one")

    assert sim.flight(1)["taken"] == 0
    assert sim.ledger()["calls"]["dropped_requests"] == 1


@pytest.mark.slow
def test_a_hanging_request_decides_nothing(sim):
    sim.faults(hang_rate=1)

    with pytest.raises(requests.ReadTimeout):
        take(sim, "one", timeout=0.3)

    assert sim.flight(1)["taken"] == 0
    assert sim.ledger()["calls"]["hung"] == 1


def test_garbage_is_answered_in_four_kinds_to_what_was_decided(sim):
    sim.faults(garbage_rate=1, times=4)

    garbled = [take(sim, key) for key in ("one", "two", "three", "four")]
    again = take(sim, "one")

    assert [answer.status_code for answer in garbled] == [200, 200, 200, 200]
    assert garbled[0].text.startswith("<!DOCTYPE html>")
    with pytest.raises(requests.JSONDecodeError):
        garbled[1].json()
    assert garbled[2].json()["success"] == "true"
    assert len(garbled[3].content) > 64 * 1024
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sim.flight(1)["taken"] == 4
    assert sim.ledger()["calls"]["garbled"] == 4


def raw(sim: FlightSim, request: bytes, *, until: bytes) -> bytes:
    """Send one request, and read until the bytes that are waited for."""
    port = int(sim.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        heard = b""
        while until not in heard and (piece := connection.recv(65536)):
            heard += piece
    return heard


GET = b"GET /api/v1/flights/1 HTTP/1.1\r\nHost: sim\r\n\r\n"


def test_informational_answers_come_before_what_was_decided(sim):
    sim.faults(informational_rate=1, times=1)

    hinted, plain = raw(sim, GET, until=b"}}"), raw(sim, GET, until=b"}}")

    assert hinted.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert hinted.partition(b"\r\n\r\n")[2] == plain
    assert plain.startswith(b"HTTP/1.1 200 OK\r\n")
    assert sim.ledger()["calls"]["hinted"] == 1


@pytest.mark.slow
def test_an_answer_drips_a_byte_at_a_time_and_was_decided(sim):
    sim.faults(drip_rate=1, times=1)

    began = time.monotonic()
    heard = raw(sim, GET, until=b"HTTP")
    seconds = time.monotonic() - began

    assert heard == b"HTTP"
    assert 0.2 < seconds < 4
    assert sim.ledger()["calls"]["dripped"] == 1


def test_one_flight_is_shown_in_a_way_that_cannot_be_sold(sim):
    sim.faults(unusable_flight=2)

    prices = [
        requests.get(f"{sim.url}/api/v1/flights/{flight_id}", timeout=5).json()["data"]["price"] for flight_id in (1, 2)
    ]
    sim.faults()

    assert prices == [2000, "twenty"]
    assert requests.get(f"{sim.url}/api/v1/flights/2", timeout=5).json()["data"]["price"] == 564500


@pytest.mark.slow
def test_a_slow_answer_is_decided_though_the_client_has_left(sim):
    sim.faults(latency_ms=300)

    with pytest.raises(requests.ReadTimeout):
        take(sim, "one", timeout=0.1)
    again = take(sim, "one")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert sim.flight(1)["taken"] == 1


def test_latency_is_waited_for(sim):
    sim.faults(latency_ms=150)

    assert get(sim).elapsed.total_seconds() >= 0.15


def test_faults_can_be_kept_to_one_method_and_a_number_of_times(sim):
    sim.faults(fail_rate=1, faults_on="patch", times=2)

    patched = [take(sim, "one").status_code for _ in range(3)]

    assert patched == [500, 500, 200]
    assert get(sim).status_code == 200


def test_faults_leave_the_ledger_and_the_reset_alone(sim):
    sim.faults(drop_request_rate=1)

    assert sim.ledger()["calls"]["dropped_requests"] == 0
    assert sim.reset()["calls"]["get"] == 0


@pytest.mark.slow
def test_the_same_seed_repeats_the_same_faults():
    def run(seed: str) -> list[object]:
        with start_flightsim("--fail-rate", "0.3", "--drop-reply-rate", "0.3", "--seed", seed) as sim:
            return [outcome(sim) for _ in range(40)]

    first, second, other = run("7"), run("7"), run("8")

    assert first == second != other
    assert set(first) == {200, 500, "dropped"}


@pytest.mark.parametrize(
    "plan",
    [
        *({"fail_rate": 2}, {"fail_rate": "1"}, {"fail_rate": 0.6, "hang_rate": 0.6}, {"speed": 1}),
        *({"latency_ms": 0.5}, {"latency_ms": -1}, {"times": -1}, {"faults_on": "put"}, {"seed": "x"}, []),
    ],
    ids=str,
)
def test_faults_that_make_no_sense_are_refused(sim, plan):
    answer = requests.post(f"{sim.url}/__faults", json=plan, timeout=5)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_the_ledger_counts_seats_and_calls(sim):
    sim.reset(flights={"1": 1})
    for key in ("one", "one", "two"):
        take(sim, key)
    get(sim)
    requests.patch(f"{sim.url}/api/v1/flights/1/seats", json={"seats": 1, "dec": 1}, timeout=5)

    ledger = sim.ledger()

    assert ledger["flights"][0] == {
        "id": 1,
        "flightNumber": "UK 808",
        "capacity": 1,
        "remaining": 0,
        "taken": 1,
        "given_back": 0,
        "seatsTaken": {},
        "calls": {"get": 1, "patch": 4, "applied": 1, "refused": 1, "replayed": 1},
    }
    assert ledger["calls"] == {
        "get": 1,
        "patch": 4,
        "applied": 1,
        "refused": 1,
        "replayed": 1,
        "rejected": 1,
        "failed": 0,
        "dropped_replies": 0,
        "dropped_requests": 0,
        "hung": 0,
        "garbled": 0,
        "hinted": 0,
        "dripped": 0,
        "freezes": 0,
        "max_replays_per_key": 1,
    }


def test_a_reset_fills_the_flights_and_forgets_the_keys(sim):
    take(sim, "one")

    sim.reset()
    again = take(sim, "one")

    assert "Idempotent-Replayed" not in again.headers
    assert again.json()["data"]["totalSeats"] == 119


@pytest.mark.slow
def test_a_reset_can_set_capacities(sim):
    sim.reset(capacity=10, flights={"2": 3})

    assert [flight["remaining"] for flight in sim.ledger()["flights"][:3]] == [10, 3, 10]


@pytest.mark.parametrize(
    "content", [{"capacity": -1}, {"capacity": "9"}, {"flights": {"99": 1}}, {"x": 1}, [1]], ids=str
)
def test_a_reset_that_makes_no_sense_is_refused(sim, content):
    take(sim, "one")

    answer = requests.post(f"{sim.url}/__reset", json=content, timeout=5)

    assert (answer.status_code, sim.flight(1)["taken"]) == (400, 1)


@pytest.mark.slow
def test_reset_and_faults_are_not_there_unless_allowed():
    with start_flightsim(allow_reset=False) as sim:
        answers = [requests.post(f"{sim.url}{path}", timeout=5) for path in ("/__reset", "/__faults")]

    assert [answer.status_code for answer in answers] == [404, 404]
