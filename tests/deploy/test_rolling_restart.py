"""Two web servers behind the proxy are restarted one after the other, and no client notices."""

import re

import pytest

from bookings.models import Booking
from tests.campaigns.deploy import clients_of, restart, unlike_the_rows
from tests.support.invariants import assert_in_step
from tests.support.proxy import start_proxy
from tests.support.threads import in_the_background
from tests.support.waiting import await_that

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# Whoever may ask another server hides what the first has done: here nothing is tried twice.
NO_RETRIES = {"RETRIES": "0"}

# One second is twenty checks, of which the proxy needs two, as a busy machine may be late.
DRAIN_SECONDS = 1
OFTEN = {"CHECK_INTERVAL": "50ms"}

# So seldom that the proxy does not find out in time.
SELDOM = {"CHECK_INTERVAL": "60s"}

AN_ORDER = {"flightId": 5, "userId": 2001, "noOfSeats": 2}


@pytest.fixture
def two_webs(start_web):
    """Start two web servers at once, as each takes seconds."""

    def start(**options):
        webs = [start_web(**options), start_web(**options)]
        for web in webs:
            web.await_answer()
        return webs

    return start


def test_a_rolling_restart_fails_no_request_and_loses_nothing(two_webs, sim):
    web1, web2 = two_webs(drain_seconds=DRAIN_SECONDS)

    with start_proxy(web1.port, web2.port, **NO_RETRIES, **OFTEN) as proxy, clients_of(proxy) as clients:
        restart(web1, "web1", proxy=proxy, load=clients)
        restart(web2, "web2", proxy=proxy, load=clients)

    assert clients.doors.failures() == []
    assert unlike_the_rows(clients) == []
    assert_in_step(sim)


def test_without_draining_what_runs_is_answered_and_what_comes_next_fails(two_webs, sim):
    web1, web2 = two_webs(drain_seconds=0)
    with start_proxy(web1.port, web2.port, **NO_RETRIES, **SELDOM) as proxy, clients_of(proxy) as clients:
        sim.faults(latency_ms=700)
        running = in_the_background(lambda: web1.ask("POST", "/api/v1/bookings", AN_ORDER))
        await_that(lambda: Booking.objects.filter(user_id=2001).exists())

        web1.stop_in_order()
        await_that(clients.doors.failures)

    assert running.result().status == 201
    assert {re.search(r"answered (\d+)", failure).group(1) for failure in clients.doors.failures()} == {"503"}
    assert_in_step(sim)
