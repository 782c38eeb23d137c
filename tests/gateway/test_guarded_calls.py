"""The guard before the gateway: what counts as a failure of the Flight Service, and what is not sent any more."""

import uuid

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.ports import FlightsUnreachable, NotSent, SeatChange, Unknown, UnusableFlight
from devtools.processes import HOST, free_port
from tests.support.wire import HANG_UP, STAY_SILENT

# Of the failures about one flight two count: three flights are as few as open the breaker of all.
FLIGHTS = (7, 8, 9)
FLIGHT = "/api/v1/flights/7"


@pytest.fixture
def guard():
    return Guard(clock=lambda: 1000.0)


@pytest.fixture
def service(wire, guard):
    return HttpFlightService(wire.url, guard=guard)


def seats(flight_id):
    return f"/api/v1/flights/{flight_id}/seats"


def a_take(flight_id=7):
    return SeatChange(key=uuid.uuid4(), flight_id=flight_id, seats=2, reserves=True)


def failure(code=None):
    return {"success": False, "error": {"code": code} if code else {}}


def answer_all(wire, **answer):
    for flight_id in FLIGHTS:
        if "say" in answer:
            wire.say("PATCH", seats(flight_id), answer["say"])
        else:
            wire.add("PATCH", seats(flight_id), **answer)


def state_after_five(wire, service, *, seconds=5, **answer):
    """Five calls in a row, about three flights."""
    answer_all(wire, **answer)
    for number in range(5):
        service.change_seats(a_take(FLIGHTS[number % 3]), seconds=seconds)
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


def test_a_connection_that_breaks_is_a_failure(wire, service):
    assert state_after_five(wire, service, say=HANG_UP) == "open"


def test_a_connection_that_is_not_made_is_a_failure_whatever_it_is_about(guard):
    service = HttpFlightService(f"http://{HOST}:{free_port()}", guard=guard)

    for _ in range(5):
        assert isinstance(service.change_seats(a_take(), seconds=5), NotSent)

    assert service.health().breaker == "open"


@pytest.mark.parametrize(("seconds", "state"), [(1.4, "closed"), (1.5, "open")])
def test_a_time_out_counts_only_if_there_was_time_for_an_answer(wire, service, seconds, state, monkeypatch):
    service._change_seconds = 0.05  # as if the two seconds were over

    assert state_after_five(wire, service, seconds=seconds, say=STAY_SILENT) == state


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


def test_a_call_that_ends_by_an_exception_leaves_its_place_and_has_failed(service, guard, monkeypatch):
    def mistake(*_, **__):
        raise RuntimeError("a mistake in this program")

    monkeypatch.setattr(service._http, "send", mistake)

    for number in range(5):
        with pytest.raises(RuntimeError):
            service.change_seats(a_take(FLIGHTS[number % 3]), seconds=5)

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
    answer_all(wire, say=HANG_UP)

    outcomes = [service.change_seats(a_take(FLIGHTS[number % 3]), seconds=5) for number in range(6)]

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 5 + [NotSent]


# --- what is about one flight ---------------------------------------------------------------------------


def show(wire, flight_id, **fields):
    content = {"id": flight_id, "price": 2000, "totalSeats": 5, **fields}
    wire.add("GET", f"/api/v1/flights/{flight_id}", json={"success": True, "data": content})


@pytest.mark.parametrize("fields", [{"price": "2000"}, {"id": 8}, {"price": 0.5}, {"price": -1}, {"totalSeats": None}])
def test_a_flight_that_cannot_be_sold_comes_from_a_service_that_works(wire, service, fields):
    show(wire, 7, **fields)
    show(wire, 9)

    for _ in range(30):
        with pytest.raises(UnusableFlight):
            service.get_flight(7, seconds=5)

    assert service.health().breaker == "closed"
    assert service.health().calls["unusable"] == 30
    assert service.get_flight(9, seconds=5).price == 2000


