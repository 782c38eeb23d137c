"""The whole service as real processes on a primary and its replica, and how an operator points it elsewhere."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, connections

from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import READER, MariaDBPair, address, run
from tests.support.invariants import violations
from tests.support.processes import REPOSITORY, FlightSim, start_flightsim
from tests.support.servers import Web, Worker, environment

# More than the whole campaign can sell.
CAPACITY = 1_000_000

# Long enough to pay through a failover, short enough that what is left unpaid expires while one looks on.
PAYMENT_WINDOW_SECONDS = 8

# Leases of 15 s, a window, sweeps and calls; a loaded machine takes its time.
QUIET_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.1


@dataclass
class Stack:
    """What runs, and the settings that it was started with."""

    pair: MariaDBPair
    sim: FlightSim
    web: Web
    worker: Worker
    env: dict[str, str]

    def point_at(self, server: PrivateMariaDB) -> None:
        """
        Change DATABASE_URL and start the web anew; the worker is dead until `start_worker()`.

        DATABASE_REPLICA_URL stays as it was, as it does with whoever forgets it.
        """
        self.env["DATABASE_URL"] = address(server)
        self.worker.kill()
        self.web.kill()
        self.web.start()
        this_process_on(server)

    def start_worker(self) -> None:
        """Start a worker with the settings of now."""
        self.worker = Worker(env=self.env)
        self.worker.start()

    def is_quiet(self) -> bool:
        """Tell whether the worker has caught up, and nothing is wrong inside the tables."""
        try:
            return violations(quiet=True) == []
        except DatabaseError:
            connection.close()
            return False

    def reconcile(self) -> tuple[int, dict[str, Any]]:
        """Run `reconcile_seats` as an operator does; give its exit code and what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", "reconcile_seats", "--json"],
            cwd=REPOSITORY,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    def repeated(self) -> Counter[int]:
        """Count the transactions that the web has run again, by what the database had said."""
        lines = [json.loads(line) for line in self.web.printed(last=50_000_000).splitlines() if line[:1] == "{"]
        return Counter(line["error"] for line in lines if line["event"] == "transaction.repeated")


def this_process_on(server: PrivateMariaDB) -> None:
    """Let this process read from that server, as the service's own user."""
    connection.close()
    # Every thread's connection is made of it.
    connections.settings["default"]["PORT"] = server.port


def await_that(true: Callable[[], Any], seconds: float) -> bool:
    """Wait until something is true; False if it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_SECONDS)
    return True


@contextmanager
def start_stack(*, semi_sync: bool) -> Iterator[Stack]:
    """Run everything on a new primary and its replica; nothing is left afterwards."""
    with MariaDBPair(semi_sync=semi_sync) as pair, start_flightsim("--capacity", str(CAPACITY)) as sim:
        env = environment(
            DATABASE_URL=address(pair.primary),
            DATABASE_REPLICA_URL=address(pair.replica, READER),
            FLIGHT_SERVICE_URL=sim.url,
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            EXPIRY_INTERVAL_SECONDS="1",
            LOG_LEVEL="WARNING",
            LOG_FORMAT="json",
        )
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True
        )
        pair.catch_up()
        this_process_on(pair.primary)
        stack = Stack(pair, sim, Web(env=env), Worker(env=env), env)
        try:
            stack.web.start()
            stack.worker.start()
            yield stack
        finally:
            stack.worker.kill()
            stack.web.kill()
            connection.close()


def answered_by(server: PrivateMariaDB) -> int:
    """Count the SELECTs that a server has answered since it started."""
    ((_, count),) = run(server, "SHOW GLOBAL STATUS LIKE 'Com_select'")
    return int(count)
