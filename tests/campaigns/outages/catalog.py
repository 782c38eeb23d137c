"""
The outages. Each breaks something, lets clients feel it, repairs what an operator or systemd would repair, and says
from which moment on the service has to recover.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import Max

from bookings.lifecycle import Hold
from bookings.models import Booking
from tests.campaigns.outages.clocks import OF_CLOCKS
from tests.campaigns.outages.crowd import flight_service_hangs_under_a_crowd
from tests.campaigns.outages.databases import database_demoted, database_hangs
from tests.campaigns.outages.outage import (
    DEAD_WORKER_SECONDS,
    NO_DATABASE,
    NO_PROXY,
    USUAL_SECONDS,
    Feel,
    Outage,
)
from tests.campaigns.stack import SETTLE_SECONDS, Stack
from tests.campaigns.verdict import Word
from tests.support.servers import Worker

# Without keys a lost answer is only known when whatever is under way has arrived or never will.
SETTLED_SECONDS = USUAL_SECONDS + SETTLE_SECONDS

# Above the read limit of the service, which is 2 s.
SLOW_MS = 3_000

# One of those that clients ask for, and bookings of others that they must get in the five seconds that it is so.
UNUSABLE_FLIGHT = 2
SOLD_MEANWHILE = 10


def with_faults(**plan: Any) -> Callable[[Stack, Feel], float]:
    """Make an outage of faults that the stand-in Flight Service plays."""

    def play(stack: Stack, feel: Feel) -> float:
        stack.sim.faults(**plan)
        feel()
        stack.sim.faults()
        return time.monotonic()

    return play


def flight_service_down(stack: Stack, feel: Feel) -> float:
    stack.sim.kill()
    feel()
    stack.sim.start()
    return time.monotonic()


def with_signal(number: signal.Signals, named: Callable[[Worker], list[int]]) -> Callable[[Stack, Feel], float]:
    """Make an outage of a signal to processes of a cluster, which `run_worker` has to notice and to replace."""

    def play(stack: Stack, feel: Feel) -> float:
        sent_at = time.monotonic()
        stack.condemned = stack.worker.clusters()
        for pid in named(stack.worker):
            os.kill(pid, number)
        feel()
        return sent_at

    return play


def worker_killed(stack: Stack, feel: Feel) -> float:
    """`run_worker` and all that it has started, as the kernel's out-of-memory killer or an operator would."""
    stack.worker.kill()
    feel()
    stack.worker.start()
    return time.monotonic()


def web_killed(stack: Stack, feel: Feel) -> float:
    stack.web.kill()
    feel()
    stack.web.serve()
    return time.monotonic()


def database_killed(stack: Stack, feel: Feel) -> float:
    assert stack.database is not None, NO_DATABASE
    stack.database.kill()
    feel()
    stack.database.start()
    return time.monotonic()


def rolling_deploy(stack: Stack, feel: Feel) -> float:
    """One web process after the other is asked to stop and is started again, as a deploy would."""
    assert stack.proxy is not None, NO_PROXY
    for number, web in enumerate(stack.webs, start=1):
        stack.proxy.restart(web, f"web{number}")
    feel()
    return time.monotonic()


def one_unusable_flight(stack: Stack, feel: Feel) -> float:
    """One flight is shown with a price in letters, and clients keep asking: the others are sold as before."""
    stack.sim.faults(unusable_flight=UNUSABLE_FLIGHT)
    newest = Booking.objects.aggregate(pk=Max("pk"))["pk"] or 0
    feel()
    stack.sim.faults()
    repaired_at = time.monotonic()
    others = Booking.objects.filter(pk__gt=newest).exclude(flight_id=UNUSABLE_FLIGHT)
    sold = others.filter(hold__in=[Hold.HELD, Hold.GIVING_BACK]).count()
    assert sold >= SOLD_MEANWHILE, f"of all other flights {sold} bookings were sold meanwhile"
    return repaired_at


# Of changes alone: flights can still be read, so that bookings are made whose seats are in doubt.
OF_CHANGES = {"faults_on": "patch"}
SLOW = with_faults(latency_ms=SLOW_MS, **OF_CHANGES)
DROPS_REPLIES = with_faults(drop_reply_rate=1.0, **OF_CHANGES)
GARBAGE = with_faults(garbage_rate=1.0, **OF_CHANGES)
DRIPS = with_faults(drip_rate=1.0, **OF_CHANGES)
DRIPS_FLIGHTS = with_faults(drip_rate=1.0)
HINTS = with_faults(informational_rate=0.5)
LOSES_HALF = with_faults(drop_reply_rate=0.3, drop_request_rate=0.2, **OF_CHANGES)

# The main process alone: what it has started is orphaned.
CLUSTER_KILLED = with_signal(signal.SIGKILL, Worker.clusters)
# A process that waits for a task dies with the lock of the queue: its successor would wait endlessly.
IDLE_WORKER_KILLED = with_signal(signal.SIGKILL, Worker.idle_workers)
# The whole cluster lives and does nothing: its processes are stopped. Only silence tells.
WORKER_WEDGED = with_signal(signal.SIGSTOP, Worker.all_of_the_cluster)

ALL = (
    Outage("Flight Service slow", SLOW, felt_as=Word.REFUSED),
    Outage("Flight Service hangs, crowd", flight_service_hangs_under_a_crowd, felt_as=Word.REFUSED),
    Outage("Flight Service down", flight_service_down, felt_as=Word.REFUSED),
    Outage("Flight Service drops replies", DROPS_REPLIES, felt_as=Word.REFUSED),
    Outage("Flight Service answers garbage", GARBAGE, felt_as=Word.REFUSED),
    Outage("Flight Service drips", DRIPS, felt_as=Word.REFUSED),
    Outage("Flight Service drips flights", DRIPS_FLIGHTS, felt_as=Word.REFUSED),
    Outage("Flight Service sends 103s", HINTS),
    Outage("one unusable flight", one_unusable_flight, felt_as=Word.REFUSED, seamless=True),
    Outage("cluster killed", CLUSTER_KILLED, DEAD_WORKER_SECONDS),
    Outage("worker killed", worker_killed, DEAD_WORKER_SECONDS),
    Outage("idle worker killed", IDLE_WORKER_KILLED, DEAD_WORKER_SECONDS),
    Outage("worker wedged", WORKER_WEDGED, DEAD_WORKER_SECONDS),
    Outage("web killed", web_killed, felt_as=Word.CUT),
    Outage("database killed", database_killed, felt_as=Word.REFUSED, serves=False),
    Outage("database hangs", database_hangs, felt_as=Word.REFUSED, serves=False),
    # Most clients, or all of them, only wait: what met the old server is run again on the new one.
    Outage("database demoted", database_demoted),
    Outage("rolling deploy", rolling_deploy, seamless=True),
    Outage("unkeyed Flight Service", LOSES_HALF, SETTLED_SECONDS, Word.REFUSED, keyed=False),
    *OF_CLOCKS,
)

OUTAGES: Mapping[str, Outage] = MappingProxyType({outage.name: outage for outage in ALL})
