"""What the web server does with a connection, byte by byte: chunks, early answers, and what comes after them."""

import json
import re
import socket
import time

import pytest

from bookings.models import Booking
from devtools.processes import HOST
from tests.support.processes import start_flightsim
from tests.support.proxy import start_proxy
from tests.support.servers import a_watched_web, database_url, environment
from tests.support.waiting import await_that

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

ORDER = b'{"flightId": 1, "userId": 1001, "noOfSeats": 1}'
HEAD = b"POST /api/v1/bookings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SMUGGLED = b"POST /api/v1/bookings/1/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
LARGE = 70_000

# Longer than the proxy waits for a body.
ANSWER_SECONDS = 15.0


def chunks(*parts, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


@pytest.fixture(scope="module")
def servers(django_db_setup, django_db_blocker):
    """A web server, and the proxy before it, for all tests of this module."""
    with django_db_blocker.unblock(), start_flightsim("--capacity", "1000000") as sim:
        web = a_watched_web("--threads", "8", env=environment(DATABASE_URL=database_url(), FLIGHT_SERVICE_URL=sim.url))
        web.start()
        try:
            web.await_answer()
            with start_proxy(web.port, web.port, CHECK_INTERVAL="100ms") as proxy:
                await_that(lambda: statuses(converse(proxy.port, NEXT)) == [200])
                yield {"alone": web.port, "behind the proxy": proxy.port}
        finally:
            web.kill()


@pytest.fixture(params=["alone", "behind the proxy"])
def port(request, servers):
    """The web server, and the web server behind the proxy: both must do right."""
    return servers[request.param]


@pytest.fixture
def web_port(servers):
    return servers["alone"]


@pytest.fixture
def proxy_port(servers):
    return servers["behind the proxy"]


def converse(port, *parts, half=False, until=None):
    """Send this on one connection, a moment between the parts; give what comes back, to its end or `until`."""
    with socket.create_connection((HOST, port), timeout=ANSWER_SECONDS) as connection:
        heard = b""
        try:
            for number, part in enumerate(parts):
                time.sleep(0.05 if number else 0)
                connection.sendall(part)
            if half:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was ended before all was sent; the answer is what counts
        try:
            while (until is None or until not in heard) and (piece := connection.recv(65536)):
                heard += piece
        except ConnectionResetError:
            pass
        return heard


def statuses(heard):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", heard) if status != b"100"]


def ends_connection(heard):
    return b"connection: close" in heard.lower().partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "body",
    [
        chunks(ORDER),
        chunks(*(ORDER[start : start + 1] for start in range(len(ORDER)))),
        chunks(ORDER[:10], ORDER[10:], trailer=b"X-Checksum: 1\r\n"),
    ],
    ids=["one chunk", "a chunk for each byte", "a trailer"],
)
def test_a_body_in_chunks_is_read_and_what_follows_is_the_next_request(port, body):
    heard = converse(port, CHUNKED + body + NEXT)

    assert statuses(heard) == [201, 200]
    assert Booking.objects.count() == 1


def test_a_body_in_chunks_that_comes_bit_by_bit_is_read(port):
    body = chunks(ORDER)

    heard = converse(port, CHUNKED, body[:7], body[7:30], body[30:] + NEXT)

    assert statuses(heard) == [201, 200]


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE,
        CHUNKED + chunks(b"x" * LARGE),
        CHUNKED + chunks(*[b"x" * 1000] * 70),
    ],
    ids=["with its length", "in one chunk", "in chunks"],
)
def test_a_body_that_is_too_large_is_413_and_nothing_after_it_is_taken_for_a_request(servers, request_bytes):
    heard = converse(servers["alone"], request_bytes + SMUGGLED)
    behind = converse(servers["behind the proxy"], request_bytes + NEXT)

    assert statuses(heard) == [413]
    assert ends_connection(heard)
    # The proxy has read it all, and knows where the next request begins.
    assert statuses(behind) == [413, 200]


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: 99999999\r\n\r\n", HEAD + b"Content-Length: 99999999\r\n\r\n" + SMUGGLED],
    ids=["nothing of it", "a request inside it"],
)
def test_a_body_that_is_too_large_is_refused_before_it_comes(web_port, head):
    began = time.monotonic()

    heard = converse(web_port, head)

    assert statuses(heard) == [413]
    assert ends_connection(heard)
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_large"
    assert time.monotonic() - began < 4


@pytest.mark.slow
def test_a_body_that_does_not_come_is_408_and_ends_the_connection(web_port):
    heard = converse(web_port, HEAD + b"Content-Length: 50\r\n\r\n", b'{"flightId"', until=b"request_timeout")

    assert statuses(heard) == [408]
    assert ends_connection(heard)


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks(ORDER) + SMUGGLED,
        HEAD + b"Transfer-Encoding: identity\r\n\r\n" + ORDER + SMUGGLED,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + chunks(ORDER) + SMUGGLED,
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(ORDER) + SMUGGLED,
    ],
    ids=["compressed", "identity", "misspelled", "twice"],
)
def test_a_body_whose_end_is_not_sure_is_refused_and_ends_the_connection(port, request_bytes):
    heard = converse(port, request_bytes)

    assert len(statuses(heard)) == 1
    assert 400 <= statuses(heard)[0] < 500
    assert not Booking.objects.exists()


def test_with_a_length_and_chunks_the_chunks_count_and_the_connection_ends(port):
    """RFC 9112, 6.1. Both servers take the length away, so that nothing behind them can believe it."""
    heard = converse(port, HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(ORDER) + SMUGGLED)

    assert statuses(heard) == [201]
    assert ends_connection(heard)


def test_a_body_in_chunks_that_is_empty_is_refused(port):
    heard = converse(port, CHUNKED + b"0\r\n\r\n", NEXT)

    assert statuses(heard)[0] == 400


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"zz\r\n" + ORDER, b"5\r\n{", b"FFFFFFFFFFFFFFFFF\r\n" + ORDER])
def test_chunks_that_are_broken_make_no_booking(port, body):
    heard = converse(port, CHUNKED + body, half=True)

    assert not [status for status in statuses(heard) if status < 400]
    assert not Booking.objects.exists()


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(port):
    asking = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ORDER)

    heard = converse(port, asking, ORDER + NEXT)

    assert heard.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses(heard) == [201, 200]


def test_a_client_that_asks_to_send_too_much_is_told_so_at_once(web_port):
    heard = converse(web_port, HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % LARGE)

    assert statuses(heard) == [413]
    assert b"100 Continue" not in heard


@pytest.mark.parametrize("body", [b"", ORDER], ids=["GET", "POST"])
def test_behind_the_proxy_a_client_that_shuts_its_sending_side_is_answered(proxy_port, body):
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body if body else NEXT

    heard = converse(proxy_port, request, half=True)

    assert statuses(heard) == [201 if body else 200]


@pytest.mark.parametrize(
    "first_bytes",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
        b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    ],
    ids=["begun with", "upgraded to"],
)
def test_the_web_server_speaks_no_http_2(web_port, first_bytes):
    heard = converse(web_port, first_bytes, half=first_bytes.startswith(b"PRI"))

    assert b"101 Switching" not in heard
    assert bytes.fromhex("000000040100000000") not in heard  # the acknowledgement of settings
