"""
Restart two web servers under load, again and again.

A MariaDB, a Flight Service that takes its time, two `run_web` with the settings of production, `run_worker`, and
haproxy with its configuration, all real. In each round either web server is stopped and started again while
clients hold, pay and read, and nothing is tried twice: no request may fail.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from bookings.models import Booking
from tests.campaigns.doors import one_door
from tests.campaigns.load import Load, Manner
from tests.campaigns.stack import private_database, start_stack
from tests.campaigns.verdict import Round
from tests.support.invariants import answers_without_rows
from tests.support.proxy import Proxy
from tests.support.servers import Web, a_watched_web
from tests.support.waiting import await_that

# A Flight Service over a network; so there is a create under way at every moment.
LATENCY_MS = "50"

# Each on a connection that it keeps, as browsers and services do; with thinking in between.
ONCE = Manner(pause_seconds=0.05, acts={"pay": 3, "read": 1}, repeats=False)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="restarts of each (default: %(default)s)")


def play(options: Namespace) -> Iterator[Round]:
    with (
        private_database(),
        start_stack(
            *("--latency-ms", LATENCY_MS),
            webs=lambda env: [a_watched_web("--workers", "2", env=env) for _ in range(2)],
            proxy={"RETRIES": "0"},
        ) as stack,
    ):
        assert stack.proxy is not None
        stack.await_a_pass()
        with clients_of(stack.proxy) as load:
            for number in range(options.rounds):
                for name, web in zip(("web1", "web2"), stack.webs, strict=True):
                    began, before, failed = time.monotonic(), load.doors.counts().total(), len(load.doors.failures())
                    restart(web, name, proxy=stack.proxy, load=load)
                    result = Round(f"{name}, {number + 1}", recovered_after=time.monotonic() - began)
                    requests = load.doors.counts().total() - before
                    result.figures = {"requests": requests, "failed": len(load.doors.failures()) - failed}
                    yield result
        last = Round("afterwards", recovered_after=0.0)
        last.wrong += [*load.doors.failures(), *unlike_the_rows(load), *stack.what_is_wrong()]
        last.figures = {"requests": load.doors.counts().total(), "failed": len(load.doors.failures())}
        yield last


@contextmanager
def clients_of(proxy: Proxy) -> Iterator[Load]:
    """Let clients ask everything once, through the proxy, for the length of the block."""
    with one_door(proxy.port) as doors, Load(doors, seed=1, manner=ONCE) as load:
        yield load


def unlike_the_rows(load: Load) -> list[str]:
    """Compare what clients heard with the tables: neither side has a booking that the other does not know."""
    found, known = answers_without_rows(load.heard), load.bookings()
    if Booking.objects.count() != len(known):
        found.append(f"{Booking.objects.count()} bookings, and {len(known)} that clients know of")
    return found


def restart(web: Web, name: str, *, proxy: Proxy, load: Load) -> None:
    """Stop a web server, start it again, and wait until the proxy sends it clients again."""
    proxy.restart(web, name)
    heard = len(load.heard)
    await_that(lambda: len(load.heard) > heard + 10, load.doors.failures)
