"""One time limit holds for a whole exchange, whichever part of the answer comes a byte at a time."""

import gzip
import json
import socket
import threading
import time
import uuid
from contextlib import closing

import pytest

from bookings.gateways import diagnostic_probes, redis_probe
from bookings.gateways.diagnostic_probes import Unreachable, date_of_peer
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.http_exchange import HttpExchange, NoAnswer, Question
from bookings.gateways.rate_limits import redis
from bookings.gateways.rate_limits.redis import RedisRateLimiter
from bookings.gateways.redis_probe import redis_version
from bookings.gateways.user_service import signing_keys
from bookings.gateways.user_service.signing_keys import key_set_from
from bookings.ports import Allowance, FlightsUnreachable, SeatChange, SigningKeysUnavailable, Unknown
from tests.support.signers import key_set
from tests.support.wire import Drip, took

FLIGHT = "/api/v1/flights/7"
SEATS = f"{FLIGHT}/seats"
BODY = json.dumps({"success": True, "data": {"id": 7, "price": 2000, "totalSeats": 5}}).encode()
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MANY = b"a" * 10_000

# Parts of an answer, each without an end: the bytes before, and those that drip.
PARTS = {
    "status line": (b"", b"HTTP/1.1 200 " + MANY),
    "header": (HEAD, b"X-Header: " + MANY),
    "header lines": (HEAD, b"X: y\r\n" * 1000),
    "repeated 100s": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "repeated 103s": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 100),
    "chunk size": (CHUNKED, b"0" * 1000),
    "chunk extension": (CHUNKED, b"5;" + MANY),
    "chunks": (CHUNKED, b"1\r\n \r\n" * 1000),
    "chunk": (CHUNKED + b"fff\r\n", b" " * 4000),
    "trailers": (CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY), b"X: y\r\n" * 1000),
    "body": (HEAD + b"Content-Length: 5000\r\n\r\n", b" " * 4000),
    "body without a length": (HEAD + b"\r\n", BODY + b" " * 4000),
    "gzip": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n", gzip.compress(MANY * 50, 1)),
    "gzip's header": (HEAD + b"Content-Encoding: gzip\r\n\r\n", b"\x1f\x8b\x08\x08" + b"n" * 6 + MANY),
    "nothing at all": (b"", b""),
}

# Each takes the time that it is given. Every day all of them are tried for a change of seats, and these for the
# rest.
EVERYDAY = ("header lines", "repeated 103s", "trailers", "nothing at all")
SOME_PARTS = [part if part in EVERYDAY else pytest.param(part, marks=pytest.mark.long) for part in PARTS]

# Of what is given; the rest is this machine's.
GRACE_SECONDS = 0.6


def drip(part):
    begun, rest = PARTS[part]
    return Drip(begun + rest, at_once=len(begun), every_seconds=0.02) if rest else None


@pytest.fixture(params=["keyed", "unkeyed"])
def service(request, wire):
    return HttpFlightService(wire.url, keep_alive=request.param == "keyed")


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_change_is_given_up_in_time(wire, service, part):
    wire.say("PATCH", SEATS, drip(part))
    change, heard = SeatChange(key=uuid.uuid4(), flight_id=7, seats=2, reserves=True), []

    seconds = took(lambda: heard.append(service.change_seats(change, seconds=0.3)))

    assert heard == [Unknown("answer too slow")]
    assert seconds < 0.3 + GRACE_SECONDS
    assert len(wire.calls) == 1


@pytest.mark.slow
@pytest.mark.parametrize("part", SOME_PARTS)
def test_a_question_is_given_up_in_time(wire, service, part):
    wire.say("GET", FLIGHT, drip(part))

    def ask():
        with pytest.raises(FlightsUnreachable):
            service.get_flight(7, seconds=0.3)

    assert took(ask) < 0.3 + GRACE_SECONDS


