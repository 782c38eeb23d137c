"""The service that is fuzzed: a stand-in Flight Service and a web server that wants tokens, both real."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bookings.gateways.payments.instant import InstantPayments
from tests.fuzz.run import Callers
from tests.support.bookings import one_pass
from tests.support.callers import a_service_key, a_token
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import what_is_wrong
from tests.support.processes import FlightSim, start_flightsim
from tests.support.servers import Web, database_url, environment, start_web

OF_A_SYSTEM_CHECK = re.compile(r"System check identified .*|WARNINGS:|\?: \(bookings\.W\d+\).*|\tHINT: .*|")

SECRET = "signs the tokens of those who are fuzzed"  # as long as HS256 asks for
ISSUER = "https://users.localhost"
CUSTOMERS = (1001, 1002)
# Longer than a campaign.
LIFE_SECONDS = 24 * 3600

# Limits answer before anything else would, and have tests of their own.
LIMITS = (
    *("CREATES_PER_MINUTE", "PAYMENTS_PER_MINUTE", "CANCELS_PER_MINUTE", "READS_PER_MINUTE"),
    *("SERVICE_REQUESTS_PER_MINUTE", "MAX_UNPAID_BOOKINGS_PER_USER"),
    "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT",
)
WITHOUT_LIMITS = dict.fromkeys(LIMITS, "0")

# A release is one call for many bookings of a flight; a few passes reach them all.
PASSES = 10


@dataclass
class Service:
    sim: FlightSim
    web: Web

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def answered(self) -> list[dict[str, Any]]:
        """Give the log's line of each request that the web server has answered."""
        return [line for line in lines_of(self.web.printed(last=0)) if line.get("event") == "request.answered"]

    def what_is_wrong(self) -> list[str]:
        """Let the background work catch up, and give every violation that is left then."""
        flights, payments = a_tireless_gateway(self.sim.url), InstantPayments()
        for _ in range(PASSES):
            one_pass(flights, payments)
        return what_is_wrong(self.sim)


@contextmanager
def start_service(*, capacity: int) -> Iterator[Service]:
    """Run it on the configured database, which is migrated, for the length of the block."""
    with start_flightsim("--flights", "50", "--capacity", str(capacity)) as sim:
        env = environment(
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            FLIGHT_SERVICE_SEAT_NUMBERS="true",
            API_AUTH="token",
            JWT_SECRET=SECRET,
            JWT_ISSUER=ISSUER,
            LOG_FORMAT="json",
            LOG_LEVEL="INFO",
            EMAIL_URL="folder:",
            MAIL_FROM="bookings@example.org",
            SMS_URL="folder:",
            **WITHOUT_LIMITS,
        )
        with start_web(env=env) as web:
            yield Service(sim, web)


def a_service_and_customers(*, service_examples: int, customer_examples: int, seed: int) -> list[Callers]:
    """Give a service that may do everything, and two customers who must not see each other's bookings."""
    end = int(time.time()) + LIFE_SECONDS
    tokens = {
        f"customer {user}": a_token(user, secret=SECRET, iss=ISSUER, aud="bookings", exp=end) for user in CUSTOMERS
    }
    return [
        Callers({"service": a_service_key(name="fuzzer")}, service_examples, seed),
        Callers(tokens, customer_examples, seed),
    ]


def lines_of(printed: str) -> list[dict[str, Any]]:
    """
    Read the lines of a log of JSON; whatever else stands in it is a line with `not json` alone.

    What the system checks warn of when a process starts is plain text, before anything is logged, and is left out.
    """
    lines = []
    for line in printed.splitlines():
        if OF_A_SYSTEM_CHECK.fullmatch(line):
            continue
        try:
            lines.append(json.loads(line))
        except ValueError:
            lines.append({"not json": line})
    return lines
