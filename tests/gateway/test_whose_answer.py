"""
An answer counts for the request that it belongs to, and for no other: over sockets, byte for byte.

A booking confirmed by somebody else's answer is a seat that was never taken.
"""

import gzip
import json
import uuid

import pytest

from bookings.gateways import http_exchange
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.http_exchange import HttpExchange
from bookings.ports import Applied, FlightsUnreachable, NoSeats, SeatChange, Unknown, UnknownFlight
from tests.support.wire import Drip, answer

FLIGHT = "/api/v1/flights/7"
SEATS = f"{FLIGHT}/seats"


def shown(flight_id=7, **fields):
    return {"success": True, "data": {"id": flight_id, "price": 2000, "totalSeats": 5, **fields}, "error": {}}


REFUSED = answer(409, {"success": False, "error": {"code": "insufficient_seats"}})
NO_FLIGHT = answer(404, {"success": False, "error": {"code": "flight_not_found"}})
DONE, SHOWN = answer(200, shown()), answer(200, shown())
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nContent-Length: 5\r\n\r\n"
UNHEARD_OF = b"HTTP/1.1 199 What\r\n\r\n"

INFORMATIONAL = {
    "100": CONTINUE,
    "102": PROCESSING,
    "103": HINTS,
    "199": UNHEARD_OF,
    "several": CONTINUE + HINTS + PROCESSING + HINTS * 20,
}


def a_take(flight_id=7):
    return SeatChange(key=uuid.uuid4(), flight_id=flight_id, seats=2, reserves=True)


@pytest.fixture(params=["keyed", "unkeyed"])
def service(request, wire):
    return HttpFlightService(wire.url, keep_alive=request.param == "keyed")


def price(service):
    return service.get_flight(7, seconds=5).price


@pytest.mark.parametrize("before", INFORMATIONAL.values(), ids=INFORMATIONAL)
class TestInformationalAnswers:
    """Nothing of them is an answer, wherever they stand."""

    def test_before_an_answer_they_are_passed_over(self, wire, service, before):
        wire.say("GET", FLIGHT, before + SHOWN)
        wire.say("PATCH", SEATS, before + REFUSED, before + DONE)

        heard = [price(service), *(service.change_seats(a_take(), seconds=5) for _ in range(2))]

        assert heard == [2000, NoSeats(), Applied()]
        assert [call.method for call in wire.calls] == ["GET", "PATCH", "PATCH"]

    def test_a_connection_that_had_one_is_not_used_again(self, wire, service, before):
        wire.say("GET", FLIGHT, before + SHOWN)

        for _ in range(3):
            price(service)

        assert [call.connection for call in wire.calls] == [1, 2, 3]

    def test_behind_an_answer_they_are_read_by_nobody(self, wire, service, before):
        wire.say("GET", FLIGHT, SHOWN + before)
        wire.say("PATCH", SEATS, REFUSED + before)

        for _ in range(6):
            assert price(service) == 2000
            assert service.change_seats(a_take(), seconds=5) == NoSeats()

        assert len({call.connection for call in wire.calls}) == len(wire.calls) == 12

    @pytest.mark.slow
    def test_alone_they_are_no_answer(self, wire, service, before):
        wire.say("GET", FLIGHT, before)
        wire.say("PATCH", SEATS, before)

        assert isinstance(service.change_seats(a_take(), seconds=0.2), Unknown)
        with pytest.raises(FlightsUnreachable):
            service.get_flight(7, seconds=0.2)

    def test_with_the_status_of_success_in_their_body_they_are_no_answer(self, wire, service, before):
        wire.say("PATCH", SEATS, before + json.dumps(shown()).encode())

        assert isinstance(service.change_seats(a_take(), seconds=0.2), Unknown)


def test_another_protocol_that_nobody_asked_for_is_no_answer(wire, service):
    wire.say("PATCH", SEATS, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + DONE)

    assert service.change_seats(a_take(), seconds=5) == Unknown("answer is not HTTP/1")


