"""What the reverse proxy of `deploy/haproxy.cfg` does with what clients send."""

import http.server
import json
import socket
import threading
from http.client import HTTPConnection

import pytest

from devtools.processes import HOST, free_port
from tests.deploy.proxy import check, start_proxy

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
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, len(body)))
        if self.server.breaks_off:
            self.close_connection = True
        else:
            self._answer(json.dumps(self.headers.items()).encode())

    do_POST = do_GET

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


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "/m%65trics", "/metrics?x=1"])
def test_metrics_are_not_for_those_outside(proxy, webs, path):
    status, _content, _headers = ask(proxy.port, path=path)

    assert status == 404
    assert [request for web in webs for request in web.requests] == []
