"""Headers as they come over a connection, to the web server itself: twice, in another case, blank, folded."""

import socket
import uuid

import pytest

from bookings.models import Booking
from devtools.processes import HOST
from tests.support.api import BOOKINGS
from tests.support.processes import start_flightsim
from tests.support.servers import database_url, environment, start_web

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

ORDER = b'{"flightId": 1, "userId": 1001, "noOfSeats": 1}'
SECONDS = 30.0


@pytest.fixture(scope="module")
def port(django_db_setup):
    with start_flightsim() as sim:
        env = environment(DATABASE_URL=database_url(), FLIGHT_SERVICE_URL=sim.url, API_AUTH="open")
        with start_web(env=env) as web:
            yield web.port


def status(port, *headers, method="POST", path=BOOKINGS, version="1.1", host=True, body=ORDER):
    """Send these lines as they are, and read the status of the answer."""
    lines = [f"{method} {path} HTTP/{version}", *(["Host: 127.0.0.1"] if host else []), "Connection: close"]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *headers, "", ""]).encode()
    with socket.create_connection((HOST, port), SECONDS) as connection:
        connection.sendall(head + (body if method == "POST" else b""))
        return int(connection.makefile("rb").readline().split()[1])


def a_key():
    return uuid.uuid4().hex


TWICE = {
    "the same": ("Idempotency-Key: {0}", "Idempotency-Key: {0}"),
    "another": ("Idempotency-Key: {0}", "Idempotency-Key: {0}x"),
    "in another case": ("Idempotency-Key: {0}", "IDEMPOTENCY-KEY: {0}"),
    "apart": ("idempotency-key: {0}", "X-Other: 1", "Idempotency-Key: {0}"),
    "three times": ("Idempotency-Key: {0}",) * 3,
    "one is empty": ("Idempotency-Key:", "Idempotency-Key: {0}"),
    "one is empty, the last": ("Idempotency-Key: {0}", "Idempotency-Key:"),
    "one is not ASCII": ("Idempotency-Key: é", "Idempotency-Key: {0}"),
    "the older name": ("x-idempotency-key: {0}", "X-Idempotency-Key: {0}"),
    "both names, one of them twice": ("Idempotency-Key: {0}", "x-idempotency-key: {0}", "X-Idempotency-Key: {0}"),
    "both names, two keys": ("Idempotency-Key: {0}", "x-idempotency-key: {0}x"),
    "quoted": ('Idempotency-Key: "{0}"', 'Idempotency-Key: "{0}"'),
}


@pytest.mark.parametrize("lines", TWICE.values(), ids=TWICE)
def test_a_key_that_comes_twice_makes_no_second_booking(port, lines):
    key = a_key()
    first = status(port, f"{lines[0].split(':')[0]}: {key}")
    made = Booking.objects.count()

    answers = [status(port, *(line.format(key) for line in lines)) for _ in range(2)]

    assert (first, answers) == (201, [400, 400])
    assert Booking.objects.count() == made


@pytest.mark.parametrize("value", ["   {0}", "{0}   ", "\t{0}\t", '"{0}"'])
def test_blanks_round_a_key_and_its_quotes_are_no_part_of_it(port, value):
    key = a_key()
    status(port, f"Idempotency-Key: {key}")
    made = Booking.objects.count()

    again = status(port, f"Idempotency-Key:{value.format(key)}")

    assert again == 201
    assert Booking.objects.count() == made


REFUSED = {
    "an empty key": ("Idempotency-Key:",),
    "a key of blanks": ("Idempotency-Key:   ",),
    "a folded key": ("Idempotency-Key: a", " b"),
    "a blank before the colon": ("Idempotency-Key : a",),
    "a key with a comma": ("Idempotency-Key: a,b",),
    "another length": ("Content-Length: 1",),
    "a length with an underscore": ("Content_Length: 1",),
    "a type with an underscore": ("Content_Type: text/plain",),
    "two credentials": ("Authorization: Bearer a", "authorization: Bearer b"),
    "two origins": ("Origin: https://a.example", "Origin: https://a.example"),
    "two hosts": ("Host: 127.0.0.1",),
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_what_is_not_clear_is_400_and_books_nothing(port, lines):
    made = Booking.objects.count()

    assert status(port, *lines) == 400
    assert Booking.objects.count() == made


def test_what_may_come_twice_may(port):
    answer = status(
        port,
        *("Prefer: wait=5", "Prefer: respond-async", "Accept: text/html", "Accept: application/json"),
        *("X-Request-ID: a", "X-Request-ID: a", "traceparent: 00", "traceparent: 00"),
    )

    assert answer == 201


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("1.0", ()),
        ("1.1", ()),
        ("1.1", ("Host:",)),
        ("1.1", ("Host: 10.1.2.3:8000",)),
        ("1.1", ("Host: x", "Host: y")),
    ],
    ids=["1.0", "no host", "an empty one", "an address", "two"],
)
def test_probes_are_answered_whatever_the_host_is(port, path, method, version, lines):
    assert status(port, *lines, method=method, path=path, version=version, host=False) == 200


@pytest.mark.parametrize("path", [BOOKINGS, "/", "/api/v1/info", "/admin/login/", "/static/bookings/office.css"])
@pytest.mark.parametrize(("version", "lines"), [("1.0", ()), ("1.1", ()), ("1.1", ("Host: evil.example.org",))])
def test_nothing_else_is(port, path, version, lines):
    assert status(port, *lines, method="GET", path=path, version=version, host=False) == 400
