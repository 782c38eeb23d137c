"""What the reverse proxy of `deploy/haproxy.cfg` does with what clients send."""

import http.server
import json
import re
import socket
import struct
import threading
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from devtools.processes import HOST, free_port
from tests.support.proxy import CONFIGURATION, check, start_proxy

PATIENCE_SECONDS = 30.0

# So that a test need not wait until the proxy has seen its web servers.
OFTEN = {"CHECK_INTERVAL": "100ms"}


class Web(http.server.ThreadingHTTPServer):
    """A web server that answers with what has reached it, or breaks off without an answer."""

    def __init__(self):
        self.requests = []
        self.breaks_off = False
        super().__init__((HOST, 0), Request)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, _request, _client_address):
        """Say nothing: the proxy ends in the middle of its checks."""


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/health/"):
            self._answer(b"{}")
            return
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self._rest()
        self.server.requests.append((self.command, self.path, len(body)))
        if self.server.breaks_off:
            self.close_connection = True
        else:
            self._answer(json.dumps(self.headers.items()).encode())

    do_POST = do_GET

    def _rest(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_args):
        pass

    def _answer(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def webs():
    started = [Web(), Web()]
    yield started
    for web in started:
        web.shutdown()
        web.server_close()


@pytest.fixture
def proxy(webs):
    with start_proxy(*(web.server_port for web in webs), **OFTEN) as running:
        yield running


def ask(port, method="GET", path="/api/v1/info", body=None, headers=()):
    """Send one request; gives the status, the content, and the headers of the answer."""
    connection = HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def test_haproxy_accepts_the_configuration_without_a_warning():
    assert check() == (0, "")


def test_headers_with_underscores_are_dropped_and_the_client_is_named_last(proxy):
    forged = [("X-Forwarded-For", "6.6.6.6"), ("X_Forwarded_For", "7.7.7.7"), ("X-Forwarded-Proto", "https")]

    _status, content, _headers = ask(proxy.port, headers=forged)

    reached = [(name.lower(), value) for name, value in json.loads(content) if "orwarded" in name]
    assert sorted(reached) == [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "http"),
    ]


def test_the_largest_body_passes_as_a_whole(proxy, webs):
    status, _content, _headers = ask(proxy.port, "POST", body=b"x" * 65536)

    assert status == 200
    assert [request for web in webs for request in web.requests] == [("POST", "/api/v1/info", 65536)]


def test_a_request_reaches_a_web_server_only_when_it_is_here_as_a_whole(proxy, webs):
    with socket.create_connection((HOST, proxy.port), timeout=PATIENCE_SECONDS) as slow:
        slow.sendall(b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65536\r\n\r\n" + b"x" * 65535)
        ask(proxy.port, path="/meanwhile")
        ask(proxy.port, path="/meanwhile")
        before = [path for web in webs for _method, path, _size in web.requests]

        slow.sendall(b"x")
        slow.recv(1)

    assert before == ["/meanwhile", "/meanwhile"]
    assert [path for web in webs for _method, path, _size in web.requests].count("/slow") == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_was_sent_and_not_answered_is_not_sent_again(proxy, webs, method):
    for web in webs:
        web.breaks_off = True

    status, content, _headers = ask(proxy.port, method)

    assert (status, json.loads(content)["error"]["code"]) == (502, "no_answer")
    assert sum(len(web.requests) for web in webs) == 1


def test_a_web_server_that_cannot_be_reached_is_passed_over_as_nothing_was_sent(webs):
    nobody = free_port()

    with start_proxy(nobody, webs[0].server_port, CHECK_INTERVAL="60s") as proxy:
        statuses = [ask(proxy.port, "POST", body=b"{}")[0] for _ in range(4)]

    assert statuses == [200] * 4
    assert len(webs[0].requests) == 4


def test_without_any_web_server_clients_get_the_envelope_and_are_told_to_come_back():
    with start_proxy(free_port(), free_port(), CHECK_INTERVAL="60s", RETRIES="0") as proxy:
        status, content, headers = ask(proxy.port)

    envelope = json.loads(content)
    assert (status, headers["Retry-After"], headers["Content-Type"]) == (503, "5", "application/json")
    assert envelope["success"] is False
    assert (envelope["error"]["statusCode"], envelope["error"]["retryable"]) == (503, True)


def test_whoever_ends_tls_in_front_is_believed_if_that_is_set(webs):
    with start_proxy(*(web.server_port for web in webs), TLS_IN_FRONT="yes", **OFTEN) as proxy:
        _status, content, _headers = ask(proxy.port, headers=[("X-Forwarded-Proto", "https")])

    assert [value for name, value in json.loads(content) if name.lower() == "x-forwarded-proto"] == ["https"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/%6detrics", "/m%65trics", "/metrics?x=1", "//metrics", "/metrics/", "/metrics;x"),
        *("/METRICS", "/./metrics", "/x/../metrics", "/%2e%2e/metrics", "/%2fmetrics", "/metrics.json"),
        *("/health/ready", "/health/%72eady", "//health/ready", "/health//ready", "/health/ready/"),
        *("/Health/Ready", "/health/./ready", "/health/live/../ready", "/health/ready;x=1", "/health/ready?x"),
    ],
)
def test_metrics_and_readiness_are_not_for_those_outside(proxy, webs, path):
    status, _content, _headers = ask(proxy.port, path=path)

    assert status == 404
    assert [request for web in webs for request in web.requests] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/health/live", "/api/v1/metrics", "/metricsx", "/x/health/ready", "/a..b"])
def test_what_is_only_spelled_alike_passes(proxy, path):
    assert ask(proxy.port, path=path)[0] == 200


