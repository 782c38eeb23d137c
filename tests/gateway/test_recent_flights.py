"""FLIGHT_PRICE_SECONDS: how long a flight is sold as it was seen, by one process, and what ends that."""

import threading
import uuid

import pytest

from bookings.conf import BREAKER_FAILURES_IN_A_ROW, BREAKER_OPEN_SECONDS
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.gateways.flight_service.seen_flights import SeenFlights
from bookings.ports import Flight, FlightsUnreachable, SeatChange, UnknownFlight, UnusableFlight
from tests.support.threads import PATIENCE_SECONDS, in_the_background
from tests.support.wire import HANG_UP, answer

FLIGHT = "/api/v1/flights/7"
SEATS = f"{FLIGHT}/seats"
PRICE_SECONDS = 2


@pytest.fixture
def now(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("bookings.gateways.flight_service.http.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def service(wire):
    wire.add("GET", FLIGHT, json=flight())
    return remembering(wire)


def remembering(wire, seconds=PRICE_SECONDS):
    # The guard has a clock of its own, so that a breaker that opens stays open.
    return HttpFlightService(wire.url, guard=Guard(clock=lambda: 1000.0), price_seconds=seconds)


def flight(price=2000):
    return {"success": True, "data": {"id": 7, "price": price, "totalSeats": 5}}


def failure(code=None):
    return {"success": False, "error": {"code": code} if code else {}}


def recent(service, *, seconds=5):
    shown = service.recent_flight(7, seconds=seconds)
    return shown.price, shown.is_remembered


def take(service):
    return service.change_seats(SeatChange(key=uuid.uuid4(), flight_id=7, seats=2, reserves=True), seconds=5)


def asked(wire):
    return [call.path for call in wire.calls if call.method == "GET"].count(FLIGHT)


# --- how long ---------------------------------------------------------------------------------------------


def test_a_flight_is_sold_as_it_was_seen_for_so_long(wire, service, now):
    wire.add("GET", FLIGHT, json=flight(2500))

    first = recent(service)
    now[0] += PRICE_SECONDS
    within = recent(service)
    now[0] += 0.01
    beyond = recent(service)

    assert (first, within, beyond) == ((2000, False), (2000, True), (2500, False))
    assert asked(wire) == 2


def test_with_zero_each_sale_asks(wire):
    wire.add("GET", FLIGHT, json=flight())
    service = remembering(wire, seconds=0)

    assert [recent(service) for _ in range(3)] == [(2000, False)] * 3
    assert asked(wire) == 3


def test_only_sales_go_by_what_was_seen(wire, service, now):
    recent(service)

    shown = service.get_flight(7, seconds=5)

    assert shown.is_remembered is False
    assert asked(wire) == 2


def test_what_another_question_has_shown_is_sold_too(wire, service, now):
    service.get_flight(7, seconds=5)

    assert recent(service) == (2000, True)
    assert asked(wire) == 1


def test_the_age_begins_when_the_question_is_asked(wire, now):
    def slowly(_asked):
        now[0] += 1.5
        return answer(200, flight())

    wire.say("GET", FLIGHT, slowly)
    service = remembering(wire)
    recent(service)

    now[0] += 0.6

    assert recent(service) == (2000, False)


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_later_one(now):
    flights = SeenFlights(seconds=PRICE_SECONDS)
    flights.keep(Flight(7, 2500, 5), asked_at=1000.0)

    flights.keep(Flight(7, 2000, 5), asked_at=999.9)

    assert flights.recall(7) == Flight(7, 2500, 5)


# --- what ends it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (409, failure("insufficient_seats")),
        (404, failure("flight_not_found")),
        (410, failure()),
        (400, failure("invalid_request")),
        (500, failure()),
        (202, {"success": True, "data": {}}),
    ],
    ids=["no seats", "no flight", "gone", "a mistake", "unknown", "only promised"],
)
def test_after_any_other_answer_than_applied_the_flight_is_asked_for(wire, service, now, status, content):
    wire.add("PATCH", SEATS, status=status, json=content)
    recent(service)
    now[0] += 0.1
    take(service)
    now[0] += 0.1

    assert recent(service) == (2000, False)
    assert recent(service) == (2000, True)


