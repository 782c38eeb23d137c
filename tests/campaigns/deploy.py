"""The rounds of the campaign; `tests.deploy.campaign` prepares the environment and runs this."""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import django

django.setup()

from bookings.models import Booking  # noqa: E402 - models can be imported only now
from bookings.queries.upkeep.background import last_pass_finished_at  # noqa: E402
from devtools.processes import adopt_orphans, kill_descendants  # noqa: E402
from tests.deploy.webs import Clients, RunWeb, await_that, restart  # noqa: E402
from tests.support.invariants import answers_without_rows, seats_out_of_step, violations  # noqa: E402
from tests.support.processes import REPOSITORY, FlightSim, start_flightsim  # noqa: E402
from tests.support.proxy import Proxy, start_proxy  # noqa: E402
from tests.support.servers import database_url, environment, start_worker  # noqa: E402

# A Flight Service over a network; so there is a create under way at every moment.
LATENCY_MS = "50"


@contextlib.contextmanager
def start_everything() -> Iterator[tuple[FlightSim, dict[str, RunWeb], Proxy]]:
    """Run it all, with the settings of production, save that nothing is tried twice."""
    with contextlib.ExitStack() as running:
        sim = running.enter_context(start_flightsim("--capacity", "1000000", "--latency-ms", LATENCY_MS))
        env = environment(DATABASE_URL=database_url(), FLIGHT_SERVICE_URL=sim.url, LOG_LEVEL="ERROR")
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True
        )
        running.enter_context(start_worker(env=env))
        webs = {"web1": RunWeb("--workers", "2", env=env), "web2": RunWeb("--workers", "2", env=env)}
        for web in webs.values():
            web.start()
            running.callback(web.kill)
        await_that(last_pass_finished_at)
        for web in webs.values():
            web.await_answer()
        ports = [web.port for web in webs.values()]
        yield sim, webs, running.enter_context(start_proxy(*ports, RETRIES="0"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.campaign", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="restarts of each (default: %(default)s)")
    rounds = parser.parse_args().rounds
    adopt_orphans()
    try:
        with start_everything() as (sim, webs, proxy):
            with Clients(proxy.port) as clients:
                print(f"{'round':<7}{'restarted':<11}{'seconds':>8}{'requests':>10}{'failed':>8}")
                for number in range(1, rounds + 1):
                    for name, web in webs.items():
                        started, before = time.monotonic(), clients.requests
                        restart(web, name, proxy=proxy, clients=clients)
                        took, asked = time.monotonic() - started, clients.requests - before
                        print(f"{number:<7}{name:<11}{took:>8.1f}{asked:>10}{len(clients.failures):>8}", flush=True)
            wrong = [*clients.failures, *answers_without_rows(clients.heard), *violations(quiet=True)]
            wrong += seats_out_of_step(sim)
            if Booking.objects.count() != clients.bookings:
                wrong.append(f"{Booking.objects.count()} bookings, and {clients.bookings} that clients know of")
    finally:
        kill_descendants()
    print("\n".join(wrong) or f"{clients.requests} requests, {clients.bookings} bookings, all in step")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
