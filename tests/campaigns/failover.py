"""The ways of the campaign; `tests.failover.campaign` prepares the environment and runs this."""

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import django

django.setup()

from bookings.queries.upkeep.background import last_pass_finished_at  # noqa: E402 - models can be imported only now
from devtools.mariadb_pair import run  # noqa: E402
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.campaigns.losses import flights_that_lack, ids_used_twice, lost, snapshot  # noqa: E402
from tests.failover.load import Load  # noqa: E402
from tests.failover.stack import QUIET_SECONDS, Stack, answered_by, await_that, start_stack  # noqa: E402

SEMI_SYNC, ASYNC, BEHIND = "semi-sync", "async", "async, behind"
WAYS = (SEMI_SYNC, ASYNC, BEHIND)
# The two ends of what can happen; a replica that is in step as a rule loses nothing, or next to nothing.
USUAL_WAYS = (SEMI_SYNC, BEHIND)

# Far longer than any of it takes on a loaded machine.
PATIENCE_SECONDS = 60.0

READ_ONLY = {1290, 1836}


@dataclass
class Result:
    """What came of one way."""

    way: str
    told: int = 0
    transactions_lacking: int = 0
    # The flights whose bookings the replica did not know as the primary did.
    lacking: set[int] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    lists: int = 0
    from_replica: int = 0
    stale: int = 0
    repeated: dict[int, int] = field(default_factory=dict)
    asked_to_come_again: int = 0
    seconds_down: float = 0.0
    reconciled: str = ""
    wrong: list[str] = field(default_factory=list)


def one_way(way: str, *, seed: int, load_seconds: float) -> Result:
    """Load, kill the primary, promote the replica, go on, and look for everything that anybody was told."""
    result = Result(way)
    with start_stack(semi_sync=way == SEMI_SYNC) as stack:
        assert await_that(last_pass_finished_at, PATIENCE_SECONDS), stack.worker.printed()
        with Load(stack.web, seed=seed) as load:
            say(way, "load")
            asked = answered_by(stack.pair.replica)
            time.sleep(load_seconds)
            # A list asks twice: whether it is up to date, and for the rows.
            result.from_replica = (answered_by(stack.pair.replica) - asked) // 2
            if way == BEHIND:
                run(stack.pair.replica, "STOP SLAVE IO_THREAD")
                time.sleep(1)
            say(way, "kill the primary")
            killed_at = fail_over(stack, load, result)
            time.sleep(load_seconds / 2)
            load.stop()
            say(way, "the worker catches up")
            if not await_that(lambda: load.is_over() and stack.is_quiet(), QUIET_SECONDS):
                result.wrong.append("not quiet in time")
        result.seconds_down = load.first_of_era.get(1, float("inf")) - killed_at
        look_back(stack, load, result)
    return result


def fail_over(stack: Stack, load: Load, result: Result) -> float:
    """Do what docs/operations.md says, pointing the service at the replica too early; give when the kill was."""
    pair = stack.pair
    pair.primary.kill()
    killed_at = time.monotonic()
    stack.point_at(pair.replica)
    # It is read-only as yet: whoever wants to book meets that now.
    if not await_that(lambda: READ_ONLY & set(stack.repeated()), PATIENCE_SECONDS):
        result.wrong.append("nobody met a read-only database")
    pair.receive_no_more()
    load.era = 1
    of_replica, position = snapshot(pair.replica), gtid(pair.replica)
    pair.promote()
    stack.start_worker()
    # What the dead one knew; it is a server that nobody asks any more.
    pair.primary.start()
    result.lacking = flights_that_lack(of_replica, snapshot(pair.primary))
    result.transactions_lacking = gtid(pair.primary) - position
    pair.primary.kill()
    return killed_at


def gtid(server: Any) -> int:
    """Give how many transactions a server has in its log; they are counted through, over all servers."""
    ((position,),) = run(server, "SELECT @@gtid_binlog_pos")
    return int(position.rpartition("-")[2])


def look_back(stack: Stack, load: Load, result: Result) -> None:
    """Compare what was told with the rows, and the seats with the Flight Service's."""
    gone = lost(load.heard)
    result.told, result.lost = len(load.heard), [told.name for told in gone]
    result.lists, result.stale = load.lists, len(load.stale)
    result.repeated = dict(sorted(stack.repeated().items()))
    result.asked_to_come_again = load.answers[503]
    code, found = stack.reconcile()
    differing = {row["flight"] for row in found["drift"]}
    result.reconciled = (
        "clean"
        if code == 0
        else "; ".join(f"flight {row['flight']}: {row['held']} held, {row['taken']} taken" for row in found["drift"])
    )
    result.wrong += sorted(load.unclean) + [f"not in the list: {name}" for name in load.stale]
    result.wrong += [f"two bookings had one id: {name}" for name in ids_used_twice(load.heard)]
    if found["flights_skipped"]:
        result.wrong.append(f"{found['flights_skipped']} flights were not compared")
    if differing - result.lacking:
        result.wrong.append(f"the replica lacked nothing of flights {sorted(differing - result.lacking)}")
    if result.way == SEMI_SYNC and (gone or differing):
        result.wrong.append("a semi-synchronous replica lacked something")
    if result.way == BEHIND and not (gone and differing):
        result.wrong.append("a replica that was cut off for a second lacked nothing: nobody looks properly")
    if any(told.era == 1 for told in gone):
        result.wrong.append("something was lost after the failover")
    if not result.from_replica:
        result.wrong.append("no list came from the replica")


def say(way: str, what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {way}: {what}", flush=True)


def print_table(results: list[Result]) -> None:
    names = ("way", "told", "not replicated", "lost", "lists", "of replica", "stale", "503", "s down")
    print("\n" + " | ".join(names) + " | repeated after error | reconcile_seats")
    for each in results:
        numbers = [each.told, each.transactions_lacking, len(each.lost), each.lists, each.from_replica, each.stale]
        repeated = ", ".join(f"{number}: {count}" for number, count in each.repeated.items())
        print(
            " | ".join([f"{each.way:<13}", *map(str, numbers), str(each.asked_to_come_again)]),
            f"| {each.seconds_down:.1f} | {repeated} | {each.reconciled}",
        )
    for each in results:
        for name in each.lost:
            print(f"lost ({each.way}): {name}")
        for wrong in each.wrong:
            print(f"WRONG ({each.way}): {wrong}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.failover.campaign", description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=USUAL_WAYS, metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seconds", type=float, default=5.0, help="of load before the kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    results: list[Result] = []
    try:
        for way in options.ways:
            results.append(one_way(way, seed=options.seed, load_seconds=options.seconds))
    finally:
        kill_descendants()
        print_table(results)
    return 1 if len(results) < len(options.ways) or any(each.wrong for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
