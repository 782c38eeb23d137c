"""
Measure the service: creates, pays, cancels and a mass expiry, on a private MariaDB; `make bench` ends here.

Everything runs on this machine, with the settings of production, and so does the load: compare only runs
made side by side. The column `others` says how busy the machine was with what is not measured.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import math
import os
import platform
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from benchmarks.database import BenchDatabase, Statements
from benchmarks.load import Clients, Load, LoadFailed, post
from benchmarks.meters import CpuTimes
from benchmarks.stack import FLIGHTS, Stack, StackFailed
from devtools.mariadb import MariaDBUnavailable
from devtools.processes import adopt_orphans, kill_descendants
from devtools.run_all import WEB_THREADS, WEB_WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

LOADS = ("create", "pay", "cancel")
SCENARIOS = (*LOADS, "expiry")
CLIENTS = (1, 16, 64)
LATENCIES_MS = (0, 50)
SECONDS = 5
QUICK_SECONDS = 2
# Enough for every thread to have its connections and every code path to have run.
WARM_UP_SECONDS = 1.0
# More than two cores pay or cancel in a second; a run that uses up its bookings ends early.
PREPARED_PER_SECOND = 1_500
EXPIRING = 10_000
EXPIRY_LIMIT_SECONDS = 120
EXPIRY_POLL_SECONDS = 0.1
# Clients, milliseconds and seconds beyond this are a slip of the finger.
MAX_OPTION = 1_000
BOOKINGS_PATH = "/api/v1/bookings"
PACKAGES = ("django", "djangorestframework", "mysqlclient", "granian")

COLUMNS = (
    "scenario  clients  latency   rate/s   p50 ms   p99 ms  errors  SQL/req  trips/req"
    "  web ms  mariadb ms  flightsim ms  load ms  others"
)


class ExpiryFailed(Exception):
    """The bookings did not expire as they should; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One stretch of load, what the database was sent meanwhile, and who used the cores. CPU in seconds."""

    load: Load
    statements: Statements
    cpu: CpuTimes

    def row(self, scenario: str, clients: int, latency_ms: int) -> str:
        """Write one line under `COLUMNS`. All but rate, latencies and `others` is for each request."""
        load, requests = self.load, max(1, self.load.requests)
        latencies = sorted(load.latencies) or [0.0]
        web, mariadb, flightsim = (self.cpu.trees[name] * 1000 / requests for name in ("web", "mariadb", "flightsim"))
        cores = os.cpu_count() or 1
        others = self.cpu.machine - sum(self.cpu.trees.values()) - load.own_cpu_seconds
        return (
            f"{scenario:<8}  {clients:>7}  {latency_ms:>4} ms  {load.requests / load.seconds:>7.0f}"
            f"  {_percentile(latencies, 50) * 1000:>7.1f}  {_percentile(latencies, 99) * 1000:>7.1f}"
            f"  {sum(load.errors.values()):>6}  {self.statements.sql / requests:>7.2f}"
            f"  {self.statements.all / requests:>9.2f}  {web:>6.2f}  {mariadb:>10.2f}  {flightsim:>12.2f}"
            f"  {load.own_cpu_seconds * 1000 / requests:>7.2f}  {max(0.0, others) / load.seconds / cores:>5.0%}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 if every request was answered with 2xx."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    adopt_orphans()
    try:
        with tempfile.TemporaryDirectory(prefix="bookings-bench-") as folder:
            _progress("starting MariaDB, the Flight Service and the web server")
            with Stack(Path(folder)) as stack, BenchDatabase(stack.database.port) as database:
                _say(_circumstances(database))
                return _run(options, stack, database)
    except (MariaDBUnavailable, StackFailed, LoadFailed, ExpiryFailed) as reason:
        _say(str(reason), to=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("Stopped.", to=sys.stderr)
        return 130
    finally:
        kill_descendants()


def _run(options: argparse.Namespace, stack: Stack, database: BenchDatabase) -> int:
    loads = [name for name in LOADS if name in options.only]
    errors: dict[str, int] = {}
    if loads:
        _say(f"\n{COLUMNS}")
    for name, latency_ms, clients in itertools.product(loads, options.latency, options.clients):
        measured = _measure(name, clients, latency_ms, options.seconds, stack=stack, database=database)
        _say(measured.row(name, clients, latency_ms))
        for status, count in measured.load.errors.items():
            errors[status] = errors.get(status, 0) + count
    if errors:
        _say("errors by status: " + ", ".join(f"{status}: {count}" for status, count in errors.items()))
    if "expiry" in options.only:
        _say(_expire(stack, database))
    return 1 if errors else 0


def _measure(
    name: str, clients: int, latency_ms: int, seconds: int, *, stack: Stack, database: BenchDatabase
) -> Measured:
    """Warm up, then measure one scenario, from empty tables."""
    title = f"{name}, {clients} clients, {latency_ms} ms"
    _progress(f"{title}: preparing")
    database.empty()
    stack.fill_flights()
    stack.set_latency(latency_ms)
    requests = _requests(name, database, bookings=int(PREPARED_PER_SECOND * (WARM_UP_SECONDS + seconds)))
    with Clients(stack.web_port, count=clients) as crowd:
        _progress(f"{title}: warming up")
        crowd.drive(requests, seconds=WARM_UP_SECONDS)
        _progress(f"{title}: {seconds} s")
        cpu, statements = CpuTimes.now(stack.roots), database.statements()
        load = crowd.drive(requests, seconds=seconds)
        after = database.statements()
        return Measured(
            load=load,
            statements=Statements(sql=after.sql - statements.sql, all=after.all - statements.all),
            cpu=CpuTimes.now(stack.roots).since(cpu),
        )


def _requests(name: str, database: BenchDatabase, *, bookings: int) -> Iterator[bytes]:
    """Make the requests of a scenario; those that need a booking that is held have `bookings` of them."""
    if name == "create":
        return (
            post(BOOKINGS_PATH, {"flightId": 1 + number % FLIGHTS, "userId": 1000 + number, "noOfSeats": 1})
            for number in itertools.count()
        )
    held = database.hold(bookings, flights=FLIGHTS)
    if name == "pay":
        return (
            post(
                f"{BOOKINGS_PATH}/payments",
                {"bookingId": each.booking_id, "userId": each.user_id, "totalCost": each.total_cost},
                key=f"bench-{each.booking_id}",
            )
            for each in held
        )
    return (post(f"{BOOKINGS_PATH}/{each.booking_id}/cancel", {"userId": each.user_id}) for each in held)


def _expire(stack: Stack, database: BenchDatabase) -> str:
    """
    Let ten thousand bookings expire under a running worker, and say what it took.

    :raises ExpiryFailed: if it takes two minutes, or the Flight Service does not have all its seats again
    """
    _progress(f"expiry: preparing {EXPIRING} bookings")
    database.empty()
    stack.set_latency(0)
    stack.fill_flights()
    stack.take_seats(EXPIRING // FLIGHTS)
    database.hold(EXPIRING, flights=FLIGHTS)
    with stack.worker():
        _await("the worker has not finished a pass", database.has_finished_a_pass)
        calls = stack.ledger()["calls"]["patch"]
        cpu, started = CpuTimes.now(stack.roots), time.monotonic()
        database.close_payment_windows()
        _progress("expiry: waiting for the worker's next pass, and for the seats")
        _await("not all seats are back", database.seats_are_back)
        seconds = time.monotonic() - started
        used = CpuTimes.now(stack.roots).since(cpu).trees
        ledger = stack.ledger()
    if any(flight["remaining"] != flight["capacity"] for flight in ledger["flights"]):
        raise ExpiryFailed("the bookings have expired, yet the Flight Service has not all of its seats")
    return (
        f"\nexpiry: {EXPIRING:,} bookings on {FLIGHTS} flights expired and their seats were back"
        f" {seconds:.1f} s after their deadline (up to 10 s of it until the next pass),"
        f" {ledger['calls']['patch'] - calls} PATCH calls; CPU: worker {used['worker']:.1f} s,"
        f" mariadb {used['mariadb']:.1f} s"
    )


def _await(complaint: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + EXPIRY_LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ExpiryFailed(f"{complaint} after {EXPIRY_LIMIT_SECONDS} s")
        time.sleep(EXPIRY_POLL_SECONDS)


def _percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest of the sorted values that so many per cent do not exceed."""
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _circumstances(database: BenchDatabase) -> str:
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    return (
        f"python {platform.python_version()}, {versions}, MariaDB {database.version()}\n"
        f"{os.cpu_count()} CPUs ({platform.machine()}), load average {load}; web: {WEB_WORKERS} processes"
        f" x {WEB_THREADS} threads; every commit is written through to the disk"
    )


