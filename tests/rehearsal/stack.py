"""What is broken in a rehearsal: two web processes, a worker and a stand-in Flight Service, all real."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from devtools.mariadb import DATABASE, PrivateMariaDB
from devtools.mariadb_pair import WRITER, run
from devtools.processes import HOST
from tests.campaigns.doors import Door
from tests.support.durable_payments import DurablePayments
from tests.support.processes import start_flightsim
from tests.support.proxy import Proxy, start_proxy
from tests.support.running import Running
from tests.support.servers import database_url, environment, start_worker
from tests.support.switch import Switch

# Some bookings expire in the middle of every outage.
PAYMENT_WINDOW_SECONDS = 15

# Half of what it is unless told otherwise: recovery is a lease or a pause of 15 s, one pass and one call.
EXPIRY_INTERVAL_SECONDS = 5

# `run_worker` waits 45 s and a pass unless told otherwise. A pass takes up to 20 s: less would end healthy ones.
SILENCE_SECONDS = 25

# The proxy looks so often that it has seen a web process leave readiness twice long before that stops.
OFTEN = {"CHECK_INTERVAL": "250ms"}
DRAIN_SECONDS = 3

# A pass that is late by this much is no pass.
LATE = timedelta(seconds=2 * EXPIRY_INTERVAL_SECONDS)

# Of each web process: as many as there are clients.
THREADS = 8

# The stand-in decides at once or never; a real peer and its proxies take longer, hence the 60 s of the default.
SETTLE_SECONDS = 8
UNKEYED = {
    "FLIGHT_SERVICE_KEYED": "false",
    "FLIGHT_SERVICE_COUNTER": "exclusive",
    "FLIGHT_SERVICE_SETTLE_SECONDS": str(SETTLE_SECONDS),
}

# More than the whole rehearsal can sell.
CAPACITY = 1_000_000


@dataclass
class Stack(Running):
    """What runs; the proxy and the database only if they were started for this."""

    doors: list[Door]
    proxy: Proxy | None
    database: PrivateMariaDB | None
    switch: Switch | None = None
    running: ExitStack = field(default_factory=ExitStack)
    """What ends with this, in the order that it must."""
    condemned: list[int] = field(default_factory=list)
    """The clusters that must be gone before all is as it was."""

    def adopt(self, database: PrivateMariaDB) -> PrivateMariaDB:
        """Run another database server until all of this ends."""
        return self.running.enter_context(database)

    def has_new_cluster(self) -> bool:
        """Tell whether a cluster runs, and no condemned one; nothing of that one lives when the new one starts."""
        clusters = self.worker.clusters()
        return bool(clusters) and not set(clusters) & set(self.condemned)

    def what_is_wrong(self) -> list[str]:
        """Give what is out of step, and what should have expired long ago."""
        wrong = super().what_is_wrong()
        return wrong or [f"booking {pk} is overdue" for pk in overdue()]


def overdue() -> list[int]:
    """Name the unpaid bookings that the worker should have ended by now."""
    unpaid = Booking.objects.filter(status__in=[BookingStatus.PENDING, BookingStatus.INITIATED])
    return list(unpaid.filter(expires_at__lt=database_time() - LATE).values_list("pk", flat=True))


@contextmanager
def start_stack(
    folder: Path,
    *,
    database: PrivateMariaDB | None = None,
    interval_seconds: int = EXPIRY_INTERVAL_SECONDS,
    keyed: bool = True,
) -> Iterator[Stack]:
    """Run everything on the configured database, which is migrated; nothing of it is left afterwards."""
    payments_file = folder / "payments.sqlite3"
    with ExitStack() as running:
        switch = running.enter_context(Switch(_let_in(database))) if database else None
        sim = running.enter_context(start_flightsim("--capacity", str(CAPACITY), *(() if keyed else ("--unkeyed",))))
        env = environment(
            DJANGO_SETTINGS_MODULE="tests.campaigns.settings",
            DATABASE_URL=_address(switch),
            FLIGHT_SERVICE_URL=sim.url,
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            EXPIRY_INTERVAL_SECONDS=str(interval_seconds),
            DURABLE_PAYMENTS=str(payments_file),
            DRAIN_SECONDS=str(DRAIN_SECONDS),
            LOG_LEVEL="ERROR",
            **({} if keyed else UNKEYED),
        )
        doors = [Door("--threads", str(THREADS), env=env) for _ in range(2)]
        for door in doors:
            running.callback(door.kill)
            door.start()
        worker = running.enter_context(start_worker("--silence", str(SILENCE_SECONDS), env=env))
        for door in doors:
            door.await_answer()
        proxy = running.enter_context(start_proxy(*(door.port for door in doors), **OFTEN)) if database else None
        payments = DurablePayments(str(payments_file), drop_rate=0.0)
        yield Stack(sim, payments, worker, doors, proxy, database, switch, running)


def _let_in(database: PrivateMariaDB) -> int:
    """Make the service's own user, to whom read-only means something: root may write all the same."""
    run(
        database,
        f"CREATE OR REPLACE USER {WRITER}@'{HOST}'",
        f"GRANT ALL ON {DATABASE}.* TO {WRITER}@'{HOST}'",
    )
    return database.port


def _address(switch: Switch | None) -> str:
    """Give the address that the service has of its database, which is the switch's if there is one."""
    return database_url() if switch is None else f"mysql://{WRITER}@{HOST}:{switch.port}/{DATABASE}"
