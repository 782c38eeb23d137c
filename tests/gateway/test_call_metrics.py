"""What is counted of calls to the Flight Service."""

import threading
import time
import uuid

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.observability import metrics
from bookings.observability.metrics import REGISTRY, UNUSABLE_FLIGHT
from bookings.ports import SeatChange, UnknownFlight, UnusableFlight
from tests.support.threads import PATIENCE_SECONDS
from tests.support.wire import HANG_UP, answer

pytestmark = pytest.mark.slow

SEATS = "/api/v1/flights/7/seats"

APPLIED = {"success": True, "data": {"id": 7}}


@pytest.fixture
def service(wire):
    return HttpFlightService(wire.url, guard=Guard(clock=lambda: 1000.0))


def take(service, flight_id=7):
    return service.change_seats(SeatChange(key=uuid.uuid4(), flight_id=flight_id, seats=2, reserves=True), seconds=5)


def number(name, **labels):
    return REGISTRY.get_sample_value(f"bookings_flight_service_{name}", labels) or 0


def test_calls_are_counted_and_timed_by_how_they_ended(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)
    counted, timed = number("calls_total", outcome="done"), number("call_duration_seconds_count", outcome="done")

    take(service)

    assert number("calls_total", outcome="done") == counted + 1
    assert number("call_duration_seconds_count", outcome="done") == timed + 1


def test_a_breaker_that_opens_is_seen_and_what_it_keeps_back_is_counted_and_not_timed(wire, service):
    for flight_id in (7, 8, 9):
        wire.say("PATCH", f"/api/v1/flights/{flight_id}/seats", HANG_UP)
    counted, timed = number("calls_total", outcome="open"), number("call_duration_seconds_count", outcome="open")

    for flight_id in (7, 8, 9, 7, 8, 9):
        take(service, flight_id)

    assert number("breaker_state") == 2
    assert number("calls_total", outcome="open") == counted + 1
    assert number("call_duration_seconds_count", outcome="open") == timed == 0


def test_a_breaker_that_opens_while_another_thread_shows_it_closed_is_seen_open(wire):
    guard, opened, patch = Guard(clock=lambda: 1000.0), threading.Event(), pytest.MonkeyPatch()
    service, show_closed = HttpFlightService(wire.url, guard=guard), metrics.BREAKER_STATE.set

    def open_meanwhile(level):
        patch.undo()
        threading.Thread(target=open_it).start()
        opened.wait(0.5)  # not for longer: it may wait for this thread
        show_closed(level)

    def open_it():
        for flight_id in (7, 8, 9, 7, 8, 9):
            take(service, flight_id)
        opened.set()

    for flight_id in (7, 8, 9):
        wire.say("PATCH", f"/api/v1/flights/{flight_id}/seats", HANG_UP)
    patch.setattr(metrics.BREAKER_STATE, "set", open_meanwhile)
    service.spend_repetition()
    guard.count_a_wait(1)

    assert opened.wait(PATIENCE_SECONDS)
    assert number("breaker_state") == 2


def test_repetitions_that_are_left_are_seen(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)
    for _ in range(3):
        service.spend_repetition()

    take(service)

    assert number("retry_budget") == 7.1


def test_calls_under_way_are_seen_and_none_is_left_over(wire, service):
    seen = []

    def hang_up(_asked):
        seen.append(number("calls_in_flight"))
        return HANG_UP

    wire.say("PATCH", SEATS, hang_up)

    take(service)

    assert (seen, number("calls_in_flight")) == ([1], 0)


def test_a_service_knows_how_long_ago_it_was_answered(wire, service):
    wire.add("PATCH", SEATS, json=APPLIED)

    before, _, after = service.health().answered_ago, take(service), service.health().answered_ago

    assert (before, after) == (float("inf"), 0)


# --- flights that cannot be sold ------------------------------------------------------------------------


def named():
    """The flights that the gauges name now, and when each was seen."""
    places = [{"place": str(place)} for place in range(20)]
    found = [
        (
            REGISTRY.get_sample_value("bookings_unusable_flight", place),
            REGISTRY.get_sample_value("bookings_unusable_flight_seen_timestamp_seconds", place),
        )
        for place in places
    ]
    return {int(flight): seen for flight, seen in found if flight}


def show(wire, flight_id, **fields):
    content = {"id": flight_id, "price": 2000, "totalSeats": 5, **fields}
    wire.forget("GET", f"/api/v1/flights/{flight_id}")
    wire.add("GET", f"/api/v1/flights/{flight_id}", json={"success": True, "data": content})


@pytest.fixture
def no_flight_named():
    for place in range(10):
        UNUSABLE_FLIGHT.labels(place).set(0)


def test_a_flight_that_cannot_be_sold_is_named_until_it_can(wire, service, no_flight_named):
    show(wire, 2**40, price="20")
    began = time.time()
    with pytest.raises(UnusableFlight):
        service.get_flight(2**40, seconds=5)
    during = named()

    show(wire, 2**40)
    service.get_flight(2**40, seconds=5)

    assert list(during) == [2**40]
    assert began - 1 <= during[2**40] <= time.time() + 1
    assert named() == {}


def test_a_flight_that_is_gone_is_named_no_more(wire, service, no_flight_named):
    show(wire, 7, price=None)
    with pytest.raises(UnusableFlight):
        service.get_flight(7, seconds=5)

    wire.forget("GET", "/api/v1/flights/7")
    wire.say("GET", "/api/v1/flights/7", answer(410, {}))
    with pytest.raises(UnknownFlight):
        service.get_flight(7, seconds=5)

    assert named() == {}


def test_of_many_flights_that_cannot_be_sold_the_last_ten_are_named(wire, service, no_flight_named):
    for flight_id in (*range(1, 15), 6):
        show(wire, flight_id, price=1.5)
        with pytest.raises(UnusableFlight):
            service.get_flight(flight_id, seconds=5)

    assert sorted(named()) == list(range(5, 15))
