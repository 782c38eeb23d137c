"""A real Flight Service without keys, and gateways to it, whoever else changes its counter."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from bookings import wiring
from bookings.gateways.flight_service.unkeyed import flights
from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.gateways.http_exchange import HttpExchange, Question
from tests.support.api import Api
from tests.support.processes import FlightSim, start_flightsim
from tests.support.unkeyed import an_unkeyed_gateway

CAPACITY = 1_000


@pytest.fixture(scope="package")
def running_sim() -> Iterator[FlightSim]:
    with start_flightsim("--unkeyed", "--flights", "16", "--freeze-seconds", "1") as sim:
        yield sim


@pytest.fixture
def sim(running_sim: FlightSim) -> FlightSim:
    """A Flight Service without keys that freezes at five changes at once, full of seats and without faults."""
    running_sim.faults()
    running_sim.reset(capacity=CAPACITY)
    return running_sim


@pytest.fixture(autouse=True)
def no_keys(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting of a Flight Service without keys; and nothing is sent inside a transaction."""
    settings.FLIGHT_SERVICE_KEYED = False
    send = HttpExchange.send

    def send_outside_of_transactions(exchange: HttpExchange, question: Question, **options: Any) -> Any:
        assert not connection.in_atomic_block, f"{question.method} {question.url} inside a transaction"
        return send(exchange, question, **options)

    monkeypatch.setattr(HttpExchange, "send", send_outside_of_transactions)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a flight; what is not free at once is busy."""
    monkeypatch.setattr(flights, "GATE_WAIT_SECONDS", 0.0)


def _in_place(sim: FlightSim, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> UnkeyedFlights:
    gateway = an_unkeyed_gateway(sim.url, counter)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    return gateway


@pytest.fixture
def exclusive(sim: FlightSim, settings: Any, monkeypatch: pytest.MonkeyPatch) -> UnkeyedFlights:
    """The gateway where nobody else changes the counter."""
    settings.FLIGHT_SERVICE_COUNTER = "exclusive"
    return _in_place(sim, Counter.EXCLUSIVE, monkeypatch)


@pytest.fixture
def shared(sim: FlightSim, monkeypatch: pytest.MonkeyPatch) -> UnkeyedFlights:
    """The gateway where others change the counter too."""
    return _in_place(sim, Counter.SHARED, monkeypatch)


@pytest.fixture
def api(transactional_db: None) -> Api:
    return Api()


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[dict[str, Any]]]:
    """Give the flight and the seats of each error of a name."""

    def lines(event: str) -> list[dict[str, Any]]:
        said = [record.msg for record in caplog.records if record.levelname == "ERROR"]
        return [
            {name: line[name] for name in ("flight", "seats")}
            for line in said
            if isinstance(line, dict) and line["event"] == event
        ]

    return lines