@pytest.mark.slow
def test_a_probe_is_given_up_in_time(wire, service):
    wire.say("GET", "/api/v1/flights/1", drip("header lines"))

    assert took(lambda: service.answers(seconds=0.3)) < 0.3 + GRACE_SECONDS
    assert service.answers(seconds=0.1) is False


def test_a_caller_that_has_more_time_is_not_kept_longer_than_an_exchange_may_take(wire, service, monkeypatch):
    monkeypatch.setattr("bookings.gateways.flight_service.http.EXCHANGE_SECONDS", 0.3)
    wire.say("GET", FLIGHT, drip("header lines"))
    monkeypatch.setattr(service, "_may_repeat", lambda _seconds: False)

    def ask():
        with pytest.raises(FlightsUnreachable):
            service.get_flight(7, seconds=30)

    assert took(ask) < 0.3 + GRACE_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("part", SOME_PARTS)
def test_a_key_set_is_given_up_in_time(wire, part, monkeypatch):
    monkeypatch.setattr(signing_keys, "WHOLE_SECONDS", 0.3)
    wire.say("GET", "/jwks", drip(part))
    keys = key_set_from(f"{wire.url}/jwks")

    def look():
        with pytest.raises(SigningKeysUnavailable):
            keys.candidates(algorithm="EdDSA", key_id="ed-1")

    assert took(look) < 0.3 + GRACE_SECONDS
    assert took(look) < 0.1  # and asked again in ten seconds, not by the next one


