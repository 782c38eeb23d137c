"""
Back up a running system, lose the database, and restore it.

A MariaDB with the options of compose.yaml, a Flight Service, a web server and `run_worker`, all real, under a
small load. The dump is taken while bookings are made; some seconds later the database server is killed and its
tables are thought lost. It is then restored twice: from the dump and the binary log, and from the dump alone.
Wrong is whatever the first lacks of what clients were told, and a flight of the second that differs and is not
named; or with `--fix` is not put right.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from devtools.mariadb import PrivateMariaDB
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY
from tests.campaigns.doors import Doors
from tests.campaigns.load import Load
from tests.campaigns.stack import look_at, private_database, start_stack
from tests.campaigns.verdict import Round
from tests.support.invariants import answers_without_rows, seats_adrift, violations, what_is_wrong
from tests.support.processes import PLENTY, FlightSim, start_flightsim
from tests.support.servers import environment, start_worker
from tests.support.waiting import comes_true

# The window, a pass, a call, and a machine that has other things to do.
QUIET_SECONDS = 180.0

PAYMENT_WINDOW_SECONDS = "20"

# Whatever the size, a tool that takes longer than this hangs here.
TOOL_SECONDS = 120


class LoggingMariaDB(PrivateMariaDB):
    """A private MariaDB with the options of compose.yaml, binary log and all."""

    def __init__(self) -> None:
        compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
        super().__init__(*compose["services"]["mariadb"]["command"])

    def dump(self, file: Path) -> None:
        """Write all of the database into a file, as of one moment, while others go on writing."""
        with file.open("wb") as target:
            self._tool(
                "mariadb-dump",
                *("--single-transaction", "--master-data=2", "--hex-blob", "--routines", "--triggers", DATABASE),
                stdout=target,
            )

    def load(self, file: Path) -> None:
        """Put what is in a file into the database."""
        with file.open("rb") as source:
            self._tool("mariadb", DATABASE, stdin=source)

    def binary_logs(self) -> list[Path]:
        """Name the files of the binary log, the oldest first; they are there after a crash too."""
        return sorted(self._data_folder.glob("bookings.[0-9]*"))

    def _tool(self, name: str, *words: str, **streams: object) -> None:
        address = ("--no-defaults", f"--host={HOST}", f"--port={self.port}", "--user=root")
        subprocess.run([name, *address, *words], check=True, timeout=TOOL_SECONDS, **streams)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10, help="of load before the dump, and after it")
    parser.add_argument("--fix", action="store_true", help="put right with reconcile_seats --fix what the dump lacks")


def play(options: Namespace) -> Iterator[Round]:
    """Lose everything once, restore it twice."""
    with tempfile.TemporaryDirectory() as name:
        with private_database(LoggingMariaDB()) as server:
            lost = run_and_lose(server, Path(name), seconds=options.seconds)
        yield dump_and_logs(lost)
        yield dump_alone(lost, fix=options.fix)


@dataclass
class Lost:
    """What was saved before the database was lost, and what clients had been told by then."""

    dump: Path
    logs: list[Path]
    seats: Path
    heard: list[Any]
    heard_before_the_dump: list[Any]


def run_and_lose(server: LoggingMariaDB, folder: Path, *, seconds: float) -> Lost:
    """Run everything, back up in the middle, and kill the database under load."""
    with start_stack(
        store=folder / "seats.sqlite3", LOG_LEVEL="CRITICAL", PAYMENT_WINDOW_SECONDS=PAYMENT_WINDOW_SECONDS
    ) as stack:
        with Load(Doors(stack.webs), seed=1) as load:
            time.sleep(seconds)
            before, began = list(load.heard), time.monotonic()
            server.dump(folder / "dump.sql")
            took, size = time.monotonic() - began, (folder / "dump.sql").stat().st_size
            say(f"dumped {size // 1024} KiB in {took:.1f} s,")
            say(f"while clients heard {len(load.heard) - len(before)} answers ({len(before)} before it)")
            time.sleep(seconds)
            server.kill()
            stack.worker.kill()
            stack.web.kill()
        heard = list(load.heard)
    say(f"lost the database; clients had heard {len(heard)} answers")
    logs = [Path(shutil.copy(log, folder)) for log in server.binary_logs()]
    return Lost(folder / "dump.sql", logs, folder / "seats.sqlite3", heard, before)


def replay_logs(lost: Lost, server: LoggingMariaDB, folder: Path) -> None:
    """Put in what was committed after the dump: from the place that the dump names, to the end of the log."""
    file, position = re.search(  # type: ignore[union-attr]
        r"MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)", lost.dump.read_text(errors="replace")[:4000]
    ).groups()
    logs = [str(log) for log in lost.logs if log.name >= file]
    replay = folder / "replay.sql"
    with replay.open("wb") as target:
        # Rights that were granted meanwhile are in the log too; they are of another server.
        only_ours = f"--database={DATABASE}"
        words = ["mariadb-binlog", "--no-defaults", only_ours, f"--start-position={position}", *logs]
        subprocess.run(words, check=True, stdout=target)
    server.load(replay)


@contextmanager
def restored(lost: Lost, *, with_logs: bool) -> Iterator[tuple[FlightSim, dict[str, str]]]:
    """A fresh server with what was saved, the Flight Service as the disaster left it, and our tables there."""
    with tempfile.TemporaryDirectory() as name, LoggingMariaDB() as server:
        folder = Path(name)
        began = time.monotonic()
        server.load(lost.dump)
        if with_logs:
            replay_logs(lost, server, folder)
        say(f"restored in {time.monotonic() - began:.1f} s")
        look_at(server)
        store = Path(shutil.copy(lost.seats, folder))
        with start_flightsim("--capacity", str(PLENTY), store=store) as sim:
            usual = {"LOG_LEVEL": "CRITICAL", "PAYMENT_WINDOW_SECONDS": PAYMENT_WINDOW_SECONDS}
            yield sim, environment(DATABASE_URL=server.url, FLIGHT_SERVICE_URL=sim.url, **usual)


def reconcile(env: dict[str, str], *options: str) -> tuple[int, dict[str, Any]]:
    """Run `reconcile_seats` as an operator does; give its exit code and what it says."""
    words = [sys.executable, "manage.py", "reconcile_seats", "--json", *options]
    done = subprocess.run(words, cwd=REPOSITORY, env=env, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def work_until_quiet(env: dict[str, str], result: Round) -> None:
    """Run the worker until nothing is under way any more, and every unpaid booking is over."""
    unpaid = Booking.objects.filter(status__in=[BookingStatus.PENDING, BookingStatus.INITIATED])
    began = time.monotonic()
    with start_worker(env=env):
        if comes_true(lambda: not unpaid.exists() and not violations(quiet=True), QUIET_SECONDS, look_every=0.5):
            result.recovered_after = time.monotonic() - began


def dump_and_logs(lost: Lost) -> Round:
    """Nothing that a client was told may be missing."""
    result = Round("from the dump and the binary log")
    with restored(lost, with_logs=True) as (sim, env):
        missing = answers_without_rows(lost.heard)
        work_until_quiet(env, result)
        _, found = reconcile(env)
        result.figures["answers without rows"] = len(missing)
        say(f"after the worker:  {difference(found)}")
        result.wrong += [*missing, *what_is_wrong(sim), *map(str, found["drift"])]
    return result


def dump_alone(lost: Lost, *, fix: bool) -> Round:
    """What was answered after the dump is missing; the difference must be named, flight by flight."""
    result = Round("from the dump alone")
    with restored(lost, with_logs=False) as (sim, env):
        result.wrong += answers_without_rows(lost.heard_before_the_dump)
        result.figures["answers without rows"] = len(answers_without_rows(lost.heard))
        say(f"before the worker: {difference(reconcile(env)[1])}")
        if fix:
            put_right(env, "before the worker")
        work_until_quiet(env, result)
        _, found = reconcile(env)
        say(f"after the worker:  {difference(found)}")
        if fix:
            found = put_right(env, "after it")
        named = sorted(row["flight"] for row in found["drift"])
        truth = sorted(flight for flight, _taken, _held in seats_adrift(sim))
        result.wrong += violations(quiet=True)
        result.wrong += [] if named == truth else [f"flights that differ: {truth}; named: {named}"]
        result.wrong += [f"flights that still differ: {truth}"] if fix and truth else []
    return result


def put_right(env: dict[str, str], when: str) -> dict[str, Any]:
    """Have every difference corrected, and look again."""
    reconcile(env, "--fix", "--reason", "restored from a dump")
    _, found = reconcile(env)
    say(f"put right {when}: {difference(found)}")
    return found


def difference(found: dict[str, Any]) -> str:
    """Seats without a booking, and bookings without their seats."""
    orphans = sum(max(0, row["taken"] - row["held"]) for row in found["drift"])
    uncovered = sum(max(0, row["held"] - row["taken"]) for row in found["drift"])
    compared = f"{found['flights_compared']} flights compared, {found['flights_skipped']} skipped"
    return f"{orphans} seats without a booking, {uncovered} booked without a seat; {compared}"


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)
