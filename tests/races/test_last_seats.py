"""
Two hundred clients at once for the last ten seats: ten are sold, by threads and by processes.

ROUNDS=20 runs each twenty times.
"""

import threading
import time
import uuid
from functools import partial

import pytest

from bookings.answers.results import Accepted, Created, Refused
from bookings.errors import SeatsUnavailable
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from tests.races.crowd import PATIENCE_SECONDS, all_at_once
from tests.races.guards import forget_everything, rounds
from tests.support.bookings import a_key, customer, let_time_pass, one_pass
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim
from tests.support.servers import Web, database_url, environment, start_web

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

CLIENTS = 200
SEATS = 10
# On a machine that is busy with something else.
PASSES = 5

# Answers that ask the client to repeat the request with its key; none (0) asks for it too. It waits less than it
# is told, and enough.
ASK_AGAIN = (0, 409, 503)
TRIES, PAUSE_SECONDS = 100, 0.2


def create(flights, keyed, user_id):
    return create_booking(
        order=SeatOrder(1, user_id, 1), actor=customer(user_id), keyed=keyed, respond_async=True, flights=flights
    )


def sold():
    return Booking.objects.filter(status="initiated").count()


@pytest.mark.slow
def test_two_hundred_threads_buy_the_last_ten_seats(flights, sim):
    for _ in rounds(1):
        sim.reset(capacity=SEATS)
        forget_everything()

        outcomes = all_at_once([partial(create, flights, a_key(), user_id) for user_id in range(1, 1 + CLIENTS)])

        for _ in range(PASSES):  # each asks about takes whose answer came too late, as many as it can
            let_time_pass(seconds=60)
            one_pass(flights, InstantPayments())
        assert {type(outcome) for outcome in outcomes} <= {Created, Accepted, Refused, SeatsUnavailable}
        assert (sold(), sim.flight()["remaining"]) == (SEATS, 0)
        assert_in_step(sim)


def buy_over_http(web: Web, user_id: int) -> int:
    """Buy one seat as a client does: whatever is not an answer is repeated with the same key."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    order = {"flightId": 1, "userId": user_id, "noOfSeats": 1}
    for _ in range(TRIES):
        status = web.ask("POST", "/api/v1/bookings", order, key).status
        if status not in ASK_AGAIN:
            return status
        time.sleep(PAUSE_SECONDS)
    return status


@pytest.mark.slow
def test_two_hundred_clients_of_two_web_processes_buy_the_last_ten_seats(sim):
    env = environment(DATABASE_URL=database_url(), FLIGHT_SERVICE_URL=sim.url)
    with start_web(env=env) as web:
        for _ in rounds(1):
            sim.reset(capacity=SEATS)
            forget_everything()

            statuses = all_at_once([partial(buy_over_http, web, user_id) for user_id in range(1, 1 + CLIENTS)])

            assert sorted(statuses) == [201] * SEATS + [400] * (CLIENTS - SEATS)
            assert (sold(), sim.flight()["remaining"]) == (SEATS, 0)
            assert_in_step(sim)


@pytest.mark.slow
def test_twin_that_trusts_what_a_get_showed_oversells(monkeypatch):
    nobody_has_sent_yet = threading.Barrier(2 * SEATS, timeout=PATIENCE_SECONDS)

    class Together(HttpFlightService):
        def change_seats(self, change, *, seconds):
            nobody_has_sent_yet.wait()
            return super().change_seats(change, seconds=seconds)

    with start_flightsim("--unkeyed", "--capacity", str(SEATS)) as never_refuses:
        flights = Together(never_refuses.url, guard=Guard(places=2 * SEATS))

        all_at_once([partial(create, flights, a_key(), user_id) for user_id in range(1, 1 + 2 * SEATS)])

        assert (sold(), never_refuses.flight()["remaining"]) == (2 * SEATS, -SEATS)
