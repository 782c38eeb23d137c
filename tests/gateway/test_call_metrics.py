"""What is counted of calls to the Flight Service."""

import uuid

import pytest
import requests

from bookings.gateways.flights import HttpFlightService
from bookings.gateways.guard import Guard
from bookings.metrics import REGISTRY
from bookings.ports import SeatChange

URL = "http://flights.test"
SEATS = f"{URL}/api/v1/flights/7/seats"

APPLIED = {"success": True, "data": {"id": 7}}


@pytest.fixture
def service():
    return HttpFlightService(URL, guard=Guard(clock=lambda: 1000.0))


def take(service):
    return service.change_seats(SeatChange(key=uuid.uuid4(), flight_id=7, seats=2, take=True), seconds=5)


def number(name, **labels):
    return REGISTRY.get_sample_value(f"bookings_flight_service_{name}", labels) or 0


def test_calls_are_counted_and_timed_by_how_they_ended(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)
    counted, timed = number("calls_total", outcome="done"), number("call_duration_seconds_count", outcome="done")

    take(service)

    assert number("calls_total", outcome="done") == counted + 1
    assert number("call_duration_seconds_count", outcome="done") == timed + 1


def test_a_breaker_that_opens_is_seen_and_what_it_keeps_back_is_counted_and_not_timed(wire, service):
    wire.add("PATCH", SEATS, body=requests.ReadTimeout())
    counted, timed = number("calls_total", outcome="open"), number("call_duration_seconds_count", outcome="open")

    for _ in range(6):
        take(service)

    assert number("breaker_state") == 2
    assert number("calls_total", outcome="open") == counted + 1
    assert number("call_duration_seconds_count", outcome="open") == timed == 0


def test_repetitions_that_are_left_are_seen(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)
    for _ in range(3):
        service.spend_repetition()

    take(service)

    assert number("retry_budget") == 7.1


def test_calls_under_way_are_seen_and_none_is_left_over(wire, service):
    seen = []

    def answer(_request):
        seen.append(number("calls_in_flight"))
        raise requests.ReadTimeout

    wire.add_callback("PATCH", SEATS, callback=answer)

    take(service)

    assert (seen, number("calls_in_flight")) == ([1], 0)


def test_a_service_knows_how_long_ago_it_was_answered(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)

    before, _, after = service.health().answered_ago, take(service), service.health().answered_ago

    assert (before, after) == (float("inf"), 0)