def test_after_seats_that_were_taken_it_is_not(wire, service, now):
    wire.add("PATCH", SEATS, json=flight())
    recent(service)
    take(service)

    assert recent(service) == (2000, True)


def test_after_a_change_that_was_not_sent_the_flight_is_asked_for(wire, service, now):
    recent(service)
    now[0] += 0.1
    service.change_seats(SeatChange(key=uuid.uuid4(), flight_id=7, seats=2, reserves=True), seconds=0)
    now[0] += 0.1

    assert recent(service) == (2000, False)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(404, failure("flight_not_found")), UnknownFlight),
        (answer(200, {"success": True, "data": {"id": 7, "price": "twenty"}}), UnusableFlight),
        (HANG_UP, FlightsUnreachable),
    ],
    ids=["unknown", "unusable", "unreachable"],
)
def test_after_a_question_that_failed_the_flight_is_asked_for(wire, service, now, said, error):
    wire.say("GET", FLIGHT, said)
    recent(service)
    now[0] += 0.1
    with pytest.raises(error):
        service.get_flight(7, seconds=5)
    wire.forget("GET", FLIGHT)
    wire.add("GET", FLIGHT, json=flight(2500))
    now[0] += 0.1

    assert recent(service) == (2500, False)


def test_a_doubted_flight_can_still_be_recalled(wire, service, now):
    wire.add("PATCH", SEATS, status=409, json=failure("insufficient_seats"))
    recent(service)
    take(service)

    assert service.recall_flight(7) == Flight(7, 2000, 5)


def test_a_question_from_before_the_doubt_does_not_end_it(now):
    flights = SeenFlights(seconds=PRICE_SECONDS)
    flights.keep(Flight(7, 2000, 5), asked_at=999.0)
    flights.doubt(7)

    flights.keep(Flight(7, 2000, 5), asked_at=999.5)

    assert flights.show(7, lambda: Flight(7, 2500, 5), seconds=5).price == 2500


def test_a_question_from_before_the_doubt_does_not_end_it_for_a_flight_that_was_never_seen(now):
    flights = SeenFlights(seconds=PRICE_SECONDS)
    flights.doubt(7)

    flights.keep(Flight(7, 2000, 5), asked_at=999.5)

    assert flights.show(7, lambda: Flight(7, 2500, 5), seconds=5).price == 2500


# --- several threads --------------------------------------------------------------------------------------


class Held:
    """A Flight Service that answers when it is told to; `said` is what it answers, one after the other."""

    def __init__(self, wire, *said):
        self.may_answer = threading.Event()
        wire.say("GET", FLIGHT, *[self.later(each) for each in said])

    def later(self, said):
        def wait(_asked):
            assert self.may_answer.wait(PATIENCE_SECONDS)
            return said

        return wait


class Joined(dict):
    """Questions; each thread that joins one releases `joined`."""

    def __init__(self):
        self.joined = threading.Semaphore(0)

    def setdefault(self, flight_id, question):
        under_way = super().setdefault(flight_id, question)
        if under_way is not question:
            self.joined.release()
        return under_way


class Apart(dict):
    """Questions that no thread finds."""

    def setdefault(self, flight_id, question):
        return question


def two_that_want_one_flight(wire, service, held, questions):
    """Let a second thread want the flight while the first one asks for it; give what both got."""
    service._seen._questions = questions
    first = in_the_background(lambda: recent(service))
    wire.await_calls(1)
    second = in_the_background(lambda: recent(service))
    if isinstance(questions, Joined):
        assert questions.joined.acquire(timeout=PATIENCE_SECONDS)
    else:
        wire.await_calls(2)
    held.may_answer.set()
    return first, second


def test_threads_that_want_one_flight_share_a_question(wire):
    service = remembering(wire)
    held = Held(wire, answer(200, flight()), answer(200, flight(2500)))

    first, second = two_that_want_one_flight(wire, service, held, Joined())

    # The second one did not ask by itself: for it the flight is remembered, and refuses nothing.
    assert (first.result(), second.result()) == ((2000, False), (2000, True))
    assert asked(wire) == 1
    assert service._seen._questions == {}