BROKEN = {
    "500": {"status": 500, "json": failure()},
    "garbage": {"body": b"<html></html>"},
    "another flight's answer": {"json": {"success": True, "data": {"id": 8}}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_flight_that_always_fails_stops_no_other(wire, service, name):
    wire.add("PATCH", seats(7), **BROKEN[name])
    wire.add("PATCH", seats(8), json={"success": True, "data": {"id": 8}})

    for _ in range(30):
        service.change_seats(a_take(7), seconds=5)

    assert service.is_available() is True
    assert type(service.change_seats(a_take(8), seconds=5)).__name__ == "Applied"
    assert service.health().breaker == "closed"


def test_a_flight_that_failed_five_times_rests_alone_and_is_asked_again(wire):
    now = [1000.0]
    service = HttpFlightService(wire.url, guard=Guard(clock=lambda: now[0]))
    wire.add("PATCH", seats(7), status=500, json=failure())
    for _ in range(9):
        service.change_seats(a_take(7), seconds=5)
    asked, resting = len(wire.calls), service.health().flights_resting

    now[0] += 10
    wire.forget("PATCH", seats(7))
    wire.add("PATCH", seats(7), json={"success": True, "data": {"id": 7}})
    outcomes = [type(service.change_seats(a_take(7), seconds=5)).__name__ for _ in range(2)]

    assert (asked, resting) == (5, 1)
    assert outcomes == ["Applied", "Applied"]
    assert service.health().flights_resting == 0


def test_two_flights_that_always_fail_stop_no_other_either(wire, service):
    for flight_id in (7, 8):
        wire.add("GET", f"/api/v1/flights/{flight_id}", status=500, json=failure())
    show(wire, 9)

    for flight_id in (7, 8) * 20:
        with pytest.raises(FlightsUnreachable):
            service.get_flight(flight_id, seconds=5)

    assert service.get_flight(9, seconds=5).price == 2000


def test_a_flight_that_fails_most_of_the_calls_stops_no_other(wire, service):
    """Half of the last twenty calls have failed, and the breaker stays closed: they were all about one flight."""
    wire.add("PATCH", seats(7), status=500, json=failure())
    wire.add("PATCH", seats(8), json={"success": True, "data": {"id": 8}})

    for flight_id in (7, 7, 8) * 3 + (8,) * 3:
        service.change_seats(a_take(flight_id), seconds=5)

    assert service.health().breaker == "closed"


def test_as_many_failing_flights_as_anybody_may_try_take_no_more_memory(service, guard, wire):
    for flight_id in range(1, 1102):
        leave = guard.flights.admit(flight_id)
        guard.flights.end(leave, healthy=False)

    assert len(guard.flights._failing) == 1000


@pytest.mark.parametrize(
    "answer",
    [{"status": 500, "json": failure()}, {"body": b"<html>"}, {"status": 401, "json": failure()}],
    ids=["500", "garbage", "401"],
)
def test_a_probe_never_opens_a_breaker(wire, service, answer):
    wire.add("GET", "/api/v1/flights/1", **answer)

    assert [service.answers(seconds=5) for _ in range(10)] == [False] * 10
    assert service.health().breaker == "closed"
    assert (service.health().flights_resting, sum(service.health().calls.values())) == (0, 0)


def test_a_probe_never_closes_a_breaker_nor_is_kept_back_by_it(wire, guard):
    now = [1000.0]
    service = HttpFlightService(wire.url, guard=Guard(clock=lambda: now[0]))
    state_after_five(wire, service, status=500, json=failure())
    show(wire, 1)
    now[0] += 10

    assert [service.answers(seconds=5) for _ in range(5)] == [True] * 5
    assert service.health().breaker == "half_open"
    assert service.health().repetitions_left == 10


@pytest.mark.parametrize(
    ("status", "content", "answers"),
    [
        (200, {"success": True, "data": {"id": 1, "price": "2000"}}, True),
        (404, failure(), True),
        (410, {}, True),
        (404, {"detail": "no route"}, True),
        (503, failure(), False),
    ],
)
def test_a_probe_asks_whether_anybody_answers_and_not_for_a_flight(wire, service, status, content, answers):
    wire.add("GET", "/api/v1/flights/1", status=status, json=content)

    assert service.answers(seconds=5) is answers


def test_a_probe_without_time_asks_nobody(wire, service):
    assert service.answers(seconds=0) is False
    assert wire.calls == []


# --- the twins: with the guard removed, the fault is back -----------------------------------------------


def test_without_a_limit_for_each_flight_one_flight_stops_all(wire, service, monkeypatch):
    monkeypatch.setattr("bookings.gateways.resilience.breaker.BREAKER_FAILURES_PER_FLIGHT", 1_000)
    wire.add("PATCH", seats(7), **BROKEN["500"])

    for _ in range(5):
        service.change_seats(a_take(7), seconds=5)

    assert service.health().breaker == "open"
    assert service.change_seats(a_take(8), seconds=5) == NotSent("circuit breaker open")


def test_if_an_unusable_flight_spoke_against_the_service_three_of_them_would_stop_all(wire, service, monkeypatch):
    monkeypatch.setattr("bookings.gateways.flight_service.http.is_healthy", lambda *_, **__: False)
    for flight_id in FLIGHTS:
        show(wire, flight_id, price="2000")

    for number in range(5):
        with pytest.raises(UnusableFlight):
            service.get_flight(FLIGHTS[number % 3], seconds=5)

    assert service.health().breaker == "open"
