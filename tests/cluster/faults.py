"""The faults of a cluster, what clients hear meanwhile, and what came of it. See `tests.cluster.campaign`."""

import itertools
import os
import signal
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from django.core.management import call_command
from django.db import connection, connections

from devtools.mariadb_pair import WRITER
from tests.campaigns.doors import Doors
from tests.campaigns.load import Load, Manner, Shown
from tests.campaigns.stack import Stack, start_stack
from tests.campaigns.verdict import Round
from tests.cluster.galera import NODES, START_SECONDS, Cluster
from tests.support.api import BOOKINGS
from tests.support.invariants import answers_without_rows
from tests.support.servers import a_web
from tests.support.waiting import await_that, comes_true

SETTINGS = {"PAYMENT_WINDOW_SECONDS": "25", "EXPIRY_INTERVAL_SECONDS": "2", "LOG_LEVEL": "ERROR"}
MANNER = Manner(clients=8, pause_seconds=0.05, acts={"pay": 3, "cancel": 1, "leave": 1, "read": 2}, gives_up_seconds=90)

BEFORE_SECONDS, FAULT_SECONDS, AFTER_SECONDS = 3.0, 12.0, 4.0
# Windows, leases and passes; a loaded machine takes its time.
QUIET_SECONDS = 120.0


def kill(cluster: Cluster) -> None:
    """The node that is written to loses its power, and comes back."""
    node = cluster.nodes[cluster.writer()]
    node.kill()
    time.sleep(FAULT_SECONDS)
    node.start()


def freeze(cluster: Cluster) -> None:
    """It stops, with every connection open, and goes on where it was."""
    pid = cluster.nodes[cluster.writer()].pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FAULT_SECONDS)
    os.kill(pid, signal.SIGCONT)


def cut(cluster: Cluster) -> None:
    """Its cable is pulled, and put back."""
    number = cluster.writer()
    cluster.network.cut(number, is_cut=True)
    time.sleep(FAULT_SECONDS)
    cluster.network.cut(number, is_cut=False)


def no_quorum(cluster: Cluster) -> None:
    """Both others die at once: the one that is left takes nothing, until they are back."""
    writer = cluster.writer()
    others = [cluster.nodes[number] for number in NODES if number != writer]
    for node in others:
        node.kill()
    time.sleep(FAULT_SECONDS)
    for node in others:
        node.start()
    await_that(cluster.is_whole, cluster.said, seconds=START_SECONDS)
    time.sleep(FAULT_SECONDS)


def rolling_restart(cluster: Cluster) -> None:
    """Each is taken out, stopped in order, started, and put back once it has caught up."""
    for number in reversed(NODES):
        cluster.take_out(number)
        cluster.nodes[number].stop()
        cluster.nodes[number].start()
        await_that(cluster.is_whole, cluster.said, seconds=START_SECONDS)
        cluster.put_back(number)
        cluster.await_check(number)


def switchover(cluster: Cluster) -> None:
    """An operator has another node written to, and takes it back later."""
    number = cluster.writer()
    cluster.take_out(number)
    time.sleep(FAULT_SECONDS / 2)
    cluster.put_back(number)


class Fault(NamedTuple):
    """What is done, how long clients may be without a good answer, and how many of them may be told to come again."""

    do: Callable[[Cluster], None]
    most_seconds: float
    most_refused: float = 1.0


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "kill": Fault(kill, 8.0),
        "freeze": Fault(freeze, 8.0),
        "cut": Fault(cut, 8.0),
        "no quorum": Fault(no_quorum, float("inf")),
        # A request that only reads while its session is cut is repeated by no one but its client.
        "rolling restart": Fault(rolling_restart, 8.0, most_refused=0.01),
        "switchover": Fault(switchover, 3.0),
    }
)


class Clients(Load):
    """Clients that look up whatever they were told of; each good answer has its time."""

    def __init__(self, doors: Doors, *, seed: int) -> None:
        super().__init__(doors, seed=seed, manner=MANNER)
        self.good: list[float] = [time.monotonic()]
        self.not_found: list[str] = []

    def told(self, what: str, booking: Shown) -> None:
        self.good.append(time.monotonic())
        reply = self.doors.ask("GET", f"{BOOKINGS}/{booking['id']}?userId={booking['userId']}")
        if reply.status == 404:
            self.not_found.append(f"404 for booking {booking['id']}, which was {what}")

    def longest_without(self) -> float:
        """Give the longest time without any good answer."""
        times = sorted(self.good)
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


def play(options: Namespace) -> Iterator[Round]:
    """Play each fault so often, on one cluster."""
    with Cluster(quick=options.quick) as cluster:
        connections.settings["default"] |= {"USER": WRITER, "PORT": cluster.port}
        call_command("migrate", verbosity=0)
        settings = {**SETTINGS, "DATABASE_URL": cluster.url, "DATABASE_CLUSTER": "galera"}
        with start_stack(webs=lambda env: [a_web(env=env), a_web(env=env)], **settings) as stack:
            stack.await_a_pass()
            for number in range(options.rounds):
                for name in options.faults:
                    yield one_round(name, number, cluster, stack, is_quick=options.quick)
        connection.close()


def one_round(name: str, number: int, cluster: Cluster, stack: Stack, *, is_quick: bool) -> Round:
    """
    Load, break, go on, wait until all is quiet and the cluster whole, and look for everything that was heard.

    :param is_quick: judge no times
    """
    fault, result = FAULTS[name], Round(f"{name}, {number + 1}")
    with Clients(Doors(stack.webs), seed=number) as load:
        time.sleep(BEFORE_SECONDS)
        fault.do(cluster)
        broken_until = time.monotonic()
        time.sleep(AFTER_SECONDS)
        load.stop()
        if not comes_true(lambda: not load.undecided(), QUIET_SECONDS):
            result.wrong.append("clients still wait for decisions")
    result.recover(stack.what_is_wrong, since=broken_until, patience_seconds=QUIET_SECONDS)
    longest, refused = load.longest_without(), load.doors.told_to_come_again()
    result.errors += load.doors.errors
    result.wrong += [*answers_without_rows(load.heard), *load.not_found]
    result.wrong += [
        f"404 to a request for a booking that exists, under {key}" for key, status, _ in load.heard if status == 404
    ]
    if longest > fault.most_seconds and not is_quick:
        result.wrong.append(f"no good answer for {longest:.1f} s, not {fault.most_seconds:.0f}")
    requests = load.doors.counts().total()
    if refused > fault.most_refused * requests:
        result.wrong.append(f"{refused} of {requests} requests were told to come again")
    result.figures = {
        "requests": requests,
        "acknowledged": len(load.good) - 1,
        "503": refused,
        "404": len(load.not_found),
        "no good answer for, s": longest,
    }
    await_that(cluster.is_whole, cluster.said, seconds=START_SECONDS)
    return result
