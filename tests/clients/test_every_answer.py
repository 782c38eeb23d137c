"""A generated client reads each answer that the description has an example of, as what it is."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

pytestmark = pytest.mark.long

ENDPOINT = "we_5b1f0c9a7e6d4f5b8a9c0d1e2f3a4b5c"

CONTACT = {"email": "ada@example.org", "phone": "+4915123456789", "wants": ["sms", "reminders"]}
CALLS = {
    "createBooking": {"body": {"flightId": 1, "userId": 1001, "noOfSeats": 2}},
    "payBooking": {"body": {"bookingId": 1, "userId": 1001, "totalCost": 4000}, "key": "k"},
    "cancelBooking": {"id": 1, "body": {"userId": 1001}},
    "changeBookingContact": {"id": 1, "body": {"userId": 1001, "contact": CONTACT}},
    "eraseBookingContact": {"id": 1},
    "eraseUserContacts": {"id": 1},
    "getBooking": {"id": 1},
    "listBookingEvents": {"id": 1},
    "listBookingPayments": {"id": 1},
    "listBookings": {"query": {"userId": 1001, "limit": 5}},
    "listEvents": {"query": {"types": ["booking.paid"], "limit": 5}},
    "getSeatMap": {"id": 1},
    "changeSeats": {"id": 1, "body": {"userId": 1001, "seatNumbers": ["14C", "14D"]}},
    "getServiceInfo": {},
    "listLinks": {},
    "listWebhookEndpoints": {},
    "makeWebhookEndpoint": {"body": {"url": "https://hooks.example.org/bookings", "types": ["booking.paid"]}},
    "getWebhookEndpoint": {"id": ENDPOINT},
    "changeWebhookEndpoint": {"id": ENDPOINT, "body": {"state": "paused"}},
    "deleteWebhookEndpoint": {"id": ENDPOINT},
    "rotateWebhookSecret": {"id": ENDPOINT, "body": {"graceHours": 1}},
    "pingWebhookEndpoint": {"id": ENDPOINT},
    "replayWebhooks": {"id": ENDPOINT, "body": {"since": "2026-11-28T20:00:00Z"}},
    "listWebhookDeliveries": {"id": ENDPOINT, "query": {"bookingId": 1, "limit": 5}},
    "getWebhookDelivery": {"id": ENDPOINT, "delivery": 7},
    "redeliverWebhook": {"id": ENDPOINT, "delivery": 7},
}


def examples(document):
    """Each example of an answer: the id of its operation, its status, and its body."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                shared = document["components"]["responses"].get(response.get("$ref", "").rpartition("/")[2])
                for example in (shared or response)["content"]["application/json"]["examples"].values():
                    yield operation["operationId"], int(status), example["value"]


class Player(BaseHTTPRequestHandler):
    """Answers every request with what `server.answer` is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture
def player():
    with ThreadingHTTPServer(("127.0.0.1", 0), Player) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_every_example_of_an_answer_is_read(connect, document, player):
    client = connect(url_of(player))
    codes = set()

    for operation, status, body in examples(document):
        player.answer = (status, json.dumps(body).encode())
        heard = client.call(operation, **CALLS[operation])
        error = body["error"]
        assert (heard.status, heard.success) == (status, body["success"]), operation
        assert (heard.code, heard.retryable) == (error.get("code", ""), error.get("retryable", False)), operation
        assert heard.data.keys() == body["data"].keys()
        codes.add(heard.code)

    assert len(codes) >= 30


def test_what_will_be_added_is_read_too(connect, document, player):
    """New fields, codes and values are no reason to generate a client again."""
    answers = {(operation, status): body for operation, status, body in examples(document)}
    booking = answers["getBooking", 200]
    booking["data"] |= {"status": "waiting", "availableActions": ["wait"], "cancelReason": "weather"}
    refusal = answers["createBooking", 404]
    refusal["error"]["code"] = "moon_not_full"
    client = connect(url_of(player))

    player.answer = (200, json.dumps(booking).encode())
    read = client.call("getBooking", id=1)
    player.answer = (404, json.dumps(refusal).encode())
    refused = client.call("createBooking", **CALLS["createBooking"])

    shown = {name: read.data[name] for name in ("status", "availableActions", "cancelReason")}
    assert shown == {"status": "waiting", "availableActions": ["wait"], "cancelReason": "weather"}
    assert refused.code == "moon_not_full"
