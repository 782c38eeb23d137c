"""A page of another origin calls the API in a real browser: where the settings name it, and nowhere else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bookings.models import Booking
from devtools.processes import HOST
from tests.support.api import BOOKINGS
from tests.support.callers import a_token
from tests.support.processes import start_flightsim
from tests.support.servers import Web, database_url, environment, start_web

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

SECRET, ISSUER = "signs the tokens of those who shop", "https://users.localhost"  # as long as HS256 asks for
PAGE_MILLISECONDS = 15_000

# What a client in a browser does: it sends JSON, and reads status, body and headers of the answer.
CALL = """async ([url, method, headers, body]) => {
    try {
        const answer = await fetch(url, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
        return {
            status: answer.status,
            body: await answer.json(),
            headers: Object.fromEntries(answer.headers.entries()),
        };
    } catch (error) {
        return {blocked: error.name};
    }
}"""


@contextmanager
def a_site() -> Iterator[str]:
    """Serve an empty page on a port of its own, which makes it an origin of its own."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A shop</title>")

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class World:
    web: Web
    shop: str
    stranger: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.web.port}"


@pytest.fixture(scope="module")
def world(django_db_setup: Any) -> Iterator[World]:
    with a_site() as shop, a_site() as stranger, start_flightsim() as sim:
        env = environment(
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            API_AUTH="token",
            JWT_SECRET=SECRET,
            JWT_ISSUER=ISSUER,
            READS_PER_MINUTE="2",
            CORS_ALLOWED_ORIGINS=shop,
        )
        with start_web(env=env) as web:
            yield World(web, shop, stranger)


@pytest.fixture
def visit(browser, world, transactional_db):
    """Open a page of a site, and return what calls the API from there."""
    context = browser.new_context()
    context.set_default_timeout(PAGE_MILLISECONDS)
    page = context.new_page()

    def calls_from(site):
        page.goto(site)

        def call(method, path, body=None, **headers):
            sent = {"Content-Type": "application/json", **headers}
            return page.evaluate(CALL, [world.url + path, method, sent, body])

        return call

    yield calls_from
    context.close()


def authorized(user):
    end = int(time.time()) + 600
    token = a_token(user, secret=SECRET, iss=ISSUER, aud="bookings", exp=end)
    return {"Authorization": f"Bearer {token}"}


def test_a_page_that_is_named_books_and_reads_what_clients_need(world, visit):
    call, me = visit(world.shop), authorized(2001)
    order = {"flightId": 1, "noOfSeats": 1}

    made = call("POST", BOOKINGS, order, **me, **{"Idempotency-Key": "k", "X-Request-ID": "abc"})
    again = call("POST", BOOKINGS, order, **me, **{"Idempotency-Key": "k", "traceparent": "00", "Prefer": "wait=1"})
    cancelled = call("POST", f"{made['headers']['location']}/cancel", {"reason": "✈"}, **me)

    assert [answer["status"] for answer in (made, again, cancelled)] == [201, 201, 200]
    assert made["headers"]["x-request-id"] == "abc"
    assert "ratelimit-limit" in made["headers"]
    assert again["headers"]["idempotent-replayed"] == "true"
    assert again["body"] == made["body"]
    assert Booking.objects.get().status == "cancelled"


def test_a_page_that_is_named_reads_refusals(world, visit):
    call, me = visit(world.shop), authorized(2002)

    nobody = call("GET", BOOKINGS)
    nothing = call("GET", "/api/v1/nothing", **me)
    twice = call("GET", BOOKINGS, **me, **{"Idempotency-Key": "a,a"})
    often = [call("GET", BOOKINGS, **me) for _ in range(3)][-1]

    assert [answer["body"]["error"]["code"] for answer in (nobody, nothing, twice, often)] == [
        *("token_missing", "not_found", "invalid_request", "too_many_requests"),
    ]
    assert nobody["headers"]["www-authenticate"] == 'Bearer realm="bookings"'
    assert int(often["headers"]["retry-after"]) > 0


def test_a_page_that_is_not_named_books_nothing(world, visit):
    call, me = visit(world.stranger), authorized(2003)

    answers = [
        call("POST", BOOKINGS, {"flightId": 1, "noOfSeats": 1}, **me),
        call("GET", BOOKINGS, **me),
        call("GET", "/api/v1/info"),
    ]

    assert answers == [{"blocked": "TypeError"}] * 3
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/admin/login/"])
def test_a_page_that_is_named_reads_nothing_but_the_api(world, visit, path):
    assert visit(world.shop)("GET", path) == {"blocked": "TypeError"}


def test_a_page_that_is_named_sends_no_other_headers(world, visit):
    answer = visit(world.shop)("GET", "/api/v1/info", **{"X-Other": "1"})

    assert answer == {"blocked": "TypeError"}
