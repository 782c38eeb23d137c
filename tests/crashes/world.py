"""What a crash happens in: the other systems, processes that die, and the time that passes afterwards."""

import itertools
import json
import select
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Self

from bookings.db.clock import database_time
from bookings.models import Booking, Payment, SeatCall
from bookings.ports import FlightService
from bookings.services.upkeep.run_pass import run_pass
from tests.campaigns import points
from tests.support.api import Api
from tests.support.durable_payments import DurablePayments
from tests.support.invariants import money_out_of_step, seats_out_of_step, violations
from tests.support.processes import REPOSITORY, FlightSim
from tests.support.servers import database_url, environment

# Loading Django takes a second on an idle machine, a child's life far less.
PATIENCE_SECONDS = 60.0

SIGKILLED = -9

# Lost answers may keep a process from its crash point: then another one tries.
CHILDREN = 30

# Each pass loses a fifth of its answers; the chance that a call is still open after so many is one in a million.
PASSES = 10

TRIES = 20

_keys = itertools.count(1)


class Mortals:
    """Processes that act once each, and die where they are told to."""

    def __init__(self, *, flights_url: str, payments_file: str, **settings: str) -> None:
        self._settings = {"FLIGHT_SERVICE_URL": flights_url, "DURABLE_PAYMENTS": payments_file, **settings}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.child"],
            cwd=REPOSITORY,
            env=environment(
                DJANGO_SETTINGS_MODULE="tests.campaigns.settings",
                DATABASE_URL=database_url(),
                LOG_LEVEL="CRITICAL",
                **self._settings,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._said() == "ready"
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def live(self, **asked: Any) -> int:
        """Let one process do what is asked, and tell how it ended."""
        assert asked["point"] in points.ALL, f"no crash point is named {asked['point']}"
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._said())

    def _said(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        assert readable, "a mortal process neither ended nor died"
        return self._process.stdout.readline().strip()


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
        raise AssertionError(f"nobody came to {point}")

    def repeats(self, act: str, *args: Any, **given: Any) -> Any:
        """Let the client repeat a request with its key until it is answered; its leases run out meanwhile."""
        for _ in range(TRIES):
            answer = getattr(self.api, act)(*args, **given)
            if answer.status_code in (200, 201):
                return answer
            assert answer.status_code in (202, 409, 503), answer.content
            let_leases_end()
        raise AssertionError(f"no answer after {TRIES} repetitions: {answer.content!r}")

    def recovers(self, *, passes: int = PASSES) -> list[str]:
        """Let leases run out and passes run until all is quiet; gives what is still wrong then."""
        found = ["not looked at"]
        for _ in range(passes):
            let_leases_end()
            run_pass(flights=self.flights, payments=self.payments)
            found = self.what_is_wrong()
            if not found:
                break
        return found

    def what_is_wrong(self) -> list[str]:
        """Give every violation of what must be true when all is quiet."""
        return [*violations(quiet=True), *seats_out_of_step(self.sim), *money_out_of_step(self.payments)]


def let_leases_end() -> None:
    """Move the ends of all leases and pauses to now."""
    now = database_time()
    Booking.objects.filter(next_at__gt=now).update(next_at=now)
    for table in (SeatCall, Payment):
        table.objects.filter(next_at__gt=now).update(next_at=now)
