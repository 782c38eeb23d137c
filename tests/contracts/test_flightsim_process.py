"""The stand-in Flight Service as a process: what survives a crash, start and stop."""

import re
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from devtools.processes import REPOSITORY
from tests.support.processes import FlightSim, start_flightsim

pytestmark = pytest.mark.slow

FLIGHT = b"GET /api/v1/flights/1 HTTP/1.1\r\nHost: x\r\n\r\n"


def take(sim: FlightSim, key: str) -> requests.Response:
    url = f"{sim.url}/api/v1/flights/1/seats"
    headers = {"Idempotency-Key": key}
    return requests.patch(url, json={"seats": 1, "dec": 1}, headers=headers, timeout=5)


def connect(sim: FlightSim) -> socket.socket:
    host, port = sim.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def flightsim(*options: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "flightsim", *options)
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=20)


def test_what_was_answered_survives_a_kill():
    keys = [f"key-{number}" for number in range(400)]
    answered: dict[str, bytes] = {}
    with start_flightsim("--capacity", "1000") as sim, ThreadPoolExecutor(8) as clients:

        def take_until_the_kill(key: str) -> None:
            try:
                answered[key] = take(sim, key).content
            except requests.ConnectionError:
                return
            if len(answered) >= 100:
                sim.kill()

        list(clients.map(take_until_the_kill, keys))
        sim.start()
        taken_before = sim.flight(1)["taken"]
        again = {key: take(sim, key) for key in keys}
        taken = sim.flight(1)["taken"]

    # What was decided but not answered is at most one request of each client.
    assert 100 <= len(answered) <= taken_before <= len(answered) + 8 < 400
    assert {key: again[key].content for key in answered} == answered
    assert taken == 400


def test_a_restart_keeps_refusals_too(tmp_path):
    with start_flightsim("--capacity", "1", store=tmp_path / "sim.sqlite3") as sim:
        take(sim, "one")
        first = take(sim, "two")
    with start_flightsim("--capacity", "1", store=tmp_path / "sim.sqlite3") as sim:
        second = take(sim, "two")

    assert (second.status_code, second.content) == (409, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_store_that_fails_decides_nothing():
    with start_flightsim() as sim:
        with closing(sqlite3.connect(sim.store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            failed = take(sim, "one")
        again = take(sim, "one")

    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "internal_error")
    assert again.json()["data"]["totalSeats"] == 119
    assert "Idempotent-Replayed" not in again.headers


def test_a_port_that_is_taken_is_one_clear_line(tmp_path):
    with start_flightsim() as sim:
        port = sim.url.rpartition(":")[2]

        ended = flightsim("--port", port, "--store", str(tmp_path / "other.sqlite3"))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"flightsim: cannot listen on 127.0.0.1:{port}: the port is taken\n"


def test_a_store_that_is_none_is_one_clear_line(tmp_path):
    store = tmp_path / "notes.txt"
    store.write_text("This is not a database. " * 100)

    ended = flightsim("--port", "0", "--store", str(store))

    assert ended.returncode == 1
    assert ended.stderr == f"flightsim: cannot use the store {store}: file is not a database\n"


@pytest.mark.parametrize(
    "options",
    [
        *(("--rates", "2"), ("--fail-rate", "two"), ("--flights", "0"), ("--capacity", "0")),
        ("--ignore-seat-numbers", "--no-seat-maps"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(options):
    refused = flightsim(*options)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(rf"flightsim: .*{options[0].strip('-')[:4]}.*; --help lists the options\n", refused.stderr)


def test_it_says_where_it_listens_and_in_which_mode(tmp_path):
    command = (sys.executable, "-m", "flightsim", "--port", "0", "--store", str(tmp_path / "s"), "--unkeyed")
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as started:
        line = started.stdout.readline()
        started.terminate()

    assert re.fullmatch(r"flightsim listening on http://127\.0\.0\.1:\d+ \(unkeyed\)\n", line)


def test_it_stops_cleanly_within_a_second_though_clients_wait():
    with start_flightsim("--hang-rate", "1") as sim, connect(sim) as hanging, connect(sim):
        hanging.sendall(FLIGHT)
        started_at = time.monotonic()

        exit_code = sim.stop()

    assert exit_code == 0
    assert time.monotonic() - started_at < 1