@pytest.mark.slow
def test_while_the_first_keys_drip_nobody_waits_for_them_longer_than_a_moment(wire, monkeypatch):
    """All threads of a web process may come with a token in the same second; liveness needs one of them."""
    monkeypatch.setattr(signing_keys, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(signing_keys, "WHOLE_SECONDS", 0.8)
    wire.say("GET", "/jwks", drip("header lines"))
    keys = key_set_from(f"{wire.url}/jwks")
    seconds = []

    def look():
        try:
            keys.candidates(algorithm="EdDSA", key_id="ed-1")
        except SigningKeysUnavailable:
            seconds.append(time.monotonic() - began)

    began = time.monotonic()
    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    *others, reader = sorted(seconds)
    assert len(others) == 15
    assert max(others) < 0.2 + GRACE_SECONDS
    assert 0.8 <= reader < 0.8 + GRACE_SECONDS
    assert [call.path for call in wire.calls] == ["/jwks"]


@pytest.mark.slow
def test_known_keys_are_used_at_once_while_new_ones_drip(wire, monkeypatch):
    monkeypatch.setattr(signing_keys, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(signing_keys, "LOOK_AGAIN_SECONDS", 0.0)
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(key_set()) + key_set()
    wire.say("GET", "/jwks", good, drip("body"))
    keys = key_set_from(f"{wire.url}/jwks")
    keys.candidates(algorithm="EdDSA", key_id="ed-1")
    reader = threading.Thread(target=keys.candidates, kwargs={"algorithm": "EdDSA", "key_id": "ed-1"})
    reader.start()
    wire.await_calls(2)

    found = []
    seconds = took(lambda: found.extend(keys.candidates(algorithm="EdDSA", key_id="ed-1")))

    reader.join(10)
    assert len(found) == 1
    assert seconds < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("part", ["status line", "header lines", "repeated 100s"])
def test_the_doctors_question_for_the_time_is_given_up_in_time(wire, part, monkeypatch):
    monkeypatch.setattr(diagnostic_probes, "ANSWER_SECONDS", 0.3)
    wire.say("GET", FLIGHT, drip(part))

    def ask():
        with pytest.raises(Unreachable):
            date_of_peer(wire.url + FLIGHT)

    assert took(ask) < 0.3 + GRACE_SECONDS


@pytest.mark.parametrize("part", ["body", "trailers", "gzip"])
def test_the_doctor_does_not_wait_for_what_comes_after_the_time(wire, part):
    begun, rest = PARTS[part]
    begun = begun.replace(b"200 OK\r\n", b"200 OK\r\nDate: Wed, 25 Nov 2026 18:00:00 GMT\r\n")
    wire.say("GET", FLIGHT, Drip(begun + rest, at_once=len(begun)))
    dates = []

    assert took(lambda: dates.append(date_of_peer(wire.url + FLIGHT))) < GRACE_SECONDS
    assert dates[0].year == 2026


@pytest.mark.slow
def test_the_limit_of_the_whole_is_what_ends_it(wire):
    """The twin: with more time the same drip lasts as much longer, as no pause between two bytes is long."""
    wire.say("GET", FLIGHT, drip("header lines"))
    http = HttpExchange(connect_seconds=0.5, largest_bytes=1000)

    def ask(seconds):
        with pytest.raises(NoAnswer, match="answer too slow"):
            http.send(Question("GET", wire.url + FLIGHT), seconds=seconds)

    assert took(lambda: ask(1.5)) - took(lambda: ask(0.3)) > 0.8


# --- Redis ----------------------------------------------------------------------------------------------


class Otherwise:
    """Counts nothing, and says how often it was asked to."""

    def __init__(self):
        self.asked = 0

    def spend(self, name, *, limit, seconds):
        self.asked += 1
        return Allowance(passed=True, limit=limit, remaining=1, resets_in=1)

    def give_back(self, name):
        self.asked += 1


@pytest.fixture
def redis_that():
    """Give the address of a Redis that drips what it is told to, whatever it is asked."""
    listener, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(connection, said):
        with closing(connection):
            try:
                connection.recv(4096)
                for byte in said:
                    connection.sendall(bytes([byte]))
                    if over.wait(0.02):
                        return
                over.wait(10)
            except OSError:
                return

    def says(said):
        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection, said), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

    yield says
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


REDIS_SAYS = {
    "a line": b"+" + MANY,
    "a length": b"$" + b"1" * 1000,
    "a text": b"$9999\r\n" + MANY,
    "an error": b"-ERR " + MANY,
    "a list": b"*9999\r\n" + b":1\r\n" * 2000,
    "greetings and then a list": b"+OK\r\n+OK\r\n+OK\r\n*3\r\n:" + b"1" * 1000,
    "nothing": b"",
}


@pytest.mark.slow
@pytest.mark.parametrize("said", REDIS_SAYS.values(), ids=REDIS_SAYS)
def test_a_dripping_redis_holds_a_request_for_a_second(redis_that, said, monkeypatch):
    assert redis.WHOLE_SECONDS == 1.0
    monkeypatch.setattr(redis, "WHOLE_SECONDS", 0.3)
    otherwise = Otherwise()
    limiter = RedisRateLimiter(redis_that(said), otherwise=otherwise)

    spent = took(lambda: limiter.spend("a", limit=5, seconds=60))
    given = took(lambda: limiter.give_back("a"))

    assert otherwise.asked == 2
    assert max(spent, given) < 0.3 + GRACE_SECONDS


@pytest.mark.parametrize("said", [b"+OK\r\n" * 500, b"*2\r\n:1\r\n:2\r\n" * 200, b"*3\r\n+a\r\n+b\r\n+c\r\n" * 200])
def test_what_is_no_redis_counts_nothing(redis_that, said):
    otherwise = Otherwise()

    assert RedisRateLimiter(redis_that(said), otherwise=otherwise).spend("a", limit=5, seconds=60).passed
    assert otherwise.asked == 1


def test_the_doctor_does_not_wait_for_a_dripping_redis(redis_that, monkeypatch):
    monkeypatch.setattr(redis_probe, "ANSWER_SECONDS", 0.3)

    def ask():
        with pytest.raises(Unreachable):
            redis_version(redis_that(REDIS_SAYS["greetings and then a list"]))

    assert took(ask) < 0.3 + GRACE_SECONDS
