"""A web server that is asked to stop, and nobody in front of it."""

import os
import signal
import socket

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from bookings.services.upkeep.run_pass import run_pass
from devtools.processes import HOST
from tests.support.bookings import gateways_of
from tests.support.fakes import FakePayments
from tests.support.gateways import a_tireless_gateway
from tests.support.http import NO_REPLY
from tests.support.invariants import assert_in_step
from tests.support.threads import in_the_background
from tests.support.waiting import PATIENCE_SECONDS, await_that

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

AN_ORDER = {"flightId": 1, "userId": 1001, "noOfSeats": 2}

# Longer than a test may take.
LONG = 300

# With two processes that share a port, one of them would be missed once in a million.
QUESTIONS = 20


def test_it_leaves_readiness_first_and_goes_on_serving_until_a_second_signal(start_web):
    web = start_web("--workers", "2", drain_seconds=LONG)
    web.await_answer()
    before = web.ask("GET", "/health/ready")[0]

    os.kill(web.pid, signal.SIGTERM)

    await_that(lambda: web.ask("GET", "/health/ready")[0] == 503)
    assert before == 200
    replies = [web.ask("GET", "/health/ready") for _ in range(QUESTIONS)]
    assert [(reply.status, reply.json()) for reply in replies] == [(503, {"status": "draining"})] * QUESTIONS
    assert web.ask("GET", "/health/live")[0] == 200
    assert web.ask("POST", "/api/v1/bookings", AN_ORDER)[0] == 201

    os.kill(web.pid, signal.SIGTERM)

    assert web.ends_within(PATIENCE_SECONDS), web.printed()
    assert web.exit_status() == 0


def test_a_port_that_somebody_has_is_refused_in_a_line(start_web):
    with socket.create_server((HOST, 0), reuse_port=True) as somebody:
        web = start_web("--port", str(somebody.getsockname()[1]))

        assert web.ends_within(PATIENCE_SECONDS)
        assert web.exit_status() == 1
        assert "Address already in use" in web.printed().splitlines()[-1]


def test_a_name_instead_of_an_address_is_refused_in_a_line(start_web):
    web = start_web("--host", "localhost")

    assert web.ends_within(PATIENCE_SECONDS)
    assert web.printed().splitlines()[-1] == (
        "CommandError: the host must be an IP address, as 127.0.0.1 or 0.0.0.0, not 'localhost'"
    )


@pytest.mark.long
def test_what_runs_longer_than_the_limit_is_cut_off_and_the_worker_finds_out_what_became_of_it(start_web, sim):
    web = start_web("--finish", "1")
    web.await_answer()
    sim.faults(latency_ms=1800)
    cut = in_the_background(lambda: web.ask("POST", "/api/v1/bookings", AN_ORDER))
    await_that(Booking.objects.exists)

    os.kill(web.pid, signal.SIGTERM)

    assert web.ends_within(PATIENCE_SECONDS), web.printed()
    assert cut.result() == NO_REPLY
    assert Booking.objects.get().status == BookingStatus.PENDING

    sim.faults()
    Booking.objects.update(next_at=database_time())  # its lease is over
    run_pass(flights=a_tireless_gateway(sim.url), payments=gateways_of(FakePayments()))

    assert Booking.objects.get().status == BookingStatus.INITIATED
    assert_in_step(sim)


def test_when_it_is_killed_nothing_goes_on_without_it(start_web):
    web = start_web()
    web.await_answer()

    os.kill(web.pid, signal.SIGKILL)

    assert web.ends_within(PATIENCE_SECONDS), web.alive()