def _progress(text: str) -> None:
    """Show what is being done, on one line of a terminal that the next text overwrites."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _say(text: str, *, to: TextIO | None = None) -> None:
    """Print lines that stay, in place of the progress."""
    _progress("")
    print(text, file=to or sys.stdout, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures the service on a private MariaDB.")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario; may be repeated")
    parser.add_argument("--clients", action="append", type=_positive, metavar="N", help="default: 1, 16 and 64")
    parser.add_argument(
        "--latency",
        action="append",
        type=_not_negative,
        metavar="MS",
        help="milliseconds of each Flight Service call; default: 0 and 50",
    )
    parser.add_argument("--seconds", type=_positive, help=f"of each measurement; default: {SECONDS}")
    parser.add_argument("--quick", action="store_true", help="16 clients, 0 ms, 2 s each, no expiry")
    options = parser.parse_args(arguments)
    options.only = options.only or (LOADS if options.quick else SCENARIOS)
    options.clients = options.clients or ([16] if options.quick else CLIENTS)
    options.latency = options.latency or ([0] if options.quick else LATENCIES_MS)
    options.seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_OPTION:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to {MAX_OPTION}")
    return int(text)


def _not_negative(text: str) -> int:
    return 0 if text == "0" else _positive(text)


if __name__ == "__main__":
    sys.exit(main())
