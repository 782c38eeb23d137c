"""The disaster; `tests.operations.backup` prepares the environment and runs this."""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only now
from django.db import connection  # noqa: E402

from devtools.mariadb import DATABASE  # noqa: E402
from tests.campaigns.load import Load  # noqa: E402
from tests.operations.servers import LoggingMariaDB  # noqa: E402
from tests.support.invariants import answers_without_rows, seats_out_of_step, violations  # noqa: E402
from tests.support.processes import REPOSITORY, FlightSim, start_flightsim  # noqa: E402
from tests.support.servers import environment, start_web, start_worker  # noqa: E402

# The window, a pass, a call, and a machine that has other things to do.
QUIET_SECONDS = 180
LOOK_EVERY_SECONDS = 0.5


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
    call_command("migrate", verbosity=0)
    with start_flightsim("--capacity", "100000", store=folder / "seats.sqlite3") as sim:
        env = environment(FLIGHT_SERVICE_URL=sim.url, LOG_LEVEL="CRITICAL")
        with start_web(env=env) as web, start_worker(env=env) as worker:
            load = Load(web, seed=1)
            with load:
                time.sleep(seconds)
                before, began = list(load.heard), time.monotonic()
                server.dump(folder / "dump.sql")
                took, size = time.monotonic() - began, (folder / "dump.sql").stat().st_size
                say(f"dumped {size // 1024} KiB in {took:.1f} s,")
                say(f"while clients heard {len(load.heard) - len(before)} answers ({len(before)} before it)")
                time.sleep(seconds)
                server.kill()
                worker.kill()
                web.kill()
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
        connection.close()
        connection.settings_dict["PORT"] = server.port
        with start_flightsim("--capacity", "100000", store=Path(shutil.copy(lost.seats, folder))) as sim:
            yield sim, environment(DATABASE_URL=server.url, FLIGHT_SERVICE_URL=sim.url, LOG_LEVEL="CRITICAL")
        connection.close()


def reconcile(env: dict[str, str], *options: str) -> dict[str, Any]:
    """What `manage.py reconcile_seats` says."""
    words = [sys.executable, "manage.py", "reconcile_seats", "--json", *options]
    done = subprocess.run(words, cwd=REPOSITORY, env=env, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def work_until_quiet(env: dict[str, str]) -> bool:
    """Run the worker until nothing is under way any more, and every unpaid booking is over."""
    with start_worker(env=env):
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            unpaid = "SELECT COUNT(*) FROM booking WHERE status IN ('pending', 'initiated')"
            with connection.cursor() as cursor:
                cursor.execute(unpaid)
                (left,) = cursor.fetchone()
            if not left and not violations(quiet=True):
                return True
            time.sleep(LOOK_EVERY_SECONDS)
    return False


def try_dump_and_logs(lost: Lost) -> list[str]:
    """Nothing that a client was told may be missing."""
    say("-- from the dump and the binary log")
    with restored(lost, with_logs=True) as (sim, env):
        missing = answers_without_rows(lost.heard)
        quiet = work_until_quiet(env)
        found = reconcile(env)
        say(f"acknowledged answers without their rows: {len(missing)}")
        say(f"after the worker:  {difference(found)}")
        wrong = [*missing, *violations(quiet=True), *seats_out_of_step(sim), *map(str, found["drift"])]
        return wrong if quiet else [*wrong, "it does not become quiet"]


def try_dump_alone(lost: Lost, *, fix: bool) -> list[str]:
    """What was answered after the dump is missing; the difference must be named, flight by flight."""
    say("-- from the dump alone")
    with restored(lost, with_logs=False) as (sim, env):
        early = answers_without_rows(lost.heard_before_the_dump)
        say(f"acknowledged answers without their rows: {len(answers_without_rows(lost.heard))}")
        first = reconcile(env)
        say(f"before the worker: {difference(first)}")
        if fix:
            put_right(env, "before the worker")
        quiet = work_until_quiet(env)
        found = reconcile(env)
        say(f"after the worker:  {difference(found)}")
        if fix:
            found = put_right(env, "after it")
        named = {row["flight"] for row in found["drift"]}
        truth = {int(line.split()[2].rstrip(":")) for line in seats_out_of_step(sim)}
        wrong = [*early, *violations(quiet=True)]
        wrong += [] if named == truth else [f"flights that differ: {sorted(truth)}; named: {sorted(named)}"]
        wrong += [f"flights that still differ: {sorted(truth)}"] if fix and truth else []
        return wrong if quiet else [*wrong, "it does not become quiet"]


def put_right(env: dict[str, str], when: str) -> dict[str, Any]:
    """Have every difference corrected, and look again."""
    reconcile(env, "--fix", "--reason", "restored from a dump")
    found = reconcile(env)
    say(f"put right {when}: {difference(found)}")
    return found


def difference(found: dict[str, Any]) -> str:
    """Seats that nobody has a booking for, and bookings without their seats."""
    orphans = sum(max(0, row["taken"] - row["held"]) for row in found["drift"])
    uncovered = sum(max(0, row["held"] - row["taken"]) for row in found["drift"])
    compared = f"{found['flights_compared']} flights compared, {found['flights_skipped']} skipped"
    return f"{orphans} seats without a booking, {uncovered} booked without a seat; {compared}"


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def main(server: LoggingMariaDB) -> int:
    """Lose everything once, restore it twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.operations.backup")
    parser.add_argument("--seconds", type=float, default=10, help="of load before the dump, and after it")
    parser.add_argument("--fix", action="store_true", help="put right with reconcile_seats --fix what the dump lacks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lost = run_and_lose(server, Path(name), seconds=options.seconds)
        server.close()
        wrong = [*try_dump_and_logs(lost), *try_dump_alone(lost, fix=options.fix)]
    for line in wrong:
        say(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(globals()["server"]))
