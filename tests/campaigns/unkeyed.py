"""
Wear a Flight Service without keys out.

A MariaDB, `flightsim --unkeyed` that loses requests and answers, hangs and is slow, a web server and
`run_worker`, all real, under a small load. In each round the web, the Flight Service or the worker is killed
(SIGKILL) and started again. Wrong is a seat that was sold twice, or is missing without a row that says so.
"""

import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.doors import Doors
from tests.campaigns.load import Load
from tests.campaigns.stack import Stack, durable, private_database, start_stack, without_keys
from tests.campaigns.verdict import Round
from tests.support.invariants import answers_without_rows, violations, what_is_wrong
from tests.support.processes import FlightSim
from tests.support.unkeyed import anything_is_open, drift_out_of_bounds, shown_to_staff

# Long enough to pay under load, short enough that there is always something to expire.
PAYMENT_WINDOW_SECONDS = 6

# Few enough that flights are sold out, and full again when bookings expire.
CAPACITY = 30

FAULTS = {"drop_reply_rate": 0.05, "drop_request_rate": 0.05, "hang_rate": 0.02, "latency_ms": 50}

LOAD_SECONDS = 12.0

# Turn 30 s, lease 15 s, settling, and a few passes of ten seconds; a worker that died must be missed first.
RECOVERY_SECONDS = 240.0

VICTIMS = ("web", "flight service", "worker")


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="kills of each process (default: %(default)s)")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=VICTIMS, metavar="VICTIM")
    parser.add_argument("--counter", choices=("exclusive", "shared"), default="exclusive")
    parser.add_argument("--seed", type=int, default=1)


def play(options: Namespace) -> Iterator[Round]:
    with (
        tempfile.TemporaryDirectory(prefix="unkeyed-") as folder,
        private_database(),
        start_stack(
            *("--unkeyed", "--capacity", str(CAPACITY), "--freeze-seconds", "60"),
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            **without_keys(options.counter),
            **durable(Path(folder)),
        ) as stack,
    ):
        stack.await_a_pass()
        for number in range(options.rounds):
            for victim in options.victims:
                yield one_round(stack, victim, options.counter, seed=options.seed + number)


def one_round(stack: Stack, victim: str, counter: str, *, seed: int) -> Round:
    """Load, kill, and wait until everything is in step again."""
    result = Round(victim, RECOVERY_SECONDS)
    stack.sim.faults(**FAULTS, seed=seed)
    with Load(Doors(stack.webs), seed=seed) as load:
        time.sleep(LOAD_SECONDS * random.uniform(0.3, 0.7))
        kill(stack, victim)
        time.sleep(LOAD_SECONDS / 2)
        load.stop()
    stack.sim.faults()
    result.recover(lambda: unsettled(stack.sim, counter), since=time.monotonic(), patience_seconds=RECOVERY_SECONDS)
    result.errors += load.doors.errors
    result.wrong += answers_without_rows(load.heard)
    for_staff = sum(shown_to_staff(flight["id"]) for flight in stack.sim.ledger()["flights"])
    result.figures = {"answers": len(load.heard), "seats for staff": for_staff}
    return result


def kill(stack: Stack, victim: str) -> None:
    """Kill one of them and start it again."""
    match victim:
        case "web":
            stack.web.kill()
            stack.web.serve()
        case "flight service":
            stack.sim.kill()
            stack.sim.start()
            stack.sim.faults(**FAULTS)
        case "worker":
            stack.worker.kill()
            stack.worker.start()


def unsettled(sim: FlightSim, counter: str) -> list[str]:
    """Give every violation of what must be true when all is quiet."""
    if anything_is_open():
        return ["something is open"]
    ledger, found = sim.ledger(), drift_out_of_bounds(sim)
    found += what_is_wrong(sim) if counter == "exclusive" else violations()
    found += [f"flight {each['id']} is oversold" for each in ledger["flights"] if each["remaining"] < 0]
    return [*found, "the Flight Service froze"] if ledger["calls"]["freezes"] else found
