"""The whole service as real processes, on a database of its own, where web and worker die on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.durable_payments import DurablePayments
from tests.support.processes import start_flightsim
from tests.support.running import Running, migrate
from tests.support.servers import Web, database_url, environment, start_web, start_worker

LOST_ANSWERS = 0.2

# Long enough to pay under load, short enough that there is always something to expire.
PAYMENT_WINDOW_SECONDS = 6

# More than the whole campaign can sell.
CAPACITY = 1_000_000


@dataclass
class Stack(Running):
    """What runs, and the two flags that tell the web and the worker where to die."""

    web: Web
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

    def lost_answers(self) -> int:
        """Tell how many answers the Flight Service has lost so far."""
        lost: int = self.sim.ledger()["calls"]["dropped_replies"]
        return lost


@contextmanager
def start_stack(folder: Path, *, seed: int) -> Iterator[Stack]:
    """Migrate the configured database and run everything on it; nothing is left afterwards."""
    payments_file, flags = folder / "payments.sqlite3", folder
    with start_flightsim(
        *("--drop-reply-rate", str(LOST_ANSWERS), "--seed", str(seed), "--capacity", str(CAPACITY))
    ) as sim:
        common = environment(
            DJANGO_SETTINGS_MODULE="tests.campaigns.settings",
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            DURABLE_PAYMENTS=str(payments_file),
            LOG_LEVEL="ERROR",
        )
        migrate(common)
        # The gateway loses answers to the web alone: the worker has them to settle, and no excuse to be late.
        web_env = {**common, "CRASH_FLAG": str(flags / "web.flag"), "DURABLE_PAYMENTS_DROP": str(LOST_ANSWERS)}
        worker_env = {**common, "CRASH_FLAG": str(flags / "worker.flag")}
        with start_web(env=web_env) as web, start_worker(env=worker_env) as worker:
            yield Stack(sim, DurablePayments(str(payments_file), drop_rate=0.0), worker, web, flags)
