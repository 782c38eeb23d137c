"""
Two cells on this machine, with a router before them: `make cells` starts them, walks them, and ends them.

One private MariaDB with a database for each cell, one Redis, one stand-in Flight Service; of each cell a web server and
a worker; haproxy with the file of deploy/cells. Nothing of it outlives the command.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import MySQLdb

from devtools.mariadb import SERVER_FOLDERS, PrivateMariaDB
from devtools.processes import HOST, REPOSITORY, Command, ends_with_parent, free_port
from devtools.redis import PrivateRedis

if TYPE_CHECKING:
    from types import TracebackType

CELLS = (1, 2)
FLIGHTS = 12
BOOKINGS = "/api/v1/bookings"
CONFIGURATION = REPOSITORY / "deploy" / "cells" / "haproxy.cfg"
# A loaded machine takes its time to start eight processes.
START_SECONDS = 90
ANSWER_SECONDS = 30
PAUSE_SECONDS = 0.05


class NotStarted(Exception):
    """The cells cannot be started; the message says why."""


class Heard(NamedTuple):
    """An answer: its status, and its envelope; 0 where there is none."""

    status: int
    content: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """What was answered."""
        found: dict[str, Any] = self.content.get("data", {})
        return found

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.content.get("error", {}).get("code", ""))


def ask(port: int, method: str, path: str, body: object = None, *, key: str = "", host: str = "localhost") -> Heard:
    """Send one request to a server on this machine; a broken connection is no answer."""
    peer = HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    headers = {"Host": host, "Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    try:
        peer.request(method, path, None if body is None else json.dumps(body), headers)
        answer = peer.getresponse()
        content = answer.read()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return Heard(answer.status, json.loads(content) if is_json else {})
    except (OSError, HTTPException, ValueError):
        return Heard(0, {})
    finally:
        peer.close()


class TwoCells:
    """The processes of two cells, for the length of a block."""

    def __init__(self, *, window_seconds: int = 900, capacity: int = 500) -> None:
        self.port, self.flights_port = free_port(), free_port()
        self.web_ports = {number: free_port() for number in CELLS}
        self._window, self._capacity = window_seconds, capacity
        self._stack = ExitStack()
        self._processes: dict[int, list[Command]] = {}

    def __enter__(self) -> Self:
        try:
            self.redis = self._stack.enter_context(PrivateRedis())
            self._database = self._stack.enter_context(PrivateMariaDB())
            self._start_flights()
            for number in CELLS:
                self._make_database(number)
                self.start(number)
            self._start_router()
            for number in CELLS:
                self.await_that(lambda number=number: self._is_routed_to(number), f"cell {number}")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, method: str, path: str, body: object = None, *, key: str = "", host: str = "localhost") -> Heard:
        """Send one request to the router."""
        return ask(self.port, method, path, body, key=key, host=host)

    def rows(self, number: int, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database of a cell."""
        connection = MySQLdb.connect(host=HOST, port=self._database.port, user="root", db=f"cell{number}")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def start(self, number: int) -> None:
        """Start the web server and the worker of a cell, and return once it answers."""
        port = self.web_ports[number]
        words = (*ends_with_parent(signal.SIGKILL), sys.executable, "manage.py")
        web = Command(*words, "run_web", "--port", str(port), "--workers", "1", env=self.environment(number))
        worker = Command(*words, "run_worker", env=self.environment(number))
        self._processes[number] = [web, worker]
        for process in (web, worker):
            process.start()
            self._stack.callback(process.kill)
        # Once its worker has finished a pass, too.
        self.await_that(lambda: ask(port, "GET", "/health/ready").status == 200, f"cell {number}", web)

    def kill(self, number: int) -> None:
        """Kill all processes of a cell at once."""
        for process in self._processes[number]:
            process.kill()

    def await_that(self, is_so: Any, what: str, process: Command | None = None) -> None:
        """
        Wait until something is so.

        :raises NotStarted: if it is not in time
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_so():
            if time.monotonic() > deadline or (process is not None and process.exit_status() is not None):
                raise NotStarted(f"{what} does not answer{': ' + process.printed() if process else ''}")
            time.sleep(PAUSE_SECONDS)

    def environment(self, number: int) -> dict[str, str]:
        """Give the settings of a cell."""
        webs = [f"http://{HOST}:{self.web_ports[each]}" for each in CELLS]
        return {
            **os.environ,
            "ENV_FILE": "",
            "DEBUG": "true",
            "LOG_LEVEL": "WARNING",
            "CELL": f"{number}/{len(CELLS)}",
            "CELLS": ",".join(webs),
            "REDIS_URL": self.redis.url,
            "DATABASE_URL": f"mysql://root@{HOST}:{self._database.port}/cell{number}",
            "FLIGHT_SERVICE_URL": f"http://{HOST}:{self.flights_port}",
            "ALLOWED_HOSTS": "localhost,.localhost,127.0.0.1",
            "PAYMENT_WINDOW_SECONDS": str(self._window),
            "MAX_UNPAID_BOOKINGS_PER_USER": "0",
            "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": "0",
            "PYTHONUNBUFFERED": "1",
        }

    def _start_flights(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        flights = Command(
            *(*ends_with_parent(signal.SIGKILL), sys.executable, "-m", "flightsim", "--port", str(self.flights_port)),
            *("--store", str(Path(folder) / "flights.sqlite3")),
            *("--flights", str(FLIGHTS), "--capacity", str(self._capacity)),
        )
        flights.start()
        self._stack.callback(flights.kill)
        self.await_that(
            lambda: ask(self.flights_port, "GET", "/__ledger").status == 200, "the stand-in Flight Service", flights
        )

    def _make_database(self, number: int) -> None:
        connection = MySQLdb.connect(host=HOST, port=self._database.port, user="root")
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE cell{number} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        connection.close()
        words = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        done = subprocess.run(
            words, cwd=REPOSITORY, env=self.environment(number), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotStarted(f"the tables of cell {number}: {done.stderr}")

    def _start_router(self) -> None:
        program = shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", ""), *SERVER_FOLDERS)))
        if program is None:
            raise NotStarted("no haproxy found: `sh devtools/system_packages.sh test` installs one")
        webs = {
            f"CELL{number}_WEB{which}": f"{HOST}:{port}" for number, port in self.web_ports.items() for which in (1, 2)
        }
        router = Command(
            *(*ends_with_parent(signal.SIGKILL), program, "-db", "-f", str(CONFIGURATION)),
            env={
                **os.environ,
                **webs,
                "LISTEN": f"{HOST}:{self.port}",
                "CELLS": str(len(CELLS)),
                "PUBLIC_HOST": "localhost",
                "LETTERS": str(CONFIGURATION.with_name("letters.map")),
                # A machine with all of it on two cores.
                "CHECK_INTERVAL": "500ms",
                "CHECK_PATIENCE": "20s",
            },
        )
        router.start()
        self._stack.callback(router.kill)

    def _is_routed_to(self, number: int) -> bool:
        return self.ask("GET", "/api/v1/info", host=f"cell{number}.localhost").status == 200


def walk(cells: TwoCells) -> None:
    """Show what two cells do with requests, each in a line."""
    order = {"userId": 1001, "noOfSeats": 1}
    made = [cells.ask("POST", BOOKINGS, {**order, "flightId": flight}, key=f"walk-{flight}") for flight in range(1, 5)]
    for heard in made:
        shown = heard.data
        print(f"flight {shown['flightId']}: {heard.status}, booking {shown['id']}, reference {shown['reference']}")
    for number in CELLS:
        found = cells.rows(number, "SELECT id, flight_id, reference FROM booking ORDER BY id")
        print(f"cell {number} has {', '.join(f'{reference} ({pk})' for pk, _flight, reference in found)}")
    other = cells.ask("POST", BOOKINGS, {**order, "flightId": 2}, key="walk-1")
    print(f"the key of flight 1 with flight 2: {other.status} {other.code}")
    first = made[0].data
    wrong = ask(cells.web_ports[2], "GET", f"{BOOKINGS}/{first['id']}")
    print(f"booking {first['id']} asked of cell 2, past the router: {wrong.status} {wrong.code}")
    money = {"bookingId": first["id"], "userId": 1001, "totalCost": first["totalCost"]}
    print(f"booking {first['id']} paid: {cells.ask('POST', f'{BOOKINGS}/payments', money, key='walk-pay').status}")
    second = made[1].data
    by_name = cells.ask("GET", f"{BOOKINGS}/{second['reference'].lower()}")
    print(f"booking {second['reference']} by its reference: {by_name.status}, flight {by_name.data['flightId']}")
    listed = cells.ask("GET", f"{BOOKINGS}?userId=1001")
    print(f"bookings of user 1001, of both cells: {[each['id'] for each in listed.data['results']]}")
    cells.kill(1)
    gone = cells.ask("POST", BOOKINGS, {**order, "flightId": 3})
    there = cells.ask("POST", BOOKINGS, {**order, "flightId": 4})
    print(f"cell 1 is killed. Flight 3: {gone.status}; flight 4: {there.status}")
    print(f"bookings of user 1001, of both cells: {cells.ask('GET', f'{BOOKINGS}?userId=1001').status}")
    cells.start(1)
    cells.await_that(lambda: cells.ask("GET", f"{BOOKINGS}/{first['id']}").status == 200, "cell 1")
    print(
        f"cell 1 is back. Booking {first['id']}: {cells.ask('GET', BOOKINGS + '/' + str(first['id'])).data['status']}"
    )


def main() -> int:
    print("starting two cells: MariaDB, Redis, Flight Service, two web servers, two workers, haproxy", flush=True)
    try:
        with TwoCells() as cells:
            print(f"http://localhost:{cells.port}, and cell1.localhost and cell2.localhost there", flush=True)
            walk(cells)
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    print("all of it is stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
