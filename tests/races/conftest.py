"""Fixtures of the races: a real stand-in Flight Service, and gateways of both kinds."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from bookings import wiring
from bookings.db import transactions
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.ports import PaymentGateway
from tests.races.guards import CONNECTION_LOST
from tests.races.payers import with_its_payer
from tests.support.fakes import FakePayments
from tests.support.gateways import a_tireless_gateway
from tests.support.processes import PLENTY, FlightSim, start_flightsim
from tests.support.sessions import kill_session, session_number

FLIGHTS = 50


@pytest.fixture(autouse=True)
def caps_out_of_reach(settings) -> None:
    """One user stands for many here: it is locked at every create, as anywhere, and never has too much."""
    settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 1_000, 100_000


@pytest.fixture(scope="package")
def running_sim() -> Iterator[FlightSim]:
    with start_flightsim("--flights", str(FLIGHTS)) as sim:
        yield sim


@pytest.fixture
def sim(running_sim: FlightSim) -> FlightSim:
    """A stand-in Flight Service, a process of its own, that has forgotten everything."""
    running_sim.faults()
    running_sim.reset(capacity=PLENTY)
    return running_sim


@pytest.fixture
def flights(sim: FlightSim, monkeypatch: pytest.MonkeyPatch) -> HttpFlightService:
    """The gateway to it, in the place of the configured one."""
    gateway = a_tireless_gateway(sim.url)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    return gateway


@pytest.fixture(params=["settles here", "settles elsewhere"])
def either_gateway(request: pytest.FixtureRequest) -> PaymentGateway:
    """A payment gateway of either kind: one transaction for a payment, or two with a call between them."""
    return InstantPayments() if request.param == "settles here" else FakePayments()


@pytest.fixture
def lost_commit(monkeypatch):
    """
    Make the first COMMIT of a named transaction lose its answer: it is carried out, and its session dies.

    Gives the names of all transactions that were tried since.
    """

    def lose(name):
        attempts = []
        run_in_earnest, commit_in_earnest = transactions.run, connection._commit

        def run_and_note(this, block, **how):
            def noted():
                attempts.append(this)
                result = block()
                if how:  # one statement, which is its own COMMIT
                    lose_the_answer()
                return result

            return run_in_earnest(this, noted, **how)

        def commit():
            commit_in_earnest()
            lose_the_answer()

        def lose_the_answer():
            if attempts[-1:] == [name] and attempts.count(name) == 1:
                kill_session(session_number())
                raise OperationalError(CONNECTION_LOST, "Lost connection to server during query")

        monkeypatch.setattr(transactions, "run", run_and_note)
        monkeypatch.setattr(connection, "_commit", commit)
        return attempts

    return lose


@pytest.fixture
def payments() -> FakePayments:
    """A gateway whose payers confirm by themselves what comes without a token."""
    gateway = FakePayments()
    gateway.needs_payer = True
    return gateway


@pytest.fixture
def waiting(flights: HttpFlightService, payments: FakePayments) -> Booking:
    """A booking whose payer is at the bank's page."""
    return with_its_payer(flights, payments)
