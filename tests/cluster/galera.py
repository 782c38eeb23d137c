"""
Three nodes of Galera with the files of `deploy/galera`, each in a network of its own, and haproxy before them.

Needs root (network namespaces and pairs of veth) and Debian's galera-4: `sh devtools/system_packages.sh cluster`.
Only addresses and folders differ from the files.
"""

import contextlib
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import MySQLdb

from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import WRITER, run
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY, Command, ends_with_parent
from tests.cluster.network import NODES, Network, program
from tests.cluster.nodes import START_SECONDS, Cluster, Node, missing_programs
from tests.support.waiting import await_that

FILES = REPOSITORY / "deploy" / "galera"
PORT, CHECK_PORT = 3306, 9200
CHECKER = "bookings_check"


class GaleraNode(Node):
    """A MariaDB, and beside it what says whether it may be written to."""

    def __init__(self, number: int, network: Network, folder: Path) -> None:
        super().__init__(number, network, folder)
        self.data, self.log = folder / f"data{number}", folder / f"node{number}.log"
        self._addresses = ",".join(network.address(each) for each in NODES)
        self._server = Command()
        self._check = Command(*ends_with_parent(signal.SIGKILL), *self.inside, *self._check_words())

    def start(self, *more: str) -> None:
        """Start it, from where it stopped or died; it joins the others by itself. Not waited for."""
        position = self._position()
        self._server = Command(
            *ends_with_parent(signal.SIGKILL), *self.inside, *self._words(f"--wsrep-start-position={position}", *more)
        )
        self._server.start()
        if not self._check.alive():
            self._check.start()

    def stop(self) -> None:
        """Stop it in order; it leaves the cluster."""
        self._server.stop(seconds=30)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

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

    def _reap(self) -> None:
        self._server.kill()
        self._check.kill()

    def _words(self, *more: str) -> list[str]:
        return [
            str(program("mariadbd")),
            f"--defaults-file={FILES / f'node{self.number}.cnf'}",
            *(f"--datadir={self.data}", f"--tmpdir={self.folder}", "--socket=mariadb.sock", "--user=root"),
            *(f"--pid-file={self.folder / f'node{self.number}.pid'}", f"--log-error={self.log}", "--skip-name-resolve"),
            *(f"--bind-address={self.address}", f"--port={PORT}", f"--secure-file-priv={self.data}"),
            *(f"--wsrep-cluster-address=gcomm://{self._addresses}", f"--wsrep-node-address={self.address}"),
            f"--wsrep-provider-options={_provider_options(self.number)}",
            *more,
        ]

    def _position(self) -> str:
        """Find out where it stands, as systemd's unit does before each start of a node."""
        said = self.folder / f"node{self.number}.recovery"
        said.unlink(missing_ok=True)
        words = [word for word in self._words("--wsrep-recover") if not word.startswith("--log-error=")]
        subprocess.run([*words, f"--log-error={said}"], capture_output=True, check=True, timeout=START_SECONDS)
        found = re.findall(r"Recovered position:\s*(\S+)", said.read_text())
        return found[-1] if found else "00000000-0000-0000-0000-000000000000:-1"

    def _check_words(self) -> tuple[str, ...]:
        file = self.folder / f"check{self.number}.cnf"
        file.write_text(f"[client]\nuser={CHECKER}\nsocket={self.data / 'mariadb.sock'}\n")
        words = str(FILES / "cluster_check.py"), "--address", self.address, "--port", str(CHECK_PORT)
        return ("python3", *words, "--defaults-file", str(file))


class Galera(Cluster):
    """
    MariaDB with Galera.

    :param quick: the second and third begin with a copy, and are not filled
    """

    FILES, PORT, CHECK_PORT = FILES, PORT, CHECK_PORT
    SETTINGS = {"DATABASE_CLUSTER": "galera"}
    LOG_IN = {"USER": WRITER}
    FAULT_SECONDS = 12.0
    GENTLE = frozenset({"rolling restart", "switchover"})
    MOST_SECONDS = {
        **dict.fromkeys(("kill", "freeze", "cut", "follower cut", "rolling restart"), 8.0),
        "switchover": 3.0,
    }

    def __init__(self, *, quick: bool = False) -> None:
        super().__init__()
        self._is_quick = quick
        self.nodes: dict[int, GaleraNode] = {}  # type: ignore[assignment]

    @property
    def url(self) -> str:
        return f"mysql://{WRITER}@{HOST}:{self.port}/{DATABASE}"

    def is_whole(self) -> bool:
        return all(node.is_synced() and node.status("wsrep_cluster_size") == "3" for node in self.nodes.values())

    def restart(self, number: int) -> None:
        self.take_out(number)
        self.nodes[number].stop()
        self.nodes[number].start()
        self.await_whole()
        self.put_back(number)

    def switch_over(self) -> None:
        number = self.writer()
        self.take_out(number)
        time.sleep(self.FAULT_SECONDS / 2)
        self.put_back(number)

    def take_out(self, number: int) -> None:
        """Send nothing to a node any more, and end its sessions, as before it is stopped on purpose."""
        self.ask_proxy(f"set server nodes/node{number} state maint")
        self.ask_proxy(f"shutdown sessions server nodes/node{number}")

    def put_back(self, number: int) -> None:
        """Let haproxy ask a node again whether it may be written to."""
        self.ask_proxy(f"set server nodes/node{number} state ready")
        self.await_up(number)

    def _start_nodes(self) -> None:
        self._fill()
        for number in NODES:
            self.nodes[number] = GaleraNode(number, self.network, self.folder)
        self._begin()
        if self._is_quick:
            self._copy()
            self._begin()
        for number in NODES[1:]:
            self.nodes[number].start()
            await_that(self.nodes[number].is_synced, self.said, seconds=START_SECONDS)

    def _leads_to(self) -> set[int]:
        return set(NODES)

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
                shutil.copytree(first._data_folder, self.folder / f"data{number}")

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


def cluster(*, quick: bool) -> Galera:
    """Make one, not started."""
    return Galera(quick=quick)


def missing() -> str:
    """Say what this machine lacks for it; empty if nothing."""
    programs = ("ip", "socat", "mariadbd", "mariadb", "haproxy", "mariadb-backup", "wsrep_sst_mariabackup")
    return missing_programs(*programs, packages={"galera-4": Path("/usr/lib/galera/libgalera_smm.so")})


def _provider_options(number: int) -> str:
    """Give those of the file, with a cache for tests."""
    text = (FILES / f"node{number}.cnf").read_text()
    found = re.search(r'^wsrep_provider_options = "(.*)"$', text, re.MULTILINE)
    assert found
    return found[1].replace("gcache.size=2G", "gcache.size=64M")
