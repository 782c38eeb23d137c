"""The rounds of the campaign; `tests.unkeyed.campaign` prepares the environment and runs this."""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import django

django.setup()

from bookings.queries.upkeep.background import last_pass_finished_at  # noqa: E402 - models can be imported only now
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.campaigns.load import Load  # noqa: E402
from tests.support.invariants import answers_without_rows, seats_out_of_step, violations  # noqa: E402
from tests.support.processes import REPOSITORY, FlightSim, start_flightsim  # noqa: E402
from tests.support.servers import Web, Worker, database_url, environment, start_web, start_worker  # noqa: E402
from tests.support.unkeyed import anything_is_open, drift_out_of_bounds, shown_to_staff  # noqa: E402

# More than the five seconds that a change may take, and much less than anybody should set.
SETTLE_SECONDS = 8

# Long enough to pay under load, short enough that there is always something to expire.
PAYMENT_WINDOW_SECONDS = 6

# Few enough that flights are sold out, and full again when bookings expire.
CAPACITY = 30

FAULTS = {"drop_reply_rate": 0.05, "drop_request_rate": 0.05, "hang_rate": 0.02, "latency_ms": 50}

LOAD_SECONDS = 12.0

# Turn 30 s, lease 15 s, settling, and a few passes of ten seconds; a worker that died must be missed first.
RECOVERY_SECONDS = 240.0

LOOK_EVERY_SECONDS = 0.5


@dataclass
class Stack:
    """What runs."""

    sim: FlightSim
    web: Web
    worker: Worker

    def kill(self, victim: str) -> None:
        """Kill one of them and start it again; the worker is killed in its cluster, which starts itself."""
        match victim:
            case "web":
                self.web.kill()
                self.web.start()
            case "flight service":
                self.sim.kill()
                self.sim.start()
                self.sim.faults(**FAULTS)
            case "worker":
                self.worker.kill()
                self.worker.start()


@dataclass
class Round:
    """What came of one round."""

    victim: str
    heard: int
    seconds: float
    for_staff: int
    wrong: list[str]


def what_is_wrong(sim: FlightSim, counter: str) -> list[str]:
    """Give every violation of what must be true when all is quiet."""
    if anything_is_open():
        return ["something is open"]
    found = [*violations(quiet=counter == "exclusive"), *drift_out_of_bounds(sim)]
    if counter == "exclusive":
        found += seats_out_of_step(sim)
    ledger = sim.ledger()
    found += [f"flight {each['id']} is oversold" for each in ledger["flights"] if each["remaining"] < 0]
    return [*found, *(["the Flight Service froze"] if ledger["calls"]["freezes"] else [])]


def one_round(stack: Stack, victim: str, counter: str, *, seed: int) -> Round:
    stack.sim.faults(**FAULTS, seed=seed)
    with Load(stack.web, seed=seed) as load:
        time.sleep(LOAD_SECONDS * random.uniform(0.3, 0.7))
        stack.kill(victim)
        time.sleep(LOAD_SECONDS / 2)
        load.stop()
    stack.sim.faults()
    began = time.monotonic()
    wrong = ["not looked at"]
    while wrong and time.monotonic() - began < RECOVERY_SECONDS:
        time.sleep(LOOK_EVERY_SECONDS)
        wrong = what_is_wrong(stack.sim, counter)
    wrong += [*answers_without_rows(load.heard), *load.failures]
    for_staff = sum(shown_to_staff(flight["id"]) for flight in stack.sim.ledger()["flights"])
    return Round(victim, len(load.heard), time.monotonic() - began, for_staff, wrong)


def run(options: argparse.Namespace, folder: Path) -> list[Round]:
    rounds = []
    with start_flightsim("--unkeyed", "--capacity", str(CAPACITY), "--freeze-seconds", "60") as sim:
        env = environment(
            DJANGO_SETTINGS_MODULE="tests.campaigns.settings",
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            FLIGHT_SERVICE_KEYED="false",
            FLIGHT_SERVICE_COUNTER=options.counter,
            FLIGHT_SERVICE_SETTLE_SECONDS=str(SETTLE_SECONDS),
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            DURABLE_PAYMENTS=str(folder / "payments.sqlite3"),
            LOG_LEVEL="ERROR",
        )
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=REPOSITORY, env=env, check=True)
        with start_web(env=env) as web, start_worker(env=env) as worker:
            stack = Stack(sim, web, worker)
            while last_pass_finished_at() is None:
                time.sleep(LOOK_EVERY_SECONDS)
            for number in range(options.rounds):
                for victim in ("web", "flight service", "worker"):
                    rounds.append(one_round(stack, victim, options.counter, seed=options.seed + number))
                    print(f"{number + 1} {rounds[-1]}"[:2000], flush=True)
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.unkeyed.campaign")
    parser.add_argument("--rounds", type=int, default=3, help="kills of each process (default: %(default)s)")
    parser.add_argument("--counter", choices=("exclusive", "shared"), default="exclusive")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    try:
        with tempfile.TemporaryDirectory(prefix="unkeyed-") as folder:
            rounds = run(options, Path(folder))
    finally:
        kill_descendants()
    print(f"\n{'killed':<16}{'answers':>9}{'s until in step':>17}{'seats for staff':>17}   violations")
    for each in rounds:
        print(f"{each.victim:<16}{each.heard:>9}{each.seconds:>17.1f}{each.for_staff:>17}   {len(each.wrong)}")
    return 1 if not rounds or any(each.wrong for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
