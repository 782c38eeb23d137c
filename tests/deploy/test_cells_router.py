"""The router of deploy/cells/haproxy.cfg: which cell gets which request, by what it names."""

import http.server
import itertools
import json
import os
import signal
import subprocess
import threading
from http.client import HTTPConnection

import pytest

from bookings.text.cells import Cell
from bookings.text.references import CONSONANTS
from devtools.cells import CONFIGURATION
from devtools.processes import HOST, ends_with_parent, free_port
from tests.support.processes import Server
from tests.support.proxy import PROGRAM

LETTERS = CONFIGURATION.with_name("letters.map")


class Web(http.server.ThreadingHTTPServer):
    """A web server of a cell, which says whose it is and what the router has told it."""

    def __init__(self, cell):
        self.cell = cell
        super().__init__((HOST, 0), Request)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, _request, _client_address):
        """Say nothing: the router ends in the middle of its checks."""


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps([self.server.cell, self.headers.get("Booking-Cell")]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *arguments):
        pass


def places(*, listen=1, webs=(2, 2, 3, 3)):
    names = ("CELL1_WEB1", "CELL1_WEB2", "CELL2_WEB1", "CELL2_WEB2")
    return {
        **os.environ,
        **{name: f"{HOST}:{port}" for name, port in zip(names, webs, strict=True)},
        "LISTEN": f"{HOST}:{listen}",
        "CELLS": "2",
        "PUBLIC_HOST": "bookings.test",
        "LETTERS": str(LETTERS),
        "CHECK_INTERVAL": "5s",
    }


@pytest.fixture(scope="module")
def router():
    webs = [Web(1), Web(1), Web(2), Web(2)]
    port = free_port()
    words = (*ends_with_parent(signal.SIGKILL), PROGRAM, "-db", "-f", str(CONFIGURATION))
    with Server(*words, env=places(listen=port, webs=[web.server_port for web in webs])).running() as server:
        server.await_sign(lambda: answers(port))
        yield port
    for web in webs:
        web.shutdown()
        web.server_close()


def answers(port):
    try:
        return sent(port, "GET", "/api/v1")[0] == 200
    except OSError:
        return False


def sent(port, method, path, body=None, host="bookings.test"):
    """Send one request; give the status, and what answered."""
    peer = HTTPConnection(HOST, port, timeout=30)
    try:
        headers = {"Host": host, "Content-Type": "application/json", "Booking-Cell": "9"}
        peer.request(method, path, body, headers)
        answer = peer.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None
    finally:
        peer.close()


def test_haproxy_takes_the_file_without_a_warning():
    done = subprocess.run(
        [PROGRAM, "-c", "-f", str(CONFIGURATION)], env=places(), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_map_has_each_first_letter_of_a_reference_at_its_place():
    assert LETTERS.read_text().split() == [word for pair in enumerate(CONSONANTS) for word in (pair[1], str(pair[0]))]


def test_each_request_reaches_the_cell_of_what_it_names(router):
    wrong = []
    asked = [
        *(("POST", "/api/v1/bookings", f'{{"metadata": {{"a": "}}"}}, "flightId": {n}}}', n) for n in (1, 2, 12, 4711)),
        *(("POST", "/api/v1/bookings/", f'{{"x": [{{"flightId": 1}}], "flightId": {n}}}', n) for n in (1, 2)),
        *(("POST", "/api/v1/bookings/payments", f'{{"userId": 1, "bookingId": {n}}}', n) for n in (7, 8)),
        *(("GET", f"/api/v1/bookings/{n}", None, n) for n in (7, 8, 1234567890123, 1234567890124)),
        *(("POST", f"/api/v1/bookings/{n}/cancel", "{}", n) for n in (7, 8)),
        *(("GET", f"/api/v1/bookings/{n}/events", None, n) for n in (7, 8)),
        *(("GET", f"/api/v1/bookings?userId=1&flightId={n}", None, n) for n in (7, 8)),
        *(("GET", f"/api/v1/flights/{n}/seats", None, n) for n in (7, 8)),
    ]
    for method, path, body, number in asked:
        found = sent(router, method, path, body)
        if found != (200, [Cell(1, 2).cell_of(number), None]):
            wrong.append((method, path, body, found))
    for letter, form in itertools.product(CONSONANTS, ("{}2345678", "%20{}234-5678")):
        name = form.format(letter.lower())
        for path in (f"/api/v1/bookings/{name}", f"/api/v1/bookings?reference={name}"):
            found = sent(router, "GET", path)
            if found != (200, [Cell(1, 2).cell_of_reference(letter), None]):
                wrong.append((path, found))
    assert wrong == []


def test_what_names_no_flight_goes_to_any_and_no_client_can_ask_for_one_cell(router):
    answered = [sent(router, "GET", "/api/v1/bookings?userId=1") for _ in range(4)]

    assert sorted(answered) == [(200, [1, None])] * 2 + [(200, [2, None])] * 2
    assert sent(router, "POST", "/api/v1/bookings", "{}")[0] == 200


def test_what_each_cell_has_of_its_own_needs_the_address_of_a_cell(router):
    api = "/api/v1"
    of_each = (
        "/admin/",
        "/webhooks/stripe",
        f"{api}/events",
        f"{api}/webhook-endpoints/we_1",
        f"{api}/users/1/contacts",
    )
    for path in of_each:
        status, said = sent(router, "GET", path)
        assert (status, said["error"]["code"]) == (404, "name_a_cell")
        assert sent(router, "GET", path, host="cell2.bookings.test") == (200, [2, "2"])
        assert sent(router, "GET", path, host="CELL1.bookings.test") == (200, [1, "1"])
    assert sent(router, "GET", "/api/v1/bookings", host="cell2.bookings.test") == (200, [2, "2"])
    assert sent(router, "GET", "/health/ready") == (404, None)