def test_without_the_shared_question_each_asks(wire):
    service = remembering(wire)
    held = Held(wire, answer(200, flight()), answer(200, flight()))

    first, second = two_that_want_one_flight(wire, service, held, Apart())

    assert (first.result(), second.result()) == ((2000, False), (2000, False))
    assert asked(wire) == 2


def test_a_failure_is_shared_by_those_who_wait_for_it_alone(wire):
    service = remembering(wire)
    held = Held(wire, answer(404, failure("flight_not_found")), answer(200, flight()))

    first, second = two_that_want_one_flight(wire, service, held, Joined())

    for each in (first, second):
        with pytest.raises(UnknownFlight):
            each.result()
    assert recent(service) == (2000, False)
    assert asked(wire) == 2


@pytest.mark.parametrize(("long", "rests"), [(0.0, 1), (60.0, 0)], ids=["long", "a moment"])
def test_a_flight_rests_that_many_have_waited_for_in_vain_for_long(wire, monkeypatch, long, rests):
    monkeypatch.setattr("bookings.gateways.flight_service.http.RETRY_NEEDS_SECONDS", long)
    service = remembering(wire)
    held = Held(wire, answer(503, failure()))
    service._seen._questions = questions = Joined()
    askers = [in_the_background(lambda: recent(service)) for _ in range(6)]
    assert all(questions.joined.acquire(timeout=PATIENCE_SECONDS) for _ in askers[1:])
    held.may_answer.set()

    for each in askers:
        with pytest.raises(FlightsUnreachable):
            each.result()
    assert service.health().flights_resting == rests


@pytest.mark.parametrize("of_all", [False, True], ids=["of the flight", "of all"])
def test_no_thread_waits_for_a_probe_of_another_one(wire, of_all):
    now = [1000.0]
    service = HttpFlightService(wire.url, guard=Guard(clock=lambda: now[0]), price_seconds=PRICE_SECONDS)
    for _ in range(BREAKER_FAILURES_IN_A_ROW):
        if of_all:
            service._guard.breaker.end(service._guard.breaker.admit(), healthy=False)
        else:
            service._guard.count_a_wait(7)
    now[0] += 2 * BREAKER_OPEN_SECONDS
    held = Held(wire, answer(200, flight()))
    first = in_the_background(lambda: recent(service))
    wire.await_calls(1)

    second = in_the_background(lambda: recent(service))

    with pytest.raises(FlightsUnreachable):
        second.result(timeout=2)
    held.may_answer.set()
    assert first.result() == (2000, False)


def test_a_question_of_another_thread_is_waited_for_as_long_as_there_is_time(wire):
    service = remembering(wire)
    held = Held(wire, answer(200, flight()))
    first = in_the_background(lambda: recent(service))
    wire.await_calls(1)

    with pytest.raises(FlightsUnreachable):
        service._seen.show(7, lambda: pytest.fail("asked"), seconds=0.01)

    held.may_answer.set()
    assert first.result() == (2000, False)


def test_a_caller_with_little_time_asks_by_itself(wire):
    service = remembering(wire)
    held = Held(wire, answer(200, flight()))
    hasty = in_the_background(lambda: recent(service, seconds=1.9))
    wire.await_calls(1)

    assert service._seen._questions == {}
    held.may_answer.set()
    assert hasty.result() == (2000, False)


def test_a_thread_that_comes_after_a_doubt_does_not_join_a_question_from_before_it(wire):
    service = remembering(wire)
    held = Held(wire, answer(200, flight()), answer(200, flight(2500)))
    wire.add("PATCH", SEATS, status=409, json=failure("insufficient_seats"))
    first = in_the_background(lambda: recent(service))
    wire.await_calls(1)
    take(service)
    second = in_the_background(lambda: recent(service))
    wire.await_calls(3)
    held.may_answer.set()

    assert sorted([first.result(), second.result()]) == [(2000, False), (2500, False)]
    assert service._seen._questions == {}
