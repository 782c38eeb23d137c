"""The whole service as real processes: what is common to those who start it to break it."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection

from bookings.queries.upkeep.background import last_pass_finished_at
from tests.support.durable_payments import DurablePayments
from tests.support.invariants import money_out_of_step, seats_out_of_step, violations
from tests.support.processes import REPOSITORY, FlightSim
from tests.support.servers import Worker

LOOK_EVERY_SECONDS = 0.25


@dataclass
class Running:
    """The other systems and the worker, and whether all of them agree."""

    sim: FlightSim
    payments: DurablePayments
    worker: Worker

    def last_pass(self) -> datetime | None:
        """Tell when a pass has finished last; None while the database does not answer."""
        try:
            return last_pass_finished_at()
        except DatabaseError:
            connection.close()
            return None

    def what_is_wrong(self) -> list[str]:
        """Give every violation of what must be true when all is quiet; a database that is away is one."""
        try:
            money = money_out_of_step(self.payments.as_it_stands())
            return [*violations(quiet=True), *seats_out_of_step(self.sim), *money]
        except DatabaseError as error:
            connection.close()
            return [f"the database does not answer: {error}"]

    def idle_workers(self) -> list[int]:
        """Name the two workers that wait for a task, one of which holds the lock of the queue; none if not so."""
        below = self.worker.below_sentinels()
        # The workers are started first; the monitor and the pusher come last.
        return below[:2] if len(below) == 4 else []


def migrate(env: dict[str, str]) -> None:
    """Make the tables of the database that this environment names."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True)


def await_that(true: Callable[[], Any], seconds: float) -> bool:
    """Wait until something is true; False if it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_SECONDS)
    return True
