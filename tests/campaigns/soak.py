"""
Load the service for ten minutes, and see that none of its processes grows.

A private MariaDB, a Flight Service, `run_web` and `run_worker` with the settings of production. Clients hold, pay and
read without a pause; the memory of the largest process of web and worker (proportional set size) is read when all
code has run, half-way, and at the end.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping

from benchmarks.meters import memory_mb
from benchmarks.stack import MARIADB_OPTIONS
from devtools.mariadb import PrivateMariaDB
from tests.campaigns.guests import SETTINGS, guests_at, production_web
from tests.campaigns.stack import Stack, private_database, start_stack
from tests.campaigns.verdict import Round

CLIENTS = 16
FLIGHTS = 50

# By then each thread has had its requests, and what is kept of the first ones is there.
WARM_SHARE = 0.1

# What a web process may have at the most, in MB; and how much more at the end than half-way.
MOST_MB = 90.0
MOST_GROWTH = 1.05


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=600.0, help="of load (default: %(default)s)")


def play(options: Namespace) -> Iterator[Round]:
    with (
        private_database(PrivateMariaDB(*MARIADB_OPTIONS)),
        start_stack("--flights", str(FLIGHTS), webs=production_web, **SETTINGS) as stack,
    ):
        stack.await_a_pass()
        yield soak(stack, seconds=options.seconds)


def soak(stack: Stack, *, seconds: float) -> Round:
    """Load the service for so long, and compare its memory at three moments."""
    began, sizes = time.monotonic(), []
    with guests_at(stack.web, flights=FLIGHTS, clients=CLIENTS, pause_seconds=0.0) as guests:
        for share in (WARM_SHARE, 0.5, 1.0):
            time.sleep(max(0.0, began + share * seconds - time.monotonic()))
            sizes.append(largest(stack))
        result = Round(f"{seconds:.0f} s", recovered_after=0.0)
        result.figures = {"requests": guests.answered()}
    for name in sizes[0]:
        moments = zip(("warm", "half-way", "end"), sizes, strict=True)
        result.figures |= {f"{name} {moment}, MB": size[name] for moment, size in moments}
    result.errors += guests.doors.failures()
    result.wrong += grown(half_way=sizes[1], end=sizes[2])
    return result


def largest(stack: Stack) -> dict[str, float]:
    """Give the memory of the largest process of the web server, and of the worker, in MB."""
    return {"web": memory_mb(stack.web.pid)[0], "worker": memory_mb(stack.worker.pid)[0]}


def grown(*, half_way: Mapping[str, float], end: Mapping[str, float]) -> list[str]:
    """Name the processes that have grown meanwhile, and a web process that is too large."""
    found = [
        f"the {name} has grown from {half_way[name]:.1f} to {end[name]:.1f} MB"
        for name in end
        if end[name] > MOST_GROWTH * half_way[name]
    ]
    if end["web"] > MOST_MB:
        found.append(f"a web process has {end['web']:.1f} MB")
    return found
