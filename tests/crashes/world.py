"""What a crash happens in: the other systems, processes that die, and the time that passes afterwards."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from bookings.conf import NO_NEWS_FOR
from bookings.db.clock import database_time
from bookings.models import Booking, GatewayNotice, Payment, Refund, SeatCall, SeatExchange
from bookings.ports import FlightService
from bookings.services.upkeep.run_pass import run_pass
from tests.campaigns import points
from tests.campaigns.stack import DURABLE
from tests.support.api import Api
from tests.support.bookings import gateways_of
from tests.support.durable_payments import DurablePayments
from tests.support.forks import SIGKILLED, Forks
from tests.support.invariants import what_is_wrong
from tests.support.processes import FlightSim
from tests.support.servers import database_url, environment

# Lost answers may keep a process from its crash point: then another one tries.
CHILDREN = 30

# Each pass loses a fifth of its answers; the chance that a call is still open after so many is one in a million.
PASSES = 10

TRIES = 20

_keys = itertools.count(1)


class Mortals(Forks):
    """Processes that act once each, and die where they are told to."""

    def __init__(self, *, flights_url: str, payments_file: str, **settings: str) -> None:
        usual = {"DJANGO_SETTINGS_MODULE": DURABLE, "DATABASE_URL": database_url(), "LOG_LEVEL": "CRITICAL"}
        usual["FLIGHT_SERVICE_SEAT_NUMBERS"] = settings.get("FLIGHT_SERVICE_KEYED", "true")
        others = {"FLIGHT_SERVICE_URL": flights_url, "DURABLE_PAYMENTS": payments_file, **settings}
        super().__init__("tests.crashes.child", env=environment(**{**usual, **others}))

    def live(self, **asked: Any) -> int:
        assert asked["point"] in points.ALL, f"no crash point is named {asked['point']}"
        return super().live(**asked)


@dataclass
class World:
    """The other systems, the processes of the service, and a client that remembers its keys."""

    sim: FlightSim
    flights: FlightService
    payments: DurablePayments
    mortals: Mortals
    api: Api = field(default_factory=Api)

    def dies(self, point: str, *, keyed: bool = True, **asked: Any) -> str | None:
        """Let processes act until one dies at the point; gives the client's key of that one's request, if any."""
        for _ in range(CHILDREN):
            key = f"key-{next(_keys)}" if keyed else None
            if self.mortals.live(point=point, key=key, **asked) == SIGKILLED:
                return key
        raise AssertionError(f"no process came to {point}")

    def repeats(self, act: str, *args: Any, **given: Any) -> Any:
        """Let the client repeat a request with its key until it is answered; its leases run out meanwhile."""
        for _ in range(TRIES):
            answer = getattr(self.api, act)(*args, **given)
            if answer.status_code in (200, 201, 402):
                return answer
            assert answer.status_code in (202, 409, 503), answer.content
            let_leases_end()
        raise AssertionError(f"no answer after {TRIES} repetitions: {answer.content!r}")

    def recovers(self, *, passes: int = PASSES) -> list[str]:
        """Let leases run out and passes run until all is quiet; gives what is still wrong then."""
        found = ["not looked at"]
        for _ in range(passes):
            let_leases_end()
            run_pass(flights=self.flights, payments=gateways_of(self.payments))
            found = what_is_wrong(self.sim, self.payments)
            if not found:
                break
        return found


def let_leases_end() -> None:
    """Move the ends of all leases and pauses to now."""
    now = database_time()
    Booking.objects.filter(next_at__gt=now).update(next_at=now)
    for table in (SeatCall, SeatExchange, Payment, Refund, GatewayNotice):
        table.objects.filter(next_at__gt=now).update(next_at=now)
    Booking.objects.filter(announce_at__gt=now).update(announce_at=now)
    # Their requests are silent by now.
    Payment.objects.filter(state="processing").update(first_sent_at=now - 2 * NO_NEWS_FOR)
