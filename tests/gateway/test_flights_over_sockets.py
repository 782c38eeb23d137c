"""What the gateway does on a real connection that behaves badly."""

import socket
import struct
import threading
import time
import uuid
from contextlib import closing, contextmanager

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.ports import Applied, NotSent, SeatChange, Unknown

TAKE = SeatChange(key=uuid.UUID(int=1), flight_id=7, seats=2, reserves=True)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ENVELOPE = b'{"success":true,"data":{"id":7,"price":2000,"totalSeats":5},"error":{}}'
ANSWER = HEAD + b"Content-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE

COOKIE = HEAD + b"Set-Cookie: a=b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE


@contextmanager
def server(behave):
    """Run `behave(connection, request)` for each connection, on a free port; give the address and the requests."""
    requests = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with closing(connection):
                connection.settimeout(5)
                request = b""
                while chunk := connection.recv(65536):
                    request += chunk
                    head, separator, body = request.partition(b"\r\n\r\n")
                    if separator and (b"PATCH" not in head or len(body) >= 22):
                        requests.append(request)
                        break
                try:
                    behave(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def ask(url, *, seconds=5.0):
    return HttpFlightService(url).change_seats(TAKE, seconds=seconds)


def test_a_good_answer_is_applied():
    with server(lambda connection: connection.sendall(ANSWER)) as (url, requests):
        assert ask(url) == Applied()

    assert requests[0].startswith(b"PATCH /api/v1/flights/7/seats HTTP/1.1\r\n")


def test_a_port_where_nobody_listens_was_sent_nothing():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    assert isinstance(ask(f"http://127.0.0.1:{port}"), NotSent)


def test_a_host_that_does_not_exist_was_sent_nothing():
    assert isinstance(ask("http://flights.invalid"), NotSent)


@pytest.mark.slow
def test_a_listener_that_does_not_accept_was_sent_nothing_and_is_given_up_soon():
    with (
        closing(socket.socket()) as listener,
        closing(socket.socket()) as first,
        closing(socket.socket()) as second,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        started = time.monotonic()

        outcome = ask(f"http://127.0.0.1:{listener.getsockname()[1]}")

        assert isinstance(outcome, NotSent)
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "behave",
    [
        lambda connection: None,
        lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
        lambda connection: connection.sendall(HEAD),
        lambda connection: connection.sendall(HEAD + b"Content-Length: 500\r\n\r\n" + ENVELOPE),
        lambda connection: connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
        lambda connection: connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{"),
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda connection: connection.sendall(b"\x00" * 100),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        lambda connection: connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"),
        lambda connection: connection.sendall(HEAD + b"\r\n" + b" " * 200_000),
        lambda connection: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=[
        "hang-up",
        "reset",
        "cut head",
        "cut body",
        "cut chunk",
        "bad chunk",
        "another protocol",
        "zeros",
        "many headers",
        "false gzip",
        "endless",
        "only continue",
    ],
)
def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(behave):
    with server(behave) as (url, requests):
        outcome = ask(url)

    assert isinstance(outcome, Unknown)
    assert len(requests) == 1


def test_a_connection_that_is_silent_is_given_up_within_the_time_it_is_given():
    over = threading.Event()
    with server(lambda connection: over.wait(5)) as (url, requests):
        started = time.monotonic()

        outcome = ask(url, seconds=0.3)

        took = time.monotonic() - started
        over.set()
    assert isinstance(outcome, Unknown)
    assert len(requests) == 1
    assert took < 1.0


@pytest.mark.slow
def test_an_answer_that_drips_is_given_up_within_the_time_it_is_given():
    def drip(connection):
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            over.wait(0.05)

    over = threading.Event()
    with server(drip) as (url, _):
        started = time.monotonic()

        outcome = ask(url, seconds=0.4)

        took = time.monotonic() - started
        over.set()
    assert outcome == Unknown("answer too slow")
    assert took < 1.0


def test_no_proxy_and_no_password_of_the_environment_steers_a_call(monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    with server(lambda connection: connection.sendall(ANSWER)) as (url, requests):
        outcome = ask(url)

    assert outcome == Applied()
    assert b"Authorization" not in requests[0]


def test_cookies_are_not_kept():
    with server(lambda connection: connection.sendall(COOKIE)) as (url, requests):
        service = HttpFlightService(url)
        service.change_seats(TAKE, seconds=5)
        service.change_seats(TAKE, seconds=5)

    assert len(requests) == 2
    assert b"Cookie: a=b" not in requests[1]