LATE = {
    "a refusal": REFUSED,
    "no such flight": NO_FLIGHT,
    "the same again": SHOWN,
    "another flight": answer(200, shown(8, price=1)),
    "done": answer(200, {"success": True}),
    "103": HINTS,
    "a byte": b"x",
    "an empty line": b"\r\n",
    "garbage": b"\x00" * 2000,
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
class TestBytesThatBelongToNobody:
    """What comes behind an answer: with it, between two requests, and after the next one was sent."""

    @pytest.mark.slow
    def test_with_the_answer(self, wire, service, late):
        wire.say("GET", FLIGHT, SHOWN + late)
        wire.say("PATCH", SEATS, REFUSED + late)

        for _ in range(3):
            assert price(service) == 2000
            assert service.change_seats(a_take(), seconds=5) == NoSeats()

        assert len({call.connection for call in wire.calls}) == 6

    @pytest.mark.slow
    def test_between_two_requests(self, wire, late):
        service = HttpFlightService(wire.url)
        dripping = Drip(SHOWN + late, at_once=len(SHOWN), every_seconds=0.01, piece=10_000)
        wire.say("GET", FLIGHT, dripping)
        wire.say("PATCH", SEATS, REFUSED)

        for _ in range(3):
            assert price(service) == 2000
            wire.rest(0.05)
            assert service.change_seats(a_take(), seconds=5) == NoSeats()

        assert len({call.connection for call in wire.calls}) == 6

    def test_after_the_next_request_was_sent(self, wire, service, late):
        """They are there before its own answer. On a connection that was kept only this flight's name counts."""
        asked = []

        def late_first(request):
            asked.append(request)
            is_first = [each.connection for each in asked].count(request.connection) == 1
            return SHOWN if is_first else late + SHOWN

        wire.say("GET", FLIGHT, late_first)

        for _ in range(4):
            assert price(service) == 2000


@pytest.mark.parametrize(
    ("name", "behind"), [("a late refusal", REFUSED), ("a late success", DONE)], ids=lambda value: str(value)[:16]
)
def test_a_change_has_a_connection_to_itself(wire, service, name, behind):
    wire.say("GET", FLIGHT, SHOWN)
    wire.say("PATCH", SEATS, REFUSED + behind, REFUSED)

    for _ in range(3):
        price(service)
        assert service.change_seats(a_take(), seconds=5) == NoSeats()

    changes = [call for call in wire.calls if call.method == "PATCH"]
    others = {call.connection for call in wire.calls if call.method == "GET"}
    assert len({call.connection for call in changes}) == 3
    assert not others & {call.connection for call in changes}
    assert {call.headers["connection"] for call in changes} == {"close"}


def test_questions_share_a_connection_where_that_is_allowed(wire):
    service = HttpFlightService(wire.url)
    wire.say("GET", FLIGHT, SHOWN)

    for _ in range(5):
        price(service)

    assert {call.connection for call in wire.calls} == {1}


def test_without_keep_alive_every_question_has_its_own(wire):
    service = HttpFlightService(wire.url, keep_alive=False)
    wire.say("GET", FLIGHT, SHOWN)

    for _ in range(5):
        price(service)

    assert [call.connection for call in wire.calls] == [1, 2, 3, 4, 5]


def test_no_such_flight_on_a_kept_connection_is_asked_again_on_a_new_one(wire):
    service = HttpFlightService(wire.url)
    wire.say("GET", FLIGHT, SHOWN, NO_FLIGHT)

    price(service)
    with pytest.raises(UnknownFlight):
        service.get_flight(7, seconds=5)

    assert [call.connection for call in wire.calls] == [1, 1, 2]


class TestAConnectionThatDied:
    """libcurl sends a request once more where a kept connection turns out to be dead: never a change of seats."""

    @pytest.mark.parametrize("keep_alive", [True, False], ids=["keyed", "unkeyed"])
    def test_a_change_arrives_once_though_nobody_answers(self, wire, keep_alive):
        service = HttpFlightService(wire.url, keep_alive=keep_alive)
        wire.say("GET", FLIGHT, SHOWN)
        wire.say("PATCH", SEATS, b"")

        for _ in range(3):
            price(service)
            assert isinstance(service.change_seats(a_take(), seconds=5), Unknown)

        assert [call.method for call in wire.calls] == ["GET", "PATCH"] * 3

    def test_a_question_may_arrive_again(self, wire):
        service = HttpFlightService(wire.url)
        wire.say("GET", FLIGHT, SHOWN, b"", SHOWN)

        assert [price(service), price(service)] == [2000, 2000]

    @pytest.mark.parametrize("after", [0, 1, 5, 20], ids="byte {}".format)
    def test_a_change_arrives_once_though_its_answer_breaks_off(self, wire, service, after):
        wire.say("PATCH", SEATS, lambda _asked: Drip(DONE[:after], at_once=after))
        wire.hangs_up_after.add(SEATS)

        assert isinstance(service.change_seats(a_take(), seconds=5), Unknown)
        assert len(wire.calls) == 1


BODY = json.dumps(shown()).encode()


def framed(head, body=BODY, status=b"HTTP/1.1 200 OK"):
    return status + b"\r\n" + head + b"\r\n" + body


LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

NO_PROOF = {
    "HTTP/0.9": BODY,
    "HTTP/2": framed(LENGTH, status=b"HTTP/2 200"),
    "HTTP/1.2": framed(LENGTH, status=b"HTTP/1.2 200 OK"),
    "a status of two digits": framed(LENGTH, status=b"HTTP/1.1 20 OK"),
    "a status of four digits": framed(LENGTH, status=b"HTTP/1.1 2000 OK"),
    "a status of a digit too few": framed(LENGTH, status=b"HTTP/1.1 099 OK"),
    "two lengths": framed(LENGTH + b"Content-Length: 5\r\n"),
    "two lengths in one": framed(LENGTH.rstrip() + b", 5\r\n"),
    "a negative length": framed(b"Content-Length: -5\r\n"),
    "a length in letters": framed(b"Content-Length: many\r\n"),
    "length and chunks": framed(LENGTH + CHUNKED, CHUNKS),
    "chunks and length": framed(CHUNKED + LENGTH, CHUNKS),
    "a length too long": framed(b"Content-Length: %d\r\n" % (len(BODY) + 9)),
    "a length too short": framed(b"Content-Length: %d\r\n" % (len(BODY) - 9)),
    "a length of nothing": framed(b"Content-Length: 0\r\n"),
    "chunks that end early": framed(CHUNKED, b"%x\r\n%s" % (len(BODY), BODY)),
    "a chunk of no size": framed(CHUNKED, b"zz\r\n" + BODY),
    "a coding of its own": framed(b"Transfer-Encoding: gzip\r\n" + b"Connection: close\r\n", gzip.compress(BODY)),
    "a bomb": framed(b"Content-Encoding: gzip\r\nContent-Length: 66\r\n", gzip.compress(b" " * 10_000_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("said", NO_PROOF.values(), ids=NO_PROOF)
def test_an_answer_whose_end_is_in_doubt_proves_nothing(wire, service, said):
    wire.say("PATCH", SEATS, said)
    wire.hangs_up_after.add(SEATS)

    assert isinstance(service.change_seats(a_take(), seconds=1), Unknown)
    assert len(wire.calls) == 1


PROOF = {
    "one length": framed(LENGTH),
    "the same length twice": framed(LENGTH * 2),
    "chunks": framed(CHUNKED, CHUNKS),
    "chunks and trailers": framed(CHUNKED, CHUNKS[:-2] + b"Content-Length: 3\r\nHTTP/1.1 500 No: thing\r\n\r\n"),
    "until the end of the connection": framed(b"Connection: close\r\n"),
    "HTTP/1.0": framed(b"", status=b"HTTP/1.0 200 OK"),
    "gzip": framed(b"Content-Encoding: gzip\r\nConnection: close\r\n", gzip.compress(BODY)),
    "no words": framed(LENGTH, status=b"HTTP/1.1 200"),
}


@pytest.mark.parametrize("said", PROOF.values(), ids=PROOF)
def test_an_answer_that_is_whole_is_one(wire, service, said):
    wire.say("PATCH", SEATS, said)
    wire.hangs_up_after.add(SEATS)

    assert service.change_seats(a_take(), seconds=5) == Applied()


@pytest.mark.parametrize("part", ["head", "informational", "trailers"])
def test_no_part_of_an_answer_is_read_without_end(wire, service, part):
    many = b"X-Padding: %s\r\n" % (b"y" * 500)
    said = {
        "head": framed(many * 200),
        "informational": (b"HTTP/1.1 103 Early Hints\r\n" + many + b"\r\n") * 200 + DONE,
        "trailers": framed(CHUNKED, CHUNKS[:-2] + many * 200 + b"\r\n"),
    }[part]
    wire.say("PATCH", SEATS, said)

    assert service.change_seats(a_take(), seconds=5) == Unknown("answer too large")


@pytest.fixture
def always_kept(monkeypatch):
    """Every request goes over a kept connection."""
    send = HttpExchange.send

    def send_over_a_kept_one(exchange, question, *, seconds, keep):
        return send(exchange, question, seconds=seconds, keep=True)

    monkeypatch.setattr(HttpExchange, "send", send_over_a_kept_one)


class TestWithoutTheGuards:
    """The same wires, with one guard taken away: what they keep away comes about."""

    def test_a_change_on_a_kept_connection_is_confirmed_by_the_answer_to_a_question(self, wire, always_kept):
        service = HttpFlightService(wire.url)
        wire.say("GET", FLIGHT, SHOWN)
        wire.say("PATCH", SEATS, SHOWN + REFUSED)  # the question's answer comes a second time

        price(service)

        assert service.change_seats(a_take(), seconds=5) == Applied()

    def test_a_change_on_a_kept_connection_arrives_twice(self, wire, always_kept):
        service = HttpFlightService(wire.url)
        wire.say("GET", FLIGHT, SHOWN)
        wire.say("PATCH", SEATS, b"", DONE)

        price(service)
        service.change_seats(a_take(), seconds=5)

        assert [call.method for call in wire.calls] == ["GET", "PATCH", "PATCH"]

    def test_a_byte_that_waits_is_read_as_an_answer(self, wire, monkeypatch):
        monkeypatch.setattr(http_exchange, "_has_something_to_read", lambda _handle: False)
        service = HttpFlightService(wire.url)
        stale = answer(200, shown(price=1))
        wire.say("GET", FLIGHT, Drip(SHOWN + stale, at_once=len(SHOWN), every_seconds=0.02, piece=10_000), SHOWN)

        assert price(service) == 2000
        wire.rest(0.05)  # libcurl does not look for itself so soon

        assert price(service) == 1

    def test_an_answer_that_names_no_flight_is_believed(self, wire, monkeypatch):
        monkeypatch.setattr("bookings.gateways.flight_service.http.names_flight", lambda *_: True)
        service = HttpFlightService(wire.url)
        wire.say("GET", FLIGHT, SHOWN, NO_FLIGHT + SHOWN)

        price(service)

        with pytest.raises(UnknownFlight):
            service.get_flight(7, seconds=5)