def test_no_client_can_have_a_tunnel_to_a_web_server(proxy):
    wish = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]

    _status, content, _headers = ask(proxy.port, headers=wish)

    assert {"upgrade", "http2-settings"} & {name.lower() for name, _value in json.loads(content)} == set()


def test_a_body_of_http_2_needs_no_length(proxy, webs):
    order = b'{"flightId": 1, "userId": 1001, "noOfSeats": 1}'

    content = ask_in_http_2(proxy.port, b"POST", b"/api/v1/bookings", order)

    assert ("transfer-encoding", "chunked") in [(name.lower(), value) for name, value in json.loads(content)]
    assert [each for web in webs for each in web.requests] == [("POST", "/api/v1/bookings", len(order))]


def frame(kind, flags, content, stream=1):
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def ask_in_http_2(port, method, path, body):
    """Send one request in HTTP/2 without its length, the body in two frames; gives the body of the answer."""
    names = {b":method": method, b":scheme": b"http", b":path": path, b":authority": b"localhost"}
    headers = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in names.items())
    with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, b"", stream=0))
        connection.sendall(frame(1, 4, headers) + frame(0, 0, body[:5]) + frame(0, 1, body[5:]))
        stream, content = connection.makefile("rb"), b""
        while head := stream.read(9):
            payload = stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == 0:
                content += payload
            if head[3] == 0 and head[4] & 1:
                return content
    raise AssertionError("the connection ended before the answer did")


# --- what one address may do ---------------------------------------------------------------------------

SOMEBODY, SOMEBODY_ELSE = "127.0.0.2", "127.0.0.3"
# Half of the headers, and half of the body.
HALVES = [b"GET /half HTTP/1.1\r\nHost: x", b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]


def connect(port, *, address):
    return socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS, source_address=(address, 0))


def is_heard(open_ones, port, half):
    """Open one more connection of somebody, send half a request, and tell whether the proxy lets it be."""
    try:
        connection = open_ones.enter_context(connect(port, address=SOMEBODY))
        connection.sendall(half)
        connection.settimeout(0.2)
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def status_of(port, *, address=SOMEBODY_ELSE, headers=b""):
    with connect(port, address=address) as connection:
        connection.sendall(b"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n")
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.long
@pytest.mark.parametrize("half", HALVES, ids=["headers", "body"])
def test_half_requests_of_one_address_leave_others_the_proxy(webs, half):
    with ExitStack() as open_ones:
        proxy = open_ones.enter_context(start_proxy(*(web.server_port for web in webs), ADDRESS_CONNECTIONS="20"))
        heard = [is_heard(open_ones, proxy.port, half) for _ in range(30)]
        status = status_of(proxy.port)

    assert heard == [True] * 20 + [False] * 10
    assert status == 200


def test_with_its_default_one_address_has_a_quarter_of_all_connections():
    text = CONFIGURATION.read_text()

    limit, most = (int(re.search(rf"{word} (\d+)", text)[1]) for word in ("ADDRESS_CONNECTIONS", "    maxconn"))

    assert 4 * limit <= most


def test_an_address_that_sends_too_much_is_429_in_the_envelope_and_others_are_served(webs):
    with start_proxy(*(web.server_port for web in webs), ADDRESS_REQUESTS="5", **OFTEN) as proxy:
        first = [status_of(proxy.port, address=SOMEBODY) for _ in range(5)]
        status, content, headers = ask_from(proxy.port, SOMEBODY)
        of_another = status_of(proxy.port)

    assert first == [200] * 5
    assert (status, headers["Retry-After"]) == (429, "10")
    assert json.loads(content)["error"]["code"] == "too_many_requests"
    assert of_another == 200


def ask_from(port, address):
    connection = HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS, source_address=(address, 0))
    connection.request("GET", "/info")
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


@pytest.mark.slow
def test_behind_a_proxy_that_ends_tls_the_address_is_the_one_that_it_has_seen(webs):
    def seen(address):
        return f"X-Forwarded-For: 6.6.6.6, {address}\r\n".encode()

    limits = {"ADDRESS_REQUESTS": "3", "ADDRESS_CONNECTIONS": "20", "TLS_IN_FRONT": "yes"}
    with ExitStack() as open_ones:
        proxy = open_ones.enter_context(start_proxy(*(web.server_port for web in webs), **limits, **OFTEN))
        # One address has many connections: it is the proxy in front.
        for _ in range(30):
            open_ones.enter_context(connect(proxy.port, address=SOMEBODY)).sendall(HALVES[0])
        first = [status_of(proxy.port, headers=seen("192.0.2.1")) for _ in range(4)]
        of_another = status_of(proxy.port, headers=seen("192.0.2.2"))
        of_one_network = [status_of(proxy.port, headers=seen(f"2001:db8::{number}")) for number in range(1, 5)]

    assert first == [200, 200, 200, 429]
    assert of_another == 200
    assert of_one_network == [200, 200, 200, 429]


def test_without_such_a_proxy_nobody_chooses_the_address_that_counts(webs):
    with start_proxy(*(web.server_port for web in webs), ADDRESS_REQUESTS="3", **OFTEN) as proxy:
        statuses = [status_of(proxy.port, headers=b"X-Forwarded-For: 192.0.2.%d\r\n" % number) for number in range(4)]

    assert statuses == [200, 200, 200, 429]


def test_a_client_that_shuts_its_sending_side_is_answered(proxy):
    with socket.create_connection((HOST, proxy.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").readline()

    assert answer == b"HTTP/1.1 200 OK\r\n"
