"""The rounds of the campaign; `tests.crashes.campaign` prepares the environment and runs this."""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from bookings.queries.upkeep.background import last_pass_finished_at  # noqa: E402 - models can be imported only now
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.campaigns import points  # noqa: E402
from tests.campaigns.load import Load  # noqa: E402
from tests.campaigns.stack import Stack, start_stack  # noqa: E402
from tests.support.invariants import answers_without_rows  # noqa: E402
from tests.support.running import LOOK_EVERY_SECONDS, await_that  # noqa: E402

IDLE_WORKER, CLUSTER, DATABASE = "an idle worker", "the cluster", "the database"
POINTS = (*points.OF_THE_WEB, *points.OF_THE_WORKER, IDLE_WORKER, CLUSTER, DATABASE)

# From the kill, or from the last answer that the Flight Service lost after it, until everything is in step again:
# lease 15 s, next pass 10 s, call 5 s; or with a cluster that must first be missed.
USUAL_SECONDS = 30.0
CLUSTER_SECONDS = 120.0

# Longer than `run_worker` needs to see that a cluster is dead, and to end what is left of it.
ORPHANS_ARE_GONE = timedelta(seconds=5)

# However many answers get lost.
LONGEST_SECONDS = 300.0

# Some points need a lost answer first, and a pass comes every ten seconds.
ARRIVAL_SECONDS = 120.0


@dataclass
class Round:
    """What came of one kill: seconds since it, and since the last answer that was lost after it."""

    point: str
    seconds: float
    since_lost: float
    wrong: list[str]


def kill_at(stack: Stack, point: str, load: Load, server: Any) -> float | None:
    """
    Have a process die at the point, and start the web or the database again.

    Gives the moment of the kill on the monotonic clock; None if nobody came to the point.
    """
    if point == DATABASE:
        now = time.monotonic()
        server.kill()
        server.start()
        return now
    if point in (CLUSTER, IDLE_WORKER):
        pids = stack.worker.clusters() if point == CLUSTER else idle_workers(stack, load)
        now = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return now if pids else None
    role = "web" if point in points.OF_THE_WEB else "worker"
    fired = stack.arm(role, point)
    if not await_that(fired.exists, ARRIVAL_SECONDS):
        stack.disarm(role)
        return None
    killed_at = time.monotonic() - (time.time() - fired.stat().st_ctime)
    if role == "web":
        stack.web.kill()
        stack.web.start()
    return killed_at


def idle_workers(stack: Stack, load: Load) -> list[int]:
    """Name the two workers of a fresh cluster that wait for a task: one of them holds the lock of the queue."""
    stack.worker.kill()
    stack.worker.start()
    before = stack.last_pass()
    load.stop()
    quiet = await_that(lambda: stack.last_pass() != before and not stack.what_is_wrong(), ARRIVAL_SECONDS)
    return stack.idle_workers() if quiet else []


def one_round(stack: Stack, point: str, *, seed: int, server: Any) -> Round:
    """Load, kill, and wait until everything is in step again."""
    with Load(stack.web, seed=seed) as load:
        await_that(lambda: len(load.heard) > 10, ARRIVAL_SECONDS)
        killed_at = kill_at(stack, point, load, server)
        load.stop()
        if killed_at is None:
            return Round(point, 0.0, 0.0, ["nobody came to this point"])
        result = recovery(stack, point, killed_at, load)
    result.wrong += sorted(load.failures) + answers_without_rows(load.heard)
    if load.failures:
        print(stack.web.printed(), flush=True)
    return result


def recovery(stack: Stack, point: str, killed_at: float, load: Load) -> Round:
    """Wait until nothing is wrong any more, and tell how long it took."""
    limit = CLUSTER_SECONDS if point in (IDLE_WORKER, CLUSTER, DATABASE) else USUAL_SECONDS
    # What a dying cluster still finishes, or had already in hand, proves nothing.
    proof = datetime.now(UTC) + ORPHANS_ARE_GONE if point in (IDLE_WORKER, CLUSTER) else None
    lost_at, lost = killed_at, stack.lost_answers()
    wrong = ["not looked at"]
    while wrong and time.monotonic() - killed_at < LONGEST_SECONDS:
        time.sleep(LOOK_EVERY_SECONDS)
        if stack.lost_answers() != lost:
            lost, lost_at = stack.lost_answers(), time.monotonic()
        wrong = stack.what_is_wrong()
        last_pass = stack.last_pass()
        if not load.is_over() or last_pass is None or (proof is not None and last_pass < proof):
            wrong.append("clients or workers are not ready")
    now = time.monotonic()
    if now - lost_at > limit:
        wrong.append(f"longer than {limit:.0f} s")
    return Round(point, now - killed_at, now - lost_at, wrong)


def print_table(rounds: list[Round]) -> None:
    of_point: dict[str, list[Round]] = defaultdict(list)
    for each in rounds:
        of_point[each.point].append(each)
    print(f"\n{'crash point':<16}{'kills':>6}{'s since the kill':>20}{'s since a lost answer':>24}   violations")
    for point, group in of_point.items():
        since_kill = " ".join(f"{each.seconds:.1f}" for each in group)
        since_lost = " ".join(f"{each.since_lost:.1f}" for each in group)
        violations = sum(bool(each.wrong) for each in group)
        print(f"{point:<16}{len(group):>6}{since_kill:>20}{since_lost:>24}   {violations}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes.campaign", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="kills at each point (default: %(default)s)")
    parser.add_argument("--points", nargs="+", choices=POINTS, default=POINTS, metavar="POINT")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    rounds: list[Round] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="crashes-") as folder,
            start_stack(Path(folder), seed=options.seed) as stack,
        ):
            assert await_that(last_pass_finished_at, CLUSTER_SECONDS), stack.worker.printed()
            for number in range(options.rounds):
                for point in options.points:
                    result = one_round(stack, point, seed=options.seed + number, server=globals()["server"])
                    rounds.append(result)
                    outcome = "; ".join(result.wrong) or "in step"
                    print(f"{number + 1} {point}: {result.seconds:.1f} s, {outcome}"[:2000], flush=True)
    finally:
        kill_descendants()
        print_table(rounds)
    return 1 if not rounds or any(each.wrong for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
