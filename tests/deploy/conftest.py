"""A Flight Service, and web servers that are started for one test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bookings.db.clock import database_time
from bookings.models import Heartbeat
from bookings.queries.upkeep.background import PASSES_HEARTBEAT
from tests.support.processes import FlightSim, start_flightsim
from tests.support.servers import Web, a_watched_web, database_url, environment

StartWeb = Callable[..., Web]


@pytest.fixture
def sim() -> Iterator[FlightSim]:
    with start_flightsim("--capacity", "1000000") as running:
        yield running


@pytest.fixture
def start_web(sim: FlightSim, transactional_db: Any) -> Iterator[StartWeb]:
    """Start web servers on the database of the test, which end with it."""
    # They are ready while the worker is well; here there is none, and it was well a moment ago. Passes come once a
    # minute, so that this is soon enough for as long as a test takes.
    now = {"finished_at": database_time()}
    Heartbeat.objects.update_or_create(name=PASSES_HEARTBEAT, defaults=now)
    started = []

    def start(*options: str, drain_seconds: int = 0) -> Web:
        web = a_watched_web(
            *options,
            env=environment(
                DATABASE_URL=database_url(),
                FLIGHT_SERVICE_URL=sim.url,
                DRAIN_SECONDS=str(drain_seconds),
                EXPIRY_INTERVAL_SECONDS="60",
            ),
        )
        web.start()
        started.append(web)
        return web

    yield start
    for web in started:
        web.kill()
