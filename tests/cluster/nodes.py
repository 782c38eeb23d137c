"""What clusters of three nodes behind haproxy have in common, whatever database runs on them."""

import abc
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from devtools.processes import HOST, ends_with_parent, free_port
from tests.cluster.network import NODES, Network, program, why_not
from tests.support.processes import Server
from tests.support.proxy import PROGRAM as HAPROXY
from tests.support.waiting import await_that

# A node that was killed or frozen is rewound first.
START_SECONDS = 180.0


class Node(abc.ABC):
    """One machine: a network of its own, and what runs in it."""

    def __init__(self, number: int, network: Network, folder: Path) -> None:
        self.number, self.folder = number, folder
        self.address = network.address(number)
        self.inside = network.inside(number)
        self._network = network

    @abc.abstractmethod
    def start(self) -> None:
        """Start what runs on it, from where it stopped or died. Not waited for."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop its database in order."""

    @abc.abstractmethod
    def said(self) -> str:
        """Give the end of what it has said."""

    @abc.abstractmethod
    def _reap(self) -> None:
        """Forget the processes that were killed."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process on it."""
        for pid in self._network.pids(self.number):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill all of it, as a power cut would."""
        self.signal(signal.SIGKILL)
        self._reap()


class Cluster(abc.ABC):
    """Three nodes, and haproxy before them. Used as a block; `port` here leads to the one that is written to."""

    # The files that an operator is given.
    FILES: ClassVar[Path]
    # At which port haproxy asks a node about itself, and where its database is.
    CHECK_PORT: ClassVar[int]
    PORT: ClassVar[int]
    # What the service is told of it, and how this process gets in.
    SETTINGS: ClassVar[Mapping[str, str]]
    LOG_IN: ClassVar[Mapping[str, Any]]
    # For how long a fault lasts, and clients may be without a good answer.
    FAULT_SECONDS: ClassVar[float]
    MOST_SECONDS: ClassVar[Mapping[str, float]]
    # What an operator may do without a client hearing of it.
    GENTLE: ClassVar[frozenset[str]]

    def __init__(self) -> None:
        self.network, self.port = Network(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="bookings-cluster-"))
        self.nodes: dict[int, Node] = {}
        self._stats = self.folder / "haproxy.sock"
        self.proxy = Server()

    def __enter__(self) -> Self:
        try:
            self.network.make()
            self._start_nodes()
            self._start_proxy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AssertionError):
            self.proxy.kill()
        for node in self.nodes.values():
            node.kill()
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""

    @abc.abstractmethod
    def is_whole(self) -> bool:
        """Tell whether all three belong to one cluster and have caught up."""

    @abc.abstractmethod
    def restart(self, number: int) -> None:
        """Restart a node as an operator does, and return when the cluster is whole."""

    @abc.abstractmethod
    def switch_over(self) -> None:
        """Have another node written to, and return when it is, or has been."""

    @abc.abstractmethod
    def _start_nodes(self) -> None:
        """Make three nodes of one cluster, with an empty database."""

    @abc.abstractmethod
    def _leads_to(self) -> set[int]:
        """Name the nodes that may be written to."""

    def await_whole(self) -> None:
        """Return when all three belong to one cluster and have caught up."""
        await_that(self.is_whole, self.said, seconds=START_SECONDS)

    def said(self) -> str:
        """Give the end of what each node has said."""
        return "\n".join(node.said() for node in self.nodes.values())

    def writer(self) -> int:
        """Name the node that most sessions are with."""
        return max(NODES, key=self.sessions)

    def follower(self) -> int:
        """Name a node without which nothing is acknowledged, beside the one that is written to."""
        return next(number for number in NODES if number != self.writer())

    def sessions(self, number: int) -> int:
        """Count those with a node."""
        return int(self._shown(number, 4) or 0)

    def ask_proxy(self, command: str) -> str:
        """Say what an operator says to haproxy."""
        done = subprocess.run(
            ["socat", "-", str(self._stats)],
            input=f"{command}\n",
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout

    def await_up(self, number: int) -> None:
        """Return once haproxy has found that a node may be written to."""
        await_that(lambda: number in self.up(), self.said, seconds=START_SECONDS)

    def _shown(self, number: int, column: int) -> str:
        lines = [line.split(",") for line in self.ask_proxy("show stat").splitlines()]
        return next((line[column] for line in lines if line[:2] == ["nodes", f"node{number}"]), "")

    def _start_proxy(self) -> None:
        places = {
            "LISTEN": f"{HOST}:{self.port}",
            "CHECK": str(self.CHECK_PORT),
            "STATS": str(self._stats),
            **{f"NODE{number}": f"{node.address}:{self.PORT}" for number, node in self.nodes.items()},
        }
        self.proxy = Server(
            *(*ends_with_parent(signal.SIGKILL), str(HAPROXY), "-db", "-f", str(self.FILES / "haproxy.cfg")),
            env={**os.environ, **places},
        )
        self.proxy.start()
        await_that(lambda: self._stats.exists() and self.up() == self._leads_to(), self.proxy.printed)

    def up(self) -> set[int]:
        """Name the nodes that may be written to, as far as haproxy knows."""
        return {number for number in NODES if self._shown(number, 17).startswith("UP")}


def missing_programs(*names: str, packages: Mapping[str, Path]) -> str:
    """Say which programs, files or rights of a cluster this machine lacks; empty if none."""
    lacks = [name for name in names if program(name) is None]
    lacks += [name for name, file in packages.items() if not file.exists()]
    if lacks:
        return f"missing: {', '.join(lacks)}; `sh devtools/system_packages.sh cluster` installs them"
    return why_not()
