"""The guard before the gateway: what counts as a failure of the Flight Service, and what is not sent any more."""

import uuid

import pytest
import requests

from bookings.gateways.flights import HttpFlightService
from bookings.gateways.guard import Guard
from bookings.ports import FlightsUnreachable, NotSent, SeatChange, Unknown

URL = "http://flights.test"
SEATS = f"{URL}/api/v1/flights/7/seats"
FLIGHT = f"{URL}/api/v1/flights/7"


@pytest.fixture
def guard():
    return Guard(clock=lambda: 1000.0)


@pytest.fixture
def service(guard):
    return HttpFlightService(URL, guard=guard)


def a_take():
    return SeatChange(key=uuid.uuid4(), flight_id=7, seats=2, take=True)


def failure(code=None):
    return {"success": False, "error": {"code": code} if code else {}}


def state_after_five(wire, service, *, seconds=5, **answer):
    wire.add("PATCH", SEATS, **answer)
    for _ in range(5):
        service.change_seats(a_take(), seconds=seconds)
    return service.health().breaker


@pytest.mark.parametrize("status", [400, 404, 408, 409, 410, 422, 425])
def test_a_4xx_comes_from_a_service_that_works(wire, service, status):
    assert state_after_five(wire, service, status=status, json=failure()) == "closed"
    assert service.health().repetitions_left == 10


def test_a_refusal_is_a_success(wire, service):
    service.spend_repetition()

    state = state_after_five(wire, service, status=409, json=failure("insufficient_seats"))

    assert (state, service.health().repetitions_left) == ("closed", 9.5)


@pytest.mark.parametrize("status", [401, 403, 429, 301, 500, 502, 503, 504])
def test_who_turns_everybody_away_fails(wire, service, status):
    assert state_after_five(wire, service, status=status, json=failure()) == "open"


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [b"<html></html>", b"[]", b"x" * 70_000], ids=["html", "list", "large"])
def test_an_answer_that_cannot_be_read_is_a_failure(wire, service, status, body):
    assert state_after_five(wire, service, status=status, body=body) == "open"


def test_a_success_that_does_not_say_so_is_a_failure(wire, service):
    assert state_after_five(wire, service, status=200, json={"data": {}}) == "open"


@pytest.mark.parametrize("error", [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError()])
def test_a_connection_that_fails_is_a_failure(wire, service, error):
    assert state_after_five(wire, service, body=error) == "open"


@pytest.mark.parametrize(("seconds", "state"), [(1.4, "closed"), (1.5, "open")])
def test_a_time_out_counts_only_if_there_was_time_for_an_answer(wire, service, seconds, state):
    assert state_after_five(wire, service, seconds=seconds, body=requests.ReadTimeout()) == state


def test_a_flight_with_strange_numbers_is_a_failure(wire, service):
    wire.add("GET", FLIGHT, json={"success": True, "data": {"id": 7, "price": "2000", "totalSeats": 5}})

    for _ in range(3):
        with pytest.raises(FlightsUnreachable):
            service.get_flight(7, seconds=5)

    assert service.health().breaker == "open"
    assert len(wire.calls) == 5


def test_without_time_left_nothing_is_counted(service):
    service.change_seats(a_take(), seconds=0)

    assert sum(service.health().calls.values()) == 0


def test_while_it_is_open_no_byte_is_sent(wire, service):
    state_after_five(wire, service, status=500, json=failure())

    outcome = service.change_seats(a_take(), seconds=5)
    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)

    assert outcome == NotSent("circuit breaker open")
    assert len(wire.calls) == 5
    assert service.health().calls["open"] == 2


def test_a_33rd_call_at_once_is_not_sent_and_says_nothing_about_the_peer(wire, service, guard):
    for _ in range(32):
        guard.bulkhead.enter()

    outcomes = {service.change_seats(a_take(), seconds=5) for _ in range(20)}

    assert outcomes == {NotSent("too many calls at once")}
    assert service.is_available() is False
    assert (service.health().breaker, service.health().calls["full"]) == ("closed", 20)
    assert len(wire.calls) == 0
    guard.bulkhead.leave()
    assert service.is_available() is True


def test_a_call_that_ends_by_an_exception_leaves_its_place_and_has_failed(wire, service, guard):
    wire.add("PATCH", SEATS, body=RuntimeError("a mistake in this program"))

    for _ in range(5):
        with pytest.raises(RuntimeError):
            service.change_seats(a_take(), seconds=5)

    assert guard.bulkhead.inside() == 0
    assert service.health().calls["unknown"] == 5
    assert service.health().breaker == "open"


def test_a_get_is_not_repeated_when_no_repetition_is_left(wire, service):
    wire.add("GET", FLIGHT, status=500, json=failure())
    while service.spend_repetition():
        pass

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)

    assert len(wire.calls) == 1


def test_who_has_little_time_does_not_repeat_and_uses_up_nothing(wire, service):
    wire.add("GET", FLIGHT, status=500, json=failure())

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=1.4)

    assert len(wire.calls) == 1
    assert service.health().repetitions_left == 10


def test_a_repetition_is_paid_for(wire, service):
    wire.add("GET", FLIGHT, status=500, json=failure())

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)

    assert service.health().repetitions_left == 9


def test_a_lost_answer_stays_unknown_however_the_breaker_stands(wire, service):
    wire.add("PATCH", SEATS, body=requests.ReadTimeout())

    outcomes = [service.change_seats(a_take(), seconds=5) for _ in range(6)]

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 5 + [NotSent]
