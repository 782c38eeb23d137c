"""
Kill running servers at every crash point.

A MariaDB, a Flight Service that loses a fifth of its answers, a web server and `run_worker`, all real, under
a small load. At each point the web server or the worker is killed (SIGKILL), started again, and must bring
seats, bookings and money into step by itself, in real time.
"""

import os
import signal
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devtools.mariadb import PrivateMariaDB
from tests.campaigns import points
from tests.campaigns.doors import Doors, Excused
from tests.campaigns.load import Load
from tests.campaigns.stack import Stack, durable, private_database, start_stack
from tests.campaigns.verdict import Round
from tests.support.invariants import answers_without_rows
from tests.support.servers import Worker, a_web
from tests.support.waiting import comes_true

IDLE_WORKER, CLUSTER, DATABASE = "an idle worker", "the cluster", "the database"
POINTS = (*points.OF_THE_WEB, *points.OF_THE_WORKER, IDLE_WORKER, CLUSTER, DATABASE)

LOST_ANSWERS = 0.2

# Long enough to pay under load, short enough that there is always something to expire.
PAYMENT_WINDOW_SECONDS = 6

# From the kill, or from the last answer that the Flight Service lost after it, until everything is in step again:
# lease 15 s, next pass 10 s, call 5 s; or with a cluster that must first be missed.
USUAL_SECONDS = 30.0
CLUSTER_SECONDS = 120.0
# A payment that no request goes on with is closed after 60 s without news: next pass 10 s, call 8 s.
PAYMENT_SECONDS = 80.0

# Longer than `run_worker` needs to see that a cluster is dead, and to end what is left of it.
ORPHANS_ARE_GONE = timedelta(seconds=5)

# However many answers get lost.
LONGEST_SECONDS = 300.0

# Some points need a lost answer first, and a pass comes every ten seconds.
ARRIVAL_SECONDS = 120.0


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=1, help="kills at each point (default: %(default)s)")
    parser.add_argument("--points", nargs="+", choices=POINTS, default=POINTS, metavar="POINT")
    parser.add_argument("--seed", type=int, default=1)


def play(options: Namespace) -> Iterator[Round]:
    with (
        private_database() as server,
        tempfile.TemporaryDirectory(prefix="crashes-") as folder,
        start(Path(folder), server, seed=options.seed) as crashes,
    ):
        for number in range(options.rounds):
            for point in options.points:
                yield crashes.round(point, seed=options.seed + number)


class Crashes:
    """What runs, and the two flags that tell the web and the worker where to die."""

    def __init__(self, stack: Stack, server: PrivateMariaDB, flags: Path) -> None:
        self._stack, self._server, self._flags = stack, server, flags

    def round(self, point: str, *, seed: int) -> Round:
        """Load, kill, and wait until everything is in step again."""
        result = Round(point, limit_of(point))
        doors = Doors([Excused(self._stack.web.port)])
        with Load(doors, seed=seed) as load:
            comes_true(lambda: len(load.heard) > 10, ARRIVAL_SECONDS)
            killed_at = self._kill_at(point, load)
            load.stop()
            if killed_at is None:
                result.wrong.append("nothing came to this point")
            else:
                self._recover(result, killed_at, load)
        result.errors += doors.errors
        result.wrong += answers_without_rows(load.heard)
        if result.errors:
            print(self._stack.web.printed(), flush=True)
        return result

    def _kill_at(self, point: str, load: Load) -> float | None:
        """
        Have a process die at the point, and start the web or the database again.

        Gives the moment of the kill on the monotonic clock; None if nothing came to the point.
        """
        worker, web = self._stack.worker, self._stack.web
        if point == DATABASE:
            now = time.monotonic()
            self._server.kill()
            self._server.start()
            return now
        if point in (CLUSTER, IDLE_WORKER):
            pids = worker.clusters() if point == CLUSTER else self._idle_workers(load)
            now = time.monotonic()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            return now if pids else None
        flag = flag_of("web" if point in points.OF_THE_WEB else "worker", self._flags)
        fired, new = flag.with_suffix(".fired"), flag.with_suffix(".new")
        fired.unlink(missing_ok=True)
        new.write_text(point)
        new.rename(flag)  # at once: half a name would be read as another point
        if not comes_true(fired.exists, ARRIVAL_SECONDS):
            flag.unlink(missing_ok=True)
            return None
        killed_at = time.monotonic() - (time.time() - fired.stat().st_ctime)
        if point in points.OF_THE_WEB:
            web.kill()
            web.serve()
        return killed_at

    def _idle_workers(self, load: Load) -> list[int]:
        """Name the two workers of a fresh cluster that wait for a task: one of them holds the lock of the queue."""
        stack = self._stack
        stack.worker.kill()
        stack.worker.start()
        before = stack.last_pass()
        load.stop()
        quiet = comes_true(
            lambda: stack.last_pass() != before and not stack.what_is_wrong(), ARRIVAL_SECONDS, look_every=0.25
        )
        return stack.worker.idle_workers() if quiet else []

    def _recover(self, result: Round, killed_at: float, load: Load) -> None:
        """Wait until nothing is wrong any more, and note how long it took since the last answer that was lost."""
        stack, lost_at, lost = self._stack, killed_at, self._lost_answers()
        # What a dying cluster still finishes, or had already in hand, proves nothing.
        proof = datetime.now(UTC) + ORPHANS_ARE_GONE if result.name in (IDLE_WORKER, CLUSTER) else None

        def unfinished() -> list[str]:
            nonlocal lost_at, lost
            if self._lost_answers() != lost:
                lost, lost_at = self._lost_answers(), time.monotonic()
            wrong, last_pass = stack.what_is_wrong(), stack.last_pass()
            if load.undecided() or last_pass is None or (proof is not None and last_pass < proof):
                wrong.append("clients or workers are not ready")
            return wrong

        result.recover(unfinished, since=killed_at, patience_seconds=LONGEST_SECONDS)
        if result.recovered_after is not None:
            result.figures["s since the kill"] = result.recovered_after
            result.recovered_after = time.monotonic() - lost_at

    def _lost_answers(self) -> int:
        """Tell how many answers the Flight Service has lost so far."""
        lost: int = self._stack.sim.ledger()["calls"]["dropped_replies"]
        return lost


def limit_of(point: str) -> float:
    """Tell how many seconds may pass from the last lost answer until all is in step."""
    if point in (IDLE_WORKER, CLUSTER, DATABASE):
        return CLUSTER_SECONDS
    return PAYMENT_SECONDS if point in points.OF_A_PAYMENT else USUAL_SECONDS


def flag_of(role: str, flags: Path) -> Path:
    """Name the file that tells `web` or `worker` where to die."""
    return flags / f"{role}.flag"


@contextmanager
def start(folder: Path, server: PrivateMariaDB, *, seed: int) -> Iterator[Crashes]:
    """Run everything, with a web and a worker that die on demand."""
    # The gateway loses answers to the web alone: the worker has them to settle, and no excuse to be late.
    of_web = {"CRASH_FLAG": str(flag_of("web", folder)), "DURABLE_PAYMENTS_DROP": str(LOST_ANSWERS)}
    of_worker = {"CRASH_FLAG": str(flag_of("worker", folder))}
    with start_stack(
        *("--drop-reply-rate", str(LOST_ANSWERS), "--seed", str(seed)),
        webs=lambda env: [a_web(env={**env, **of_web})],
        worker=lambda env: Worker(env={**env, **of_worker}),
        PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
        **durable(folder),
    ) as stack:
        stack.await_a_pass()
        yield Crashes(stack, server, folder)
