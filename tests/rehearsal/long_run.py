"""The outages one after another; `python -m tests.rehearsal` prepares the environment and runs this."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import django

django.setup()

from bookings.queries import last_pass_finished_at  # noqa: E402 - models can be imported only now
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.rehearsal.outages import OUTAGES  # noqa: E402
from tests.rehearsal.play import FELT_SECONDS, Play  # noqa: E402
from tests.rehearsal.progress import Progress  # noqa: E402
from tests.rehearsal.stack import start_stack  # noqa: E402
from tests.rehearsal.verdict import Round, exit_code, table  # noqa: E402
from tests.support.running import await_that, migrate  # noqa: E402
from tests.support.servers import database_url, environment  # noqa: E402

START_SECONDS = 120.0

# Nothing hangs for longer than this, whatever it is.
LONGEST_SECONDS = 900


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description="Rehearse outages.")
    parser.add_argument("--outages", nargs="+", choices=OUTAGES, default=list(OUTAGES), metavar="OUTAGE")
    parser.add_argument("--felt-seconds", type=float, default=FELT_SECONDS, help="length of each")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> int:
    chosen = options()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"the rehearsal has not ended within {LONGEST_SECONDS} s"))
    signal.alarm(LONGEST_SECONDS)
    rounds: list[Round] = []
    progress, began = Progress(), time.monotonic()
    try:
        rehearse(chosen, progress, rounds)
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
    finally:
        kill_descendants()
        print(f"\n{table(rounds)}\n{time.monotonic() - began:.0f} s in all", flush=True)
    return exit_code(rounds, wanted=len(chosen.outages))


def rehearse(chosen: argparse.Namespace, progress: Progress, rounds: list[Round]) -> None:
    """Play the chosen outages; one that is not recovered from is the last, as nothing after it would mean much."""
    progress.begin("start")
    progress.say("two web processes, a worker, a Flight Service and a database")
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        migrate(environment(DATABASE_URL=database_url()))
        with start_stack(Path(folder), database=globals()["server"]) as stack:
            if not await_that(last_pass_finished_at, START_SECONDS):
                raise SystemExit(f"the worker does not start: {stack.worker.printed()}")
            progress.end("everything runs")
            for number, name in enumerate(chosen.outages):
                result = Play(OUTAGES[name], stack, progress, felt_seconds=chosen.felt_seconds).round(
                    seed=chosen.seed + number
                )
                rounds.append(result)
                if result.recovered_after is None:
                    return


if __name__ == "__main__":
    sys.exit(main())
