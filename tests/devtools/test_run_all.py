"""What `make run` takes from the environment and .env, and what it says about it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from devtools import run_all
from devtools.processes import HOST, REPOSITORY, free_port
from tests.support.http import exchange
from tests.support.processes import start_flightsim
from tests.support.servers import environment

OWN = (
    *("FLIGHT_SERVICE_URL", "DATABASE_URL", "DRAIN_SECONDS", "WEB_HOST", "WEB_WORKERS", "WEB_THREADS", "DEBUG"),
    *("FAULTS", "PAYMENT_GATEWAY", "PAYMENTS"),
)


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    for name in OWN:
        monkeypatch.delenv(name, raising=False)


def said(capsys):
    run_all._say_what_is_used()
    return capsys.readouterr().out


def test_without_settings_it_says_nothing(capsys):
    assert said(capsys) == ""


def test_a_flight_service_that_is_named_is_told(monkeypatch, capsys):
    monkeypatch.setenv("FLIGHT_SERVICE_URL", "http://flights.example.org")

    assert said(capsys) == (
        "FLIGHT_SERVICE_URL=http://flights.example.org is used: no stand-in is started, and no demo bookings are "
        "made there.\n"
    )


def test_a_database_that_is_named_is_told_without_its_password(monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "mysql://bookings:s3cret@db.example.org:3306/bookings")

    assert said(capsys) == "DATABASE_URL is used: db.example.org:3306/bookings\n"


def test_what_is_not_kept_is_told(monkeypatch, capsys):
    monkeypatch.setenv("DRAIN_SECONDS", "9")

    assert said(capsys).startswith("DRAIN_SECONDS is not used: ")


def test_faults_without_a_stand_in_are_told(monkeypatch, capsys):
    monkeypatch.setenv("FLIGHT_SERVICE_URL", "http://flights.example.org")
    monkeypatch.setenv("FAULTS", "--fail-rate 0.1")

    assert said(capsys).endswith("\nFAULTS is not used: they are the stand-in's.\n")


def test_faults_are_options_of_the_stand_in(monkeypatch):
    monkeypatch.setenv("FAULTS", "--drop-reply-rate 0.3 --latency-ms '200'")

    assert run_all._faults() == ["--drop-reply-rate", "0.3", "--latency-ms", "200"]


def test_without_faults_there_are_no_options():
    assert run_all._faults() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "status", "line"),
    [
        ("--no-such 1", 2, "flightsim: unrecognized arguments: --no-such 1; --help lists the options\n"),
        ("--fail-rate 2", 2, "flightsim: Every rate must be from 0 to 1; --help lists the options\n"),
        ("'--fail-rate", 1, "FAULTS cannot be read: No closing quotation\n"),
    ],
)
def test_faults_that_make_no_sense_stop_all_with_one_line(faults, status, line):
    done = subprocess.run(
        [sys.executable, "-m", "devtools.run_all"],
        cwd=REPOSITORY,
        env={**os.environ, "ENV_FILE": "", "FAULTS": faults},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (status, "", line)


@pytest.mark.parametrize(("debug", "gateway"), [("", "demo"), ("true", "demo"), ("off", "instant")])
def test_payments_of_the_demo_are_for_development_alone(monkeypatch, debug, gateway):
    monkeypatch.setenv("DEBUG", debug)

    assert run_all._environment(flights="http://127.0.0.1:1")["PAYMENT_GATEWAY"] == gateway


def test_what_is_set_goes_before_what_it_would_choose(monkeypatch):
    chosen = run_all._environment(flights="http://127.0.0.1:1")
    for name in ("WEB_HOST", "WEB_WORKERS", "WEB_THREADS", "DEBUG", "PAYMENT_GATEWAY"):
        monkeypatch.setenv(name, f"own {name}")

    kept = run_all._environment(flights="http://127.0.0.1:1")

    assert (chosen["WEB_HOST"], chosen["DEBUG"]) == ("127.0.0.1", "true")
    assert {name: kept[name] for name in OWN if name in kept} == {
        "FLIGHT_SERVICE_URL": "http://127.0.0.1:1",
        "PAYMENT_GATEWAY": "own PAYMENT_GATEWAY",
        **{name: f"own {name}" for name in ("WEB_HOST", "WEB_WORKERS", "WEB_THREADS", "DEBUG")},
    }


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("127.0.0.2", "127.0.0.2"),
    ],
)
def test_the_web_is_asked_where_it_can_be_found(host, address):
    assert run_all._address_here(host) == address


@pytest.mark.slow
def test_an_address_that_is_none_is_refused_without_showing_it():
    done = subprocess.run(
        [sys.executable, "-m", "devtools.run_all"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ENV_FILE": "",
            "FLIGHT_SERVICE_URL": "http://me:s3cret@flights",
            "WEB_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("FLIGHT_SERVICE_URL must look like")
    assert "s3cret" not in done.stdout + done.stderr


def test_a_port_that_is_taken_is_named_with_a_command_that_works(monkeypatch):
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as other:
        web, flights = one.getsockname()[1], other.getsockname()[1]
        monkeypatch.setenv("WEB_PORT", str(web))
        monkeypatch.setenv("FLIGHTS_PORT", str(flights))

        with pytest.raises(run_all.CannotRun) as refused:
            run_all._ports({"WEB_PORT": 8000, "FLIGHTS_PORT": 8001})

        found = re.fullmatch(
            f"ports {web} and {flights} are in use or not allowed; try: "
            r"make run WEB_PORT=(\d+) FLIGHTS_PORT=(\d+)",
            str(refused.value),
        )
        assert found, str(refused.value)
        for name, port in zip(("WEB_PORT", "FLIGHTS_PORT"), found.groups(), strict=True):
            monkeypatch.setenv(name, port)
        assert run_all._ports({"WEB_PORT": 8000, "FLIGHTS_PORT": 8001}) == {
            "WEB_PORT": int(found.group(1)),
            "FLIGHTS_PORT": int(found.group(2)),
        }


def test_a_port_that_was_chosen_and_is_free_stays_in_the_command(monkeypatch):
    free = free_port()
    with socket.create_server((HOST, 0)) as taken:
        monkeypatch.setenv("WEB_PORT", str(free))
        monkeypatch.setenv("FLIGHTS_PORT", str(taken.getsockname()[1]))

        with pytest.raises(
            run_all.CannotRun,
            match=rf"^port \d+ is in use or not allowed; try: make run WEB_PORT={free} FLIGHTS_PORT=\d+$",
        ):
            run_all._ports({"WEB_PORT": 8000, "FLIGHTS_PORT": 8001})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8000.0"])
def test_a_port_that_is_none_is_refused(monkeypatch, port):
    monkeypatch.setenv("WEB_PORT", port)

    with pytest.raises(run_all.CannotRun, match=r"^WEB_PORT=.* is not a port number \(1 to 65535\)$"):
        run_all._ports({"WEB_PORT": 8000})


def test_two_servers_cannot_have_one_port(monkeypatch):
    port = free_port()
    monkeypatch.setenv("WEB_PORT", str(port))
    monkeypatch.setenv("FLIGHTS_PORT", str(port))

    with pytest.raises(run_all.CannotRun, match=f"^WEB_PORT and FLIGHTS_PORT are both {port}; choose two ports$"):
        run_all._ports({"WEB_PORT": 8000, "FLIGHTS_PORT": 8001})


@pytest.mark.long
def test_a_flight_service_that_is_named_is_used_and_no_other(tmp_path):
    port = free_port()
    with start_flightsim() as sim:
        running = subprocess.Popen(
            [sys.executable, "-m", "devtools.run_all"],
            cwd=REPOSITORY,
            env=environment(
                FLIGHT_SERVICE_URL=sim.url, DATABASE_URL=f"sqlite:///{tmp_path}/b.sqlite3", WEB_PORT=str(port)
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            lines = []
            while not any("Ctrl-C stops it" in line for line in lines):
                lines.append(running.stdout.readline())
                assert lines[-1], lines
            untouched = sim.flight(1)["taken"]
            body = b'{"flightId": 1, "userId": 1001, "noOfSeats": 2}'
            made = exchange(port, "POST", "/api/v1/bookings", body)
            taken = sim.flight(1)["taken"]
            page = exchange(port, "GET", "/admin/login/")
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(30)
            running.stdout.close()

    assert any(line.startswith(f"FLIGHT_SERVICE_URL={sim.url} is used") for line in lines)
    assert not any("flightsim listening" in line for line in lines)
    steps = ("migrating the database\n", "making log-ins\n", "starting the web server and the worker\n")
    assert [line for line in lines if line in steps] == list(steps)
    assert f"  Flight Service  {sim.url}   (FLIGHT_SERVICE_URL)\n" in lines
    assert (untouched, made.status, taken) == (0, 201, 2)
    assert page.status == 200


@pytest.mark.long
def test_the_printed_lines_hold_and_pay_and_what_fails_on_purpose_stops_nothing(tmp_path):
    web_port, flights_port = free_port(), free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", "devtools.run_all"],
        cwd=REPOSITORY,
        env=environment(
            DATABASE_URL=f"sqlite:///{tmp_path}/b.sqlite3",
            WEB_PORT=str(web_port),
            FLIGHTS_PORT=str(flights_port),
            FAULTS=f"--flights 13 --store {tmp_path}/flights.sqlite3",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = []
        while not any("Ctrl-C stops it" in line for line in lines):
            lines.append(running.stdout.readline())
            assert lines[-1], lines
        start = next(number for number, line in enumerate(lines) if line.startswith("API="))
        shell = "".join(lines[start : start + 3])
        heard = [subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=30) for _ in range(2)]
        failing = [
            exchange(web_port, "POST", "/api/v1/bookings", b'{"flightId": %d, "userId": 7, "noOfSeats": 1}' % flight)
            for flight in (90503, 90504) * 6
        ]
        sold = exchange(web_port, "POST", "/api/v1/bookings", b'{"flightId": 13, "userId": 1001, "noOfSeats": 2}')
        ready = exchange(web_port, "GET", "/health/ready")
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)
        running.stdout.close()

    held, paid = (json.loads(line) for line in (heard[0].stderr, heard[0].stdout))
    assert (held["data"]["status"], paid["data"]["status"]) == ("initiated", "booked")
    assert (heard[1].stderr, heard[1].stdout) == (heard[0].stderr, heard[0].stdout)
    assert {answer.status for answer in failing} == {503}
    assert (sold.status, ready.status) == (201, 200)
