"""
Three nodes of Galera with the files of `deploy/galera`, each in a network of its own, and haproxy before them.

Needs root (network namespaces and pairs of veth) and Debian's galera-4: `sh devtools/system_packages.sh cluster`.
Only addresses and folders differ from the files.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import MySQLdb

from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import WRITER, run
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY, Command, ends_with_parent, free_port
from tests.support.processes import Server
from tests.support.proxy import PROGRAM as HAPROXY
from tests.support.waiting import await_that

FILES = REPOSITORY / "deploy" / "galera"
PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
PORT, CHECK_PORT = 3306, 9200
NODES = (1, 2, 3)
START_SECONDS = 60.0
CHECKER = "bookings_check"


def missing() -> str:
    """Say what this machine lacks for a cluster; empty if nothing."""
    if os.geteuid() != 0:
        return "it takes root, for networks of their own"
    programs = ("ip", "socat", "mariadbd", "mariadb", "haproxy", "mariadb-backup", "wsrep_sst_mariabackup")
    lacks = [name for name in programs if _program(name) is None]
    if not PROVIDER.is_file():
        lacks.append("galera-4")
    if lacks:
        return f"missing: {', '.join(lacks)}; `sh devtools/system_packages.sh cluster` installs them"
    # Root in a container may not.
    try:
        with contextlib.closing(Network()) as network:
            network.make()
    except subprocess.CalledProcessError as refusal:
        return f"no networks can be made here: {refusal.stderr.strip()}"
    return ""


class Node:
    """One node: a MariaDB in its own network, and beside it what says whether it may be written to."""

    def __init__(self, number: int, network: "Network", data: Path) -> None:
        self.number, self.data = number, data
        self.address = network.address(number)
        self._inside = ("ip", "netns", "exec", network.name(number))
        self._addresses = ",".join(network.address(each) for each in NODES)
        self._server: Command | None = None
        self._check = Command(*ends_with_parent(signal.SIGKILL), *self._inside, *self._check_words())

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    @property
    def log(self) -> Path:
        return self.data.parent / f"node{self.number}.log"

    def start(self, *more: str) -> None:
        """Start it, from where it stopped or died; it joins the others by itself. Not waited for."""
        position = self._position()
        self._server = Command(
            *ends_with_parent(signal.SIGKILL), *self._inside, *self._words(f"--wsrep-start-position={position}", *more)
        )
        self._server.start()

    def start_check(self) -> None:
        """Start what haproxy asks."""
        self._check.start()

    def stop(self) -> None:
        """Stop it in order; it leaves the cluster."""
        if self._server is not None:
            self._server.stop(seconds=30)
            self._server = None

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def end(self) -> None:
        """Kill it and its check."""
        self.kill()
        if self._check.exit_status() is None:
            with contextlib.suppress(AssertionError):
                self._check.kill()

    def status(self, name: str) -> str:
        """Give one word of what it shows of its cluster; empty while it does not answer."""
        try:
            with contextlib.closing(
                MySQLdb.connect(host=self.address, port=PORT, user=WRITER, connect_timeout=1, read_timeout=1)
            ) as session:
                cursor = session.cursor()
                cursor.execute("SHOW GLOBAL STATUS LIKE %s", [name])
                return str((cursor.fetchone() or ("", ""))[1])
        except MySQLdb.Error:
            return ""

    def is_synced(self) -> bool:
        return self.status("wsrep_local_state_comment") == "Synced" and self.status("wsrep_cluster_status") == "Primary"

    def _words(self, *more: str) -> list[str]:
        folder = self.data.parent
        return [
            str(_program("mariadbd")),
            f"--defaults-file={FILES / f'node{self.number}.cnf'}",
            *(f"--datadir={self.data}", f"--tmpdir={folder}", "--socket=mariadb.sock", "--user=root"),
            *(f"--pid-file={folder / f'node{self.number}.pid'}", f"--log-error={self.log}", "--skip-name-resolve"),
            *(f"--bind-address={self.address}", f"--port={PORT}", f"--secure-file-priv={self.data}"),
            *(f"--wsrep-cluster-address=gcomm://{self._addresses}", f"--wsrep-node-address={self.address}"),
            f"--wsrep-provider-options={_provider_options(self.number)}",
            *more,
        ]

    def _position(self) -> str:
        """Find out where it stands, as systemd's unit does before each start of a node."""
        said = self.data.parent / f"node{self.number}.recovery"
        said.unlink(missing_ok=True)
        words = [word for word in self._words("--wsrep-recover") if not word.startswith("--log-error=")]
        subprocess.run([*words, f"--log-error={said}"], capture_output=True, check=True, timeout=START_SECONDS)
        found = re.findall(r"Recovered position:\s*(\S+)", said.read_text())
        return found[-1] if found else "00000000-0000-0000-0000-000000000000:-1"

    def _check_words(self) -> tuple[str, ...]:
        file = self.data.parent / f"check{self.number}.cnf"
        file.write_text(f"[client]\nuser={CHECKER}\nsocket={self.data / 'mariadb.sock'}\n")
        program = str(FILES / "cluster_check.py")
        return ("python3", program, "--address", self.address, "--port", str(CHECK_PORT), "--defaults-file", str(file))


