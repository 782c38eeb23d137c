"""The gateway to the Flight Service, for tests in which time is moved in the database and not on the clock."""

import itertools
from typing import Any

from bookings.conf import BREAKER_PROBE_SECONDS
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard

# More threads than any test has in one process.
ANY_CROWD = 1_000


def a_tireless_gateway(base_url: str, **options: Any) -> HttpFlightService:
    """
    Make a gateway whose breaker has rested long enough whenever it is looked at, with room for any crowd.

    It opens and closes as it does elsewhere, and never keeps a call from being made.
    """
    clock = itertools.count(step=2 * BREAKER_PROBE_SECONDS)
    return HttpFlightService(base_url, guard=Guard(clock=lambda: next(clock), places=ANY_CROWD), **options)
