"""The whole service as real processes, on a database of its own, where web and worker die on demand."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import DatabaseError, connection

from bookings.queries import last_pass_finished_at
from tests.support.durable_payments import DurablePayments
from tests.support.invariants import money_out_of_step, seats_out_of_step, violations
from tests.support.processes import REPOSITORY, FlightSim, start_flightsim
from tests.support.servers import Web, Worker, database_url, environment, start_web, start_worker

LOST_ANSWERS = 0.2

# Long enough to pay under load, short enough that there is always something to expire.
PAYMENT_WINDOW_SECONDS = 6

# More than the whole campaign can sell.
CAPACITY = 1_000_000


@dataclass
class Stack:
    """What runs, and the two flags that tell the web and the worker where to die."""

    sim: FlightSim
    payments: DurablePayments
    web: Web
    worker: Worker
    flags: Path

    def arm(self, role: str, point: str) -> Path:
        """Tell `web` or `worker` where to die; gives the file that is there once one has."""
        flag = self.flags / f"{role}.flag"
        fired, new = flag.with_suffix(".fired"), flag.with_suffix(".new")
        fired.unlink(missing_ok=True)
        new.write_text(point)
        new.rename(flag)  # at once: half a name would be read as another point
        return fired

    def disarm(self, role: str) -> None:
        """Let nobody die any more."""
        (self.flags / f"{role}.flag").unlink(missing_ok=True)

    def last_pass(self) -> datetime | None:
        """Tell when a pass has finished last; None while the database does not answer."""
        try:
            return last_pass_finished_at()
        except DatabaseError:
            connection.close()
            return None

    def lost_answers(self) -> int:
        """Tell how many answers the Flight Service has lost so far."""
        lost: int = self.sim.ledger()["calls"]["dropped_replies"]
        return lost

    def what_is_wrong(self) -> list[str]:
        """Give every violation of what must be true when all is quiet; a database that is away is one."""
        try:
            money = money_out_of_step(self.payments.as_it_stands())
            return [*violations(quiet=True), *seats_out_of_step(self.sim), *money]
        except DatabaseError as error:
            connection.close()
            return [f"the database does not answer: {error}"]


@contextmanager
def start_stack(folder: Path, *, seed: int) -> Iterator[Stack]:
    """Migrate the configured database and run everything on it; nothing is left afterwards."""
    payments_file, flags = folder / "payments.sqlite3", folder
    with start_flightsim(
        *("--drop-reply-rate", str(LOST_ANSWERS), "--seed", str(seed), "--capacity", str(CAPACITY))
    ) as sim:
        common = environment(
            DJANGO_SETTINGS_MODULE="tests.crashes.settings",
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            DURABLE_PAYMENTS=str(payments_file),
            LOG_LEVEL="ERROR",
        )
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=common, check=True
        )
        # The gateway loses answers to the web alone: the worker has them to settle, and no excuse to be late.
        web_env = {**common, "CRASH_FLAG": str(flags / "web.flag"), "DURABLE_PAYMENTS_DROP": str(LOST_ANSWERS)}
        worker_env = {**common, "CRASH_FLAG": str(flags / "worker.flag")}
        with start_web(env=web_env) as web, start_worker(env=worker_env) as worker:
            yield Stack(sim, DurablePayments(str(payments_file), drop_rate=0.0), web, worker, flags)