class Network:
    """A bridge, and on it a network for each node, whose cable can be cut."""

    def __init__(self) -> None:
        self._mark = f"{os.getpid() % 0xFFFF:04x}"
        self._subnet = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"

    def name(self, number: int) -> str:
        return f"bk{self._mark}n{number}"

    def address(self, number: int) -> str:
        return f"{self._subnet}.{10 + number}"

    def make(self) -> None:
        """Make it."""
        bridge = f"bk{self._mark}"
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{self._subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number in NODES:
            name = self.name(number)
            _ip("netns", "add", name)
            _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"{name}o", "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")

    def cut(self, number: int, *, is_cut: bool) -> None:
        """Pull the cable of a node, or put it back."""
        _ip("link", "set", f"{self.name(number)}o", "down" if is_cut else "up")

    def close(self) -> None:
        """Remove all of it, however much there is."""
        for number in NODES:
            _ip("netns", "del", self.name(number), check=False)
            _ip("link", "del", f"{self.name(number)}o", check=False)
        _ip("link", "del", f"bk{self._mark}", check=False)


class Cluster:
    """
    Three nodes, and haproxy before them. Used as a block; `port` here leads to the one that is written to.

    :param quick: the second and third begin with a copy, and are not filled
    """

    def __init__(self, *, quick: bool = False) -> None:
        self._is_quick = quick
        self.network, self.port = Network(), free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="bookings-galera-"))
        self.nodes: dict[int, Node] = {}
        self._stats = self._folder / "haproxy.sock"
        self.proxy = Server()

    def __enter__(self) -> Self:
        try:
            self._fill()
            self.network.make()
            for number in NODES:
                self.nodes[number] = Node(number, self.network, self._folder / f"data{number}")
            self._begin()
            if self._is_quick:
                self._copy()
                self._begin()
            for number in NODES[1:]:
                self.nodes[number].start()
                await_that(self.nodes[number].is_synced, self.said, seconds=START_SECONDS)
            for node in self.nodes.values():
                node.start_check()
            self._start_proxy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AssertionError):
            self.proxy.kill()
        for node in self.nodes.values():
            node.end()
        self.network.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"mysql://{WRITER}@{HOST}:{self.port}/{DATABASE}"

    def said(self) -> str:
        """Give the end of what each node has said."""
        return "\n".join(
            node.log.read_text(errors="replace")[-3000:] for node in self.nodes.values() if node.log.exists()
        )

    def is_whole(self) -> bool:
        """Tell whether all three belong to one cluster and have caught up."""
        return all(node.is_synced() and node.status("wsrep_cluster_size") == "3" for node in self.nodes.values())

    def writer(self) -> int:
        """Name the node that haproxy sends sessions to."""
        lines = [line.split(",") for line in self.ask_proxy("show stat").splitlines()]
        sessions = {line[1]: int(line[4]) for line in lines if line[0] == "nodes" and line[1].startswith("node")}
        return max(NODES, key=lambda number: sessions.get(f"node{number}", 0))

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

    def take_out(self, number: int) -> None:
        """Send nothing to a node any more, and end its sessions, as before it is stopped on purpose."""
        self.ask_proxy(f"set server nodes/node{number} state maint")
        self.ask_proxy(f"shutdown sessions server nodes/node{number}")

    def put_back(self, number: int) -> None:
        """Let haproxy ask a node again whether it may be written to."""
        self.ask_proxy(f"set server nodes/node{number} state ready")

    def await_check(self, number: int, word: str = "UP", *, seconds: float = START_SECONDS) -> None:
        """Return once haproxy has found that a node is up, or down."""
        await_that(lambda: self._state(number).startswith(word), self.said, seconds=seconds)

    def _state(self, number: int) -> str:
        lines = [line.split(",") for line in self.ask_proxy("show stat").splitlines()]
        return next((line[17] for line in lines if line[:2] == ["nodes", f"node{number}"]), "")

    def _fill(self) -> None:
        """Make the data of the first node, with users and an empty database."""
        with PrivateMariaDB() as first:
            run(
                first,
                f"CREATE USER {WRITER}@'%'",
                f"GRANT ALL ON {DATABASE}.* TO {WRITER}@'%'",
                f"CREATE USER {CHECKER}@localhost",
                "CREATE USER bookings_sst@localhost IDENTIFIED BY 'change-me'",
                "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO bookings_sst@localhost",
            )
            first.stop()
            for number in NODES:
                shutil.copytree(first._data_folder, self._folder / f"data{number}")

    def _begin(self) -> None:
        """Let the first node begin a cluster."""
        self.nodes[1].start("--wsrep-new-cluster")
        await_that(self.nodes[1].is_synced, self.said, seconds=START_SECONDS)

    def _copy(self) -> None:
        """Give the others the data of the first, which says of which cluster it is, and where it stands."""
        self.nodes[1].stop()
        for number in NODES[1:]:
            there = self.nodes[number].data
            shutil.rmtree(there)
            shutil.copytree(self.nodes[1].data, there, ignore=shutil.ignore_patterns("galera.cache"))

    def _start_proxy(self) -> None:
        places = {
            "LISTEN": f"{HOST}:{self.port}",
            "CHECK": str(CHECK_PORT),
            "STATS": str(self._stats),
            **{f"NODE{number}": f"{node.address}:{PORT}" for number, node in self.nodes.items()},
        }
        self.proxy = Server(
            *(*ends_with_parent(signal.SIGKILL), str(HAPROXY), "-db", "-f", str(FILES / "haproxy.cfg")),
            env={**os.environ, **places},
        )
        self.proxy.start()
        time.sleep(0.2)
        for number in NODES:
            self.await_check(number)


def _provider_options(number: int) -> str:
    """Give those of the file, with a cache for tests."""
    text = (FILES / f"node{number}.cnf").read_text()
    found = re.search(r'^wsrep_provider_options = "(.*)"$', text, re.MULTILINE)
    assert found
    return found[1].replace("gcache.size=2G", "gcache.size=64M")


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
