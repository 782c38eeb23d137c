"""One exchange: what was not sent is proved, and a connection belongs to one thread of one process."""

import gc
import os
import socket
import ssl
import threading
from contextlib import closing, contextmanager

import pytest

from bookings.gateways.http_exchange import ExchangeFailed, HttpExchange, NoAnswer, NothingSent, Question
from devtools.processes import HOST, free_port
from tests.support.certificates import a_certificate
from tests.support.wire import STAY_SILENT, answer, took

OK = answer(200, {})


@pytest.fixture
def http():
    return HttpExchange(connect_seconds=0.5, largest_bytes=1000)


@contextmanager
def listening(serve):
    """Run `serve(connection)` for each connection."""
    listener = socket.create_server((HOST, 0))

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with closing(connection):
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://{host}:{port}/", "connection refused"),
        ("https://{host}:{port}/", "connection refused"),
        ("http://flights.invalid/", "no such host"),
    ],
)
def test_what_was_never_connected_has_sent_nothing(http, url, why):
    with pytest.raises(NothingSent, match=f"^{why}$"):
        http.send(Question("PATCH", url.format(host=HOST, port=free_port()), body=b"{}"), seconds=5)


@pytest.mark.slow
def test_a_peer_that_never_finishes_the_handshake_was_sent_nothing(http):
    over = threading.Event()
    with listening(lambda _connection: over.wait(5)) as port:
        seconds = took(lambda: refused(http, f"https://{HOST}:{port}/"))
        over.set()

    assert seconds < 1.5


def test_a_peer_that_speaks_no_tls_was_sent_nothing(http):
    heard = []

    def serve(connection):
        heard.append(connection.recv(4096))
        connection.sendall(OK)

    with listening(serve) as port:
        refused(http, f"https://{HOST}:{port}/")

    assert b"PATCH" not in heard[0]


def refused(http, url):
    with pytest.raises(NothingSent):
        http.send(Question("PATCH", url, body=b"{}"), seconds=5)


def test_a_certificate_that_is_not_trusted_ends_it_before_the_request(http, tmp_path):
    heard = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*a_certificate(tmp_path, HOST))

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as inner:
            heard.append(inner.recv(4096))

    with listening(serve) as port, pytest.raises(NothingSent, match=r"^certificate not trusted$"):
        http.send(Question("PATCH", f"https://{HOST}:{port}/", body=b"{}"), seconds=5)

    assert b"PATCH" not in b"".join(heard)


# The second one libcurl takes for the first, whatever addresses are given for that name.
@pytest.mark.parametrize("host", [HOST, "127.1"])
def test_a_socket_is_opened_to_the_named_addresses_alone(http, wire, host):
    wire.say("PATCH", "/x", OK)
    question = Question("PATCH", f"{wire.url}/x".replace(HOST, host), body=b"{}", addresses=("127.0.0.2",))

    with pytest.raises(NothingSent):
        http.send(question, seconds=5)

    assert wire.connections == 0
    assert http.send(Question("PATCH", f"{wire.url}/x", body=b"{}", addresses=(HOST,)), seconds=5).status == 200


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "dict", "smtp", "ws"])
def test_no_other_protocol_is_spoken(http, scheme):
    with pytest.raises(ExchangeFailed):
        http.send(Question("GET", f"{scheme}://{HOST}/etc/passwd"), seconds=5)


def test_a_request_has_nothing_in_it_that_nobody_asked_for(http, wire):
    wire.say("PATCH", "/x", OK)

    http.send(Question("PATCH", f"{wire.url}/x", {"Accept": "application/json"}, b"{}" * 1_000_000), seconds=5)

    (call,) = wire.calls
    assert call.headers == {
        "host": wire.url.removeprefix("http://"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": "2000000",
        "content-type": "application/x-www-form-urlencoded",
    }


@pytest.mark.slow
def test_each_thread_has_connections_of_its_own_which_end_with_it(http, wire):
    wire.say("GET", "/x", OK)
    question = Question("GET", f"{wire.url}/x")

    def ask_twice():
        for _ in range(2):
            http.send(question, seconds=5, keep=True)

    for _ in range(3):
        thread = threading.Thread(target=ask_twice)
        thread.start()
        thread.join(10)
    ask_twice()
    gc.collect()

    assert [call.connection for call in wire.calls] == [1, 1, 2, 2, 3, 3, 4, 4]
    wire.await_ended({1, 2, 3})
    assert 4 not in wire.ended


def test_a_process_that_was_forked_off_uses_no_connection_of_its_parent(http, wire):
    wire.say("GET", "/x", OK)
    question = Question("GET", f"{wire.url}/x")
    http.send(question, seconds=5, keep=True)

    child = os.fork()
    if not child:
        status = 1
        try:
            http.send(question, seconds=5, keep=True)
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    http.send(question, seconds=5, keep=True)

    assert ended == 0
    assert [call.connection for call in wire.calls] == [1, 2, 1]


def test_an_exchange_after_one_that_failed_has_nothing_of_it(http, wire):
    wire.say("PATCH", "/x", STAY_SILENT)
    wire.say("GET", "/x", OK)

    with pytest.raises(NoAnswer):
        http.send(Question("PATCH", f"{wire.url}/x", {"X-Secret": "1"}, b"{}"), seconds=0.1)
    http.send(Question("GET", f"{wire.url}/x"), seconds=5)

    assert (wire.calls[1].body, "x-secret" in wire.calls[1].headers) == (b"", False)


def test_a_head_is_read_without_its_body(http, wire):
    wire.say("GET", "/x", b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 999999999\r\n\r\n")

    answered = []
    seconds = took(lambda: answered.append(http.send(Question("GET", f"{wire.url}/x", head_only=True), seconds=5)))

    assert (answered[0].headers["date"], answered[0].body) == ("today", b"")
    assert seconds < 1
