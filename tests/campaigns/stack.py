"""The whole service as real processes, and whether all of them agree."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection, connections

from bookings.queries.upkeep.background import last_pass_finished_at
from devtools.mariadb import PrivateMariaDB
from devtools.private_server import PrivateServer
from tests.support.durable_payments import DurablePayments
from tests.support.invariants import what_is_wrong
from tests.support.processes import PLENTY, FlightSim, start_flightsim
from tests.support.proxy import Proxy, start_proxy
from tests.support.servers import Web, Worker, a_web, database_url, environment
from tests.support.switch import Switch
from tests.support.waiting import await_that

# The stand-in decides at once or never, and a change may take five seconds; a real peer and its proxies take longer,
# hence the 60 s of the default.
SETTLE_SECONDS = 8

START_SECONDS = 120.0

# The settings with a payment gateway that outlives processes, and with crash points.
DURABLE = "tests.campaigns.settings"


@dataclass
class Stack:
    """What runs; the proxy, the database and the switch in front of it only where a campaign has started them."""

    sim: FlightSim
    webs: list[Web]
    worker: Worker
    payments: DurablePayments | None
    proxy: Proxy | None = None
    database: PrivateMariaDB | None = None
    switch: Switch | None = None
    running: ExitStack = field(default_factory=ExitStack)
    """What ends with this, in the order that it must."""
    condemned: list[int] = field(default_factory=list)
    """The clusters that must be gone before all is as it was."""

    @property
    def web(self) -> Web:
        """The only web server, or the first."""
        return self.webs[0]

    def await_a_pass(self) -> None:
        """Return when the worker has finished a pass."""
        await_that(self.last_pass, self.worker.printed, seconds=START_SECONDS)

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
            return what_is_wrong(self.sim, self.payments)
        except DatabaseError as error:
            connection.close()
            return [f"the database does not answer: {error}"]

    def has_new_cluster(self) -> bool:
        """Tell whether a cluster runs, and no condemned one; nothing of that one lives when the new one starts."""
        clusters = self.worker.clusters()
        return bool(clusters) and not set(clusters) & set(self.condemned)


@contextmanager
def private_database(server: PrivateServer | None = None) -> Iterator[PrivateServer]:
    """Run a MariaDB, or the server given, with the tables of the service, which this process looks at."""
    with server or PrivateMariaDB() as running:
        look_at(running)
        call_command("migrate", verbosity=0)
        try:
            yield running
        finally:
            connection.close()


def look_at(server: PrivateServer) -> None:
    """Let this process, which sees whether all is well, look at this server."""
    connection.close()
    # Every thread's connection is made of it.
    connections.settings["default"]["PORT"] = server.port


@contextmanager
def start_stack(
    *flights: str,
    store: Path | None = None,
    webs: Callable[[dict[str, str]], list[Web]] = lambda env: [a_web(env=env)],
    worker: Callable[..., Worker] = Worker,
    proxy: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Stack]:
    """
    Run everything on the configured database, which is migrated; nothing of it is left afterwards.

    :param flights: options of the stand-in Flight Service
    :param store: where it keeps its seats
    :param webs: makes the web servers, of an environment
    :param worker: makes the worker, of `env`
    :param proxy: settings of the reverse proxy; without them there is none
    """
    with ExitStack() as running:
        sim = running.enter_context(start_flightsim("--capacity", str(PLENTY), *flights, store=store))
        usual = {"DATABASE_URL": database_url(), "FLIGHT_SERVICE_URL": sim.url, "LOG_LEVEL": "ERROR"}
        env = environment(**{**usual, **settings})
        file = env.get("DURABLE_PAYMENTS")
        payments = DurablePayments(file, drop_rate=0.0) if file else None
        stack = Stack(sim, webs(env), worker(env=env), payments, running=running)
        for process in (*stack.webs, stack.worker):
            running.callback(process.kill)
            process.start()
        for web in stack.webs:
            web.await_answer()
        if proxy is not None:
            stack.proxy = running.enter_context(start_proxy(*(web.port for web in stack.webs), **proxy))
        yield stack


def durable(folder: Path) -> dict[str, str]:
    """Give the settings of processes that may die: their payment gateway outlives them."""
    return {"DJANGO_SETTINGS_MODULE": DURABLE, "DURABLE_PAYMENTS": str(folder / "payments.sqlite3")}


def without_keys(counter: str = "exclusive") -> dict[str, str]:
    """Give the settings of a service whose Flight Service knows no keys."""
    return {
        "FLIGHT_SERVICE_KEYED": "false",
        "FLIGHT_SERVICE_COUNTER": counter,
        "FLIGHT_SERVICE_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
