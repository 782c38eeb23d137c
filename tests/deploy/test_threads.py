"""What hangs takes threads of its own kind, and no others: a Flight Service, a lock, and slow clients."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.db import transaction

from bookings.models import Booking
from devtools.processes import HOST
from tests.support.http import exchange
from tests.support.scrapes import numbers_in
from tests.support.waiting import PATIENCE_SECONDS, await_that

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

THREADS = 8
CREATES = "/api/v1/bookings"
AN_ORDER = b'{"flightId": 1, "userId": 1001, "noOfSeats": 1}'

# More than a process works on and lets wait.
CROWD = 80

# Longer than the service waits for any answer, so that each create ends without seats.
HANGS_MS = 3_000


@pytest.fixture
def web(start_web):
    running = start_web("--threads", str(THREADS))
    running.await_answer()
    return running


def create(web, key=""):
    return exchange(web.port, "POST", CREATES, AN_ORDER, {"Idempotency-Key": key} if key else {})


def code_of(reply):
    return json.loads(reply.body)["error"].get("code", "")


def running(web, kind):
    numbers = numbers_in(exchange(web.port, "GET", "/metrics").body.decode())
    return numbers.get(f"bookings_http_requests_running {kind}", 0)


def turned_away(web, kind):
    numbers = numbers_in(exchange(web.port, "GET", "/metrics").body.decode())
    return numbers[f"bookings_http_requests_turned_away_total {kind}"]


def statuses_of_all_else(web, booking):
    """What others meet meanwhile: a reader, a payer, staff, a health check and a scrape."""
    payment = {"bookingId": booking["id"], "userId": 1001, "totalCost": booking["totalCost"]}
    asked = [
        ("GET", f"{CREATES}/{booking['id']}?userId=1001", None, {}),
        ("POST", f"{CREATES}/payments", json.dumps(payment).encode(), {"Idempotency-Key": "paid"}),
        ("GET", "/admin/login/", None, {}),
        ("GET", "/health/ready", None, {}),
        ("GET", "/health/live", None, {}),
        ("GET", "/metrics", None, {}),
    ]
    return [exchange(web.port, method, path, body, headers).status for method, path, body, headers in asked]


def test_a_flight_service_that_hangs_leaves_all_others_their_threads(web, sim):
    booking = json.loads(create(web).body)["data"]
    sim.faults(latency_ms=HANGS_MS)

    with ThreadPoolExecutor(CROWD) as clients:
        creates = [clients.submit(create, web) for _ in range(CROWD)]
        await_that(lambda: running(web, "create") == THREADS // 2)
        meanwhile = statuses_of_all_else(web, booking)
        hanging = running(web, "create")
        answers = [each.result() for each in creates]

    assert meanwhile == [200, 201, 200, 200, 200, 200]
    assert hanging == THREADS // 2
    assert {reply.status for reply in answers} == {503}
    assert {code_of(reply) for reply in answers} == {"service_busy", "flight_service_unavailable"}
    assert all(int(reply.headers["retry-after"]) > 0 for reply in answers)
    assert turned_away(web, "create") == sum(code_of(reply) == "service_busy" for reply in answers)


@pytest.mark.long
def test_a_create_that_is_turned_away_has_spent_neither_its_key_nor_a_place_in_the_limit(start_web, sim):
    web = start_web("--threads", "4")
    web.await_answer()
    sim.faults(latency_ms=HANGS_MS)
    with ThreadPoolExecutor(CROWD) as clients:
        keys = [f"crowd-{number}" for number in range(CROWD)]
        answers = dict(zip(keys, clients.map(lambda key: create(web, key), keys), strict=True))
    key = next(key for key, reply in answers.items() if code_of(reply) == "service_busy")
    sim.faults()

    await_that(lambda: create(web, f"other-{Booking.objects.count()}").status == 201)
    again = create(web, key)

    assert again.status == 201
    assert "idempotent-replayed" not in again.headers


@pytest.mark.long
def test_cancels_that_wait_for_one_booking_leave_reads_and_creates_alone(web):
    booking, other = (json.loads(create(web).body)["data"] for _ in range(2))

    with ThreadPoolExecutor(CROWD) as clients, transaction.atomic():
        Booking.objects.select_for_update().get(pk=booking["id"])
        cancels = [
            clients.submit(exchange, web.port, "POST", f"{CREATES}/{booking['id']}/cancel", b'{"userId": 1001}')
            for _ in range(4)
        ]
        await_that(lambda: running(web, "change") >= 1)
        read = exchange(web.port, "GET", f"{CREATES}/{other['id']}?userId=1001")
        created = create(web)
        ready = exchange(web.port, "GET", "/health/ready")
        still_waiting = [each.done() for each in cancels if not each.done()]

    assert (read.status, created.status, ready.status) == (200, 201, 200)
    assert still_waiting


@pytest.mark.long
def test_half_requests_hold_no_thread_that_works(web):
    with ExitStack() as sockets:
        for _ in range(100):
            half = sockets.enter_context(socket.create_connection((HOST, web.port), timeout=PATIENCE_SECONDS))
            half.sendall(b"POST /api/v1/bookings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        await_that(lambda: create(web).status == 503)

        turned_away_one = create(web)
        others = [exchange(web.port, "GET", path).status for path in ("/health/ready", "/api/v1/info")]

    assert code_of(turned_away_one) == "service_busy"
    assert others == [200, 200]
    await_that(lambda: create(web).status == 201)


def test_an_export_is_sent_as_a_whole_again_and_again(web, admin_client):
    references = {json.loads(create(web).body)["data"]["reference"] for _ in range(3)}
    cookie = {"Cookie": f"sessionid={admin_client.cookies['sessionid'].value}"}

    exports = [exchange(web.port, "GET", "/admin/bookings/booking/export/", None, cookie) for _ in range(5)]

    assert {reply.status for reply in exports} == {200}
    assert all(reference in reply.body.decode() for reply in exports for reference in references)


@pytest.mark.long
def test_one_thread_is_enough_to_start_with(start_web):
    web = start_web("--threads", "1")
    web.await_answer()

    booking = json.loads(create(web).body)["data"]

    assert statuses_of_all_else(web, booking) == [200, 201, 200, 200, 200, 200]
