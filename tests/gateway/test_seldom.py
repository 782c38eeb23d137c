"""What seldom happens between the service and other systems."""

import os
import time
import uuid
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import TemporarilyUnavailable
from bookings.gateways import bounded_redis, http_exchange
from bookings.gateways.bounded_redis import LARGEST_ANSWER_BYTES, _BoundedSocket, within
from bookings.gateways.flight_service import seen_flights
from bookings.gateways.flight_service.resilience.guard import CallRefused, Guard
from bookings.gateways.flight_service.seen_flights import SeenFlights
from bookings.gateways.flight_service.unkeyed import flights as unkeyed_flights
from bookings.gateways.flight_service.unkeyed import gates
from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.gateways.flight_service.unusable_flights import UnusableFlights
from bookings.gateways.user_service.signing_keys import LARGEST_SET_BYTES, InvalidKeySet, parse_key_set
from bookings.models import FlightGate
from bookings.ports import Applied, Flight, Mistake, NoFlight, NoSeats, NotSent, SeatChange, Unknown
from tests.support.fakes import FakeFlights


class TheOtherIsFirst(nullcontext):
    """A lock that another thread has had in between, and what that did."""

    def __init__(self, did):
        super().__init__()
        self.did = did

    def __enter__(self):
        self.did()


# --- HTTP and Redis --------------------------------------------------------------------------------------


@pytest.fixture
def a_socket():
    return SimpleNamespace(gettimeout=lambda: 1.0, settimeout=lambda _seconds: None, recv=lambda size: b"x" * size)


def test_an_answer_of_redis_that_is_too_large_is_not_read_to_its_end(a_socket):
    bounded = _BoundedSocket(a_socket)

    with within(5):
        assert len(bounded.recv(LARGEST_ANSWER_BYTES)) == LARGEST_ANSWER_BYTES
        with pytest.raises(OSError, match="answer too large"):
            bounded.recv(1)


def test_without_time_left_redis_is_not_listened_to(a_socket):
    with within(0), pytest.raises(TimeoutError):
        _BoundedSocket(a_socket).recv(1)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_whatever_leads_to_redis_is_bounded(monkeypatch, a_socket, scheme):
    kind = bounded_redis.CONNECTIONS[scheme]
    monkeypatch.setattr(kind.__mro__[1], "_connect", lambda _self: a_socket)

    assert isinstance(kind()._connect(), _BoundedSocket)


def test_a_fork_uses_no_connection_of_its_parent(monkeypatch):
    mine = http_exchange._Mine()
    of_the_parent = mine.handle(keep=True)
    pid = os.getpid()
    monkeypatch.setattr(http_exchange.os, "getpid", lambda: pid + 1)

    assert mine.handle(keep=True) is not of_the_parent


def test_a_connection_that_is_not_there_can_be_ended():
    mine = http_exchange._Mine()
    mine.drop(keep=True)

    assert mine._handles == {}


def test_a_header_without_a_colon_says_nothing():
    reading = http_exchange._Reading(1000, head_only=False)
    reading.may_be_sent()

    assert reading.take_line(b"HTTP/1.1 200 OK\r\n") == 17
    assert reading.take_line(b"nonsense\r\n") == 10
    assert reading._headers == {}


def test_a_key_set_that_is_too_large_is_not_read():
    with pytest.raises(InvalidKeySet, match="larger than 64 KiB"):
        parse_key_set(b" " * (LARGEST_SET_BYTES + 1))


# --- the Flight Service ----------------------------------------------------------------------------------


def test_of_many_flights_the_last_ones_are_recalled(monkeypatch):
    monkeypatch.setattr(seen_flights, "RECALL_FLIGHTS", 2)
    flights = SeenFlights(seconds=2)

    for number in (1, 2, 3):
        flights.keep(Flight(number, 2000, 10), asked_at=time.monotonic())

    assert [flights.recall(number) is not None for number in (1, 2, 3)] == [False, True, True]


def test_a_doubt_does_not_end_where_many_flights_are_doubted(monkeypatch):
    monkeypatch.setattr(seen_flights, "RECALL_FLIGHTS", 2)
    flights = SeenFlights(seconds=2)
    flights.keep(Flight(1, 2000, 10), asked_at=time.monotonic())
    for number in (1, 2, 3):
        flights.doubt(number)
    flights.keep(Flight(4, 2000, 10), asked_at=time.monotonic())

    shown = [flights.show(number, lambda: Flight(1, 2500, 10), seconds=5).price for number in (1, 4)]

    assert shown == [2500, 2000]


def test_an_open_breaker_refuses_what_is_about_no_flight(monkeypatch):
    guard = Guard()
    monkeypatch.setattr(guard.breaker, "admit", lambda: None)

    with pytest.raises(CallRefused, match="circuit breaker open"), guard._admitted(None):
        pass


def test_a_flight_that_two_threads_forget_is_forgotten_once():
    flights = UnusableFlights()
    flights._places = {7: 1}
    flights._lock = TheOtherIsFirst(flights._places.clear)

    flights.forget(7)

    assert flights._places == {}


