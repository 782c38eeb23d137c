"""The HTTP of the stand-in Flight Service: pieces, pipelines, and what is no request at all."""

import re
import socket

import pytest

from tests.support.processes import FlightSim

FLIGHT = b"GET /api/v1/flights/1 HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(sim: FlightSim) -> socket.socket:
    host, port = sim.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def exchange(sim: FlightSim, *pieces: bytes) -> bytes:
    """Send the pieces, one segment each, then return everything that comes until the other side hangs up."""
    with connect(sim) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_connection_serves_several_requests_even_sent_at_once_or_in_pieces(sim):
    pieces = [FLIGHT + FLIGHT + FLIGHT[:20], FLIGHT[20:-1], FLIGHT[-1:]]

    received = exchange(sim, *pieces)

    assert received.count(b"HTTP/1.1 200 OK\r\n") == 3


@pytest.mark.slow
def test_thousands_of_requests_sent_at_once_are_answered_in_order(sim):
    sim.faults(fail_rate=0.5, seed=1)
    wanted = [b"GET /api/v1/flights/%d HTTP/1.1\r\n\r\n" % (number % 12 + 1) for number in range(5000)]

    received = exchange(sim, b"".join(wanted))

    statuses = re.findall(rb'HTTP/1.1 (200|500) .*?(?:"id":(\d+)|"statusCode")', received, re.DOTALL)
    shown = [(number % 12 + 1, flight) for number, (_, flight) in enumerate(statuses) if flight]
    assert len(statuses) == 5000
    assert 2400 < len(shown) < 2600
    assert all(int(flight) == number for number, flight in shown)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nspace : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n" + b"x" * 65537, 413),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
    ids=lambda value: str(value)[:48],
)
def test_what_is_no_proper_request_is_refused_and_the_connection_ends(sim, sent, status):
    received = exchange(sim, sent + FLIGHT)

    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert received.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in received


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_connection_ends_when_the_client_wants_it_to(sim, sent):
    with connect(sim) as client:
        client.sendall(sent)

        received = b"".join(iter(lambda: client.recv(65536), b""))

    assert received.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in received
