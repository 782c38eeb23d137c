"""The outages one after another; `python -m tests.rehearsal` prepares the environment and runs this."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import django
from django.core.management import call_command

django.setup()

from bookings.queries.upkeep.background import last_pass_finished_at  # noqa: E402 - models can be imported only now
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.campaigns.outages.catalog import OUTAGES, Outage  # noqa: E402
from tests.campaigns.play import FELT_SECONDS, Play  # noqa: E402
from tests.campaigns.verdict import Round, exit_code, table  # noqa: E402
from tests.rehearsal.progress import Progress  # noqa: E402
from tests.rehearsal.stack import EXPIRY_INTERVAL_SECONDS, start_stack  # noqa: E402
from tests.support.running import await_that, migrate  # noqa: E402
from tests.support.schedules import schedule_the_sweep  # noqa: E402
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
        progress.end("interrupted")
    finally:
        kill_descendants()
        print(f"\n{table(rounds)}\n{time.monotonic() - began:.0f} s in all", flush=True)
    return exit_code(rounds, wanted=len(chosen.outages))


def rehearse(chosen: argparse.Namespace, progress: Progress, rounds: list[Round]) -> None:
    """Play the chosen outages: first those of a Flight Service that honours keys, then of one that does not."""
    progress.begin("start")
    progress.say("a database")
    migrate(environment(DATABASE_URL=database_url()))
    outages = [OUTAGES[name] for name in chosen.outages]
    for keyed in (True, False):
        those = [outage for outage in outages if outage.keyed == keyed]
        if those and not any(each.recovered_after is None for each in rounds):
            rehearse_with_one_peer(those, chosen, progress, rounds, keyed=keyed)


def rehearse_with_one_peer(
    outages: Sequence[Outage], chosen: argparse.Namespace, progress: Progress, rounds: list[Round], *, keyed: bool
) -> None:
    """Play these; one that is not recovered from is the last, as nothing after it would mean much."""
    progress.begin("start")
    progress.say("two web processes, a worker and a Flight Service")
    call_command("flush", verbosity=0, interactive=False)
    schedule_the_sweep(every_seconds=EXPIRY_INTERVAL_SECONDS)
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
        start_stack(Path(folder), database=globals()["server"], keyed=keyed) as stack,
    ):
        if not await_that(last_pass_finished_at, START_SECONDS):
            raise SystemExit(f"the worker does not start: {stack.worker.printed()}")
        progress.end("everything runs")
        for outage in outages:
            play = Play(outage, stack, progress, felt_seconds=chosen.felt_seconds)
            rounds.append(play.round(seed=chosen.seed + len(rounds)))
            if rounds[-1].recovered_after is None:
                return


if __name__ == "__main__":
    sys.exit(main())
