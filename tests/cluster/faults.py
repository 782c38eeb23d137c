"""The faults of a cluster, what clients hear meanwhile, and what came of it. See `tests.cluster.campaign`."""

import itertools
import signal
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from django.core.management import call_command
from django.db import connection, connections

from tests.campaigns.doors import Doors
from tests.campaigns.load import Load, Manner, Shown
from tests.campaigns.stack import Stack, start_stack
from tests.campaigns.verdict import Round
from tests.cluster.network import NODES
from tests.cluster.nodes import Cluster
from tests.support.api import BOOKINGS
from tests.support.invariants import answers_without_rows
from tests.support.servers import a_web
from tests.support.waiting import comes_true

SETTINGS = {"PAYMENT_WINDOW_SECONDS": "25", "EXPIRY_INTERVAL_SECONDS": "2", "LOG_LEVEL": "ERROR"}
MANNER = Manner(clients=8, pause_seconds=0.05, acts={"pay": 3, "cancel": 1, "leave": 1, "read": 2}, gives_up_seconds=90)

BEFORE_SECONDS, AFTER_SECONDS = 3.0, 4.0
# Windows, leases and passes; a loaded machine takes its time.
QUIET_SECONDS = 120.0


def kill(cluster: Cluster) -> None:
    """The node that is written to loses its power, and comes back."""
    node = cluster.nodes[cluster.writer()]
    node.kill()
    time.sleep(cluster.FAULT_SECONDS)
    node.start()


def freeze(cluster: Cluster) -> None:
    """It stops, with every connection open, and goes on where it was."""
    node = cluster.nodes[cluster.writer()]
    node.signal(signal.SIGSTOP)
    time.sleep(cluster.FAULT_SECONDS)
    node.signal(signal.SIGCONT)


def cut(cluster: Cluster) -> None:
    """Its cable is pulled, and put back."""
    _pull_cable(cluster, cluster.writer())


def follower_cut(cluster: Cluster) -> None:
    """The cable of one that has to acknowledge what is written is pulled, and put back."""
    _pull_cable(cluster, cluster.follower())


def _pull_cable(cluster: Cluster, number: int) -> None:
    cluster.network.cut(number, is_cut=True)
    time.sleep(cluster.FAULT_SECONDS)
    cluster.network.cut(number, is_cut=False)


def no_quorum(cluster: Cluster) -> None:
    """Both others die at once: the one that is left takes nothing, until they are back."""
    writer = cluster.writer()
    others = [cluster.nodes[number] for number in NODES if number != writer]
    for node in others:
        node.kill()
    time.sleep(cluster.FAULT_SECONDS)
    for node in others:
        node.start()
    cluster.await_whole()
    time.sleep(cluster.FAULT_SECONDS)


def rolling_restart(cluster: Cluster) -> None:
    """An operator restarts each in turn, the one that is written to last."""
    writer = cluster.writer()
    for number in sorted(NODES, key=lambda number: (number == writer, -number)):
        cluster.restart(number)


def switchover(cluster: Cluster) -> None:
    """An operator has another node written to."""
    cluster.switch_over()


FAULTS: Mapping[str, Callable[[Cluster], None]] = MappingProxyType(
    {
        "kill": kill,
        "freeze": freeze,
        "cut": cut,
        "follower cut": follower_cut,
        "no quorum": no_quorum,
        "rolling restart": rolling_restart,
        "switchover": switchover,
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


def play(cluster: Cluster, options: Namespace) -> Iterator[Round]:
    """Play each fault so often, on one cluster."""
    with cluster:
        connections.settings["default"] |= {**cluster.LOG_IN, "PORT": cluster.port}
        call_command("migrate", verbosity=0)
        settings = {**SETTINGS, **cluster.SETTINGS, "DATABASE_URL": cluster.url}
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
    result = Round(f"{name}, {number + 1}")
    with Clients(Doors(stack.webs), seed=number) as load:
        time.sleep(BEFORE_SECONDS)
        FAULTS[name](cluster)
        broken_until = time.monotonic()
        time.sleep(AFTER_SECONDS)
        load.stop()
        if not comes_true(lambda: not load.undecided(), QUIET_SECONDS):
            result.wrong.append("clients still wait for decisions")
    result.recover(stack.what_is_wrong, since=broken_until, patience_seconds=QUIET_SECONDS)
    longest, refused = load.longest_without(), load.doors.unavailable
    result.errors += load.doors.errors
    result.wrong += [*answers_without_rows(load.heard), *load.not_found]
    result.wrong += [
        f"404 to a request for a booking that exists, under {key}" for key, status, _ in load.heard if status == 404
    ]
    if longest > (most := cluster.MOST_SECONDS.get(name, float("inf"))) and not is_quick:
        result.wrong.append(f"no good answer for {longest:.1f} s, not {most:.0f}")
    if name in cluster.GENTLE:
        result.wrong += refused
    result.figures = {
        "requests": load.doors.counts().total(),
        "acknowledged": len(load.good) - 1,
        "503": len(refused),
        "404": len(load.not_found),
        "no good answer for, s": longest,
    }
    cluster.await_whole()
    return result