# --- a Flight Service without keys -----------------------------------------------------------------------


@pytest.fixture
def service():
    return FakeFlights()


@pytest.fixture
def unkeyed(db, service):
    return UnkeyedFlights(service, counter=Counter.SHARED, settle=timedelta(seconds=15), at_once=4)


def a_change(*, reserves=True):
    return SeatChange(key=uuid.uuid4(), flight_id=1, seats=2, reserves=reserves)


def test_what_is_no_change_is_asked_of_the_service_itself(unkeyed, service):
    assert unkeyed.get_flight(1, seconds=1) == service.get_flight(1, seconds=1)
    service.remembers = True
    assert unkeyed.recent_flight(1, seconds=1).is_remembered is False
    assert unkeyed.recall_flight(1) == service.recall_flight(1)
    assert unkeyed.answers(seconds=1) is True
    assert unkeyed.is_available() is True
    assert unkeyed.health() == service.health()
    assert unkeyed.spend_repetition() is True


def test_while_the_counter_cannot_be_read_nothing_is_sent(unkeyed, service):
    service.shows_flights = False

    assert unkeyed.change_seats(a_change(), seconds=5) == NotSent("the counter cannot be read")
    assert service.taken(1) == 0
    assert FlightGate.objects.get().lease is None


def test_without_time_for_an_answer_nothing_is_sent(unkeyed, service):
    assert unkeyed.change_seats(a_change(), seconds=1) == NotSent("no time for an answer")
    assert service.taken(1) == 0


def test_after_a_pause_before_the_sending_nothing_is_sent(unkeyed, service, monkeypatch):
    deadline = SimpleNamespace(left=lambda: 5.0)
    monkeypatch.setattr(unkeyed_flights, "Deadline", lambda _seconds: deadline)

    def begin_and_pause(*change, **given):
        begun = gates.begin_sending(*change, **given)
        deadline.left = lambda: 0.5
        return begun

    monkeypatch.setattr(unkeyed_flights, "begin_sending", begin_and_pause)

    assert unkeyed.change_seats(a_change(), seconds=5) == NotSent("paused before it was sent")
    assert service.taken(1) == 0


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(Applied(), Applied()), (NotSent("refused"), NotSent("refused")), (NoFlight(), Unknown("overtaken"))],
)
def test_who_has_lost_the_gate_tells_only_what_proves_what_was_sent(unkeyed, monkeypatch, caplog, outcome, told):
    monkeypatch.setattr(unkeyed_flights, "end_sending", lambda *_change, **_given: False)

    found = unkeyed._end(a_change(), outcome, lease=uuid.uuid4(), remaining=5)

    assert found == told
    assert "flights.answer_too_late" in caplog.text


def test_a_look_back_that_gets_no_answer_changes_nothing(unkeyed, service):
    service.shows_flights = False

    assert unkeyed._look_back(1, Deadline(1)) is None


@pytest.fixture
def gate(db):
    gates.make_lockable(1, slots=4)
    return FlightGate.objects.get(pk=1)


def claim(lease):
    return gates.claim_gate(a_change(), lease=lease, settle=timedelta(seconds=15), is_exclusive=True)


def begin(lease):
    return gates.begin_sending(a_change(), lease=lease, known_remaining=9, slots=4, is_exclusive=True)


def test_a_gate_that_many_wait_for_is_not_waited_for(gate, monkeypatch):
    def no_place(name):
        raise TemporarilyUnavailable

    monkeypatch.setattr(gates.lines, "place_for", no_place)

    assert claim(uuid.uuid4()) == gates.NotOurTurn("others wait for the gate without success")


def test_a_change_whose_lease_ends_soon_is_not_sent(gate):
    lease = uuid.uuid4()
    claim(lease)
    FlightGate.objects.update(leased_until=database_time() + timedelta(seconds=1))

    assert begin(lease) == NotSent("too late to send")


def test_a_change_is_not_sent_while_the_clock_is_in_doubt(gate, monkeypatch):
    lease = uuid.uuid4()
    claim(lease)
    monkeypatch.setattr(gates, "clock_is_proven", lambda: False)

    assert begin(lease) == NotSent(gates.CLOCK_IN_DOUBT)


def test_a_change_of_the_future_that_nobody_sends_is_one_of_now(gate):
    now = database_time()
    gates._put_in_flight(gate, a_change(), now + timedelta(hours=1))
    gate.save()

    gates._begin_again_if_ahead(gate, now)

    gate.refresh_from_db()
    assert (gate.inflight_since, gate.leased_until) == (now, None)


@pytest.mark.parametrize("outcome", [Applied(), NoSeats(), NoFlight(), Mistake("no such thing")], ids=repr)
def test_an_outcome_is_told_again_as_it_was(gate, outcome):
    gates._put_in_flight(gate, a_change(), database_time())
    gate.save()
    gates._end(gate, outcome, known_remaining=5)

    assert gates._outcome(FlightGate.objects.get()) == outcome
