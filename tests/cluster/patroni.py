"""
Three nodes of PostgreSQL under Patroni with the files of `deploy/patroni`, each in a network of its own, and haproxy.

Only addresses and folders differ from the files. Needs root (network namespaces and pairs of veth), Debian's
etcd-server and the user `postgres` (`sh devtools/system_packages.sh cluster`), and the Patroni that the files name
(`VENV=var/patroni sh devtools/venv.sh deploy/patroni/requirements.txt`).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

import psycopg
import requests

from devtools.postgresql import PROGRAMS, as_ordinary_user, give_to_ordinary_user
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY, Command, ends_with_parent
from tests.cluster.network import NODES, Network
from tests.cluster.nodes import START_SECONDS, Cluster, Node, missing_programs
from tests.support.waiting import await_that

FILES = REPOSITORY / "deploy" / "patroni"
# Not Debian's: its version gives a lock back to a leader that was frozen, and lets it undo what another acknowledged.
PACKAGES = REPOSITORY / "var" / "patroni"
LIST = "deploy/patroni/requirements.txt"
PORT, CHECK_PORT = 5432, 8008
USER, PASSWORD = "bookings", "for-tests"
# An operator puts them into node.env.
SUPERUSER_PASSWORD = "change-me"
ANSWER_SECONDS = 2.0
ORPHAN_SECONDS = 0.2


class PatroniNode(Node):
    """A PostgreSQL that Patroni starts and stops, and a member of the etcd by which they agree who leads."""

    def __init__(self, number: int, network: Network, folder: Path) -> None:
        super().__init__(number, network, folder / f"node{number}")
        self.folder.mkdir(mode=0o700)
        text = (FILES / "config.yml").read_text().replace("/var/lib/postgresql/15/", f"{self.folder}/")
        # Its programs are of the version that is installed.
        text = text.replace("/usr/lib/postgresql/15/bin", str(max(PROGRAMS.glob("*/bin"))))
        text = text.replace("/var/lib/postgresql/", f"{self.folder}/").replace("/var/run/postgresql", str(self.folder))
        config = self.folder / "config.yml"
        config.write_text(text)
        self._etcd = self._command("etcd", f"--data-dir={self.folder / 'etcd'}", env=self._environment("etcd.env"))
        python = str(folder / PACKAGES.name / "bin" / "python")
        self._patroni = self._command(python, "-m", "patroni", str(config), env=self._environment("node.env"))

    def start(self) -> None:
        self._etcd.start()
        self._patroni.start()

    def stop(self) -> None:
        self._patroni.stop(seconds=30)
        self._etcd.stop()

    def said(self) -> str:
        return self._patroni.printed(last=3000)

    def _reap(self) -> None:
        self._patroni.kill()
        self._etcd.kill()

    def _command(self, *words: str, env: dict[str, str]) -> Command:
        run = *self.inside, *as_ordinary_user(ends_with_parent(signal.SIGKILL))
        return Command(*run, *words, env={**os.environ, "LC_ALL": "C.UTF-8", **env}, folder=self.folder)

    def _environment(self, file: str) -> dict[str, str]:
        """Read a file of the first node as systemd does, with the addresses of this one."""
        lines = (FILES / file).read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        for name, value in found.items():
            text = value.strip('"')
            if name in ("PATRONI_ETCD3_HOSTS", "ETCD_INITIAL_CLUSTER"):
                for number in NODES:
                    text = text.replace(f"10.0.0.2{number}", self._network.address(number))
            else:
                text = text.replace("10.0.0.21", self.address).replace("node1", f"node{self.number}")
            found[name] = text
        return found


class Patroni(Cluster):
    """PostgreSQL under Patroni, with a second node that has all that is acknowledged."""

    FILES, PORT, CHECK_PORT = FILES, PORT, CHECK_PORT
    SETTINGS = {}
    LOG_IN = {"USER": USER, "PASSWORD": PASSWORD}
    # Longer than a leader may be silent, so that another follows it.
    FAULT_SECONDS = 30.0
    GENTLE = frozenset()
    MOST_SECONDS = {
        **dict.fromkeys(("kill", "freeze", "cut"), 30.0),
        "follower cut": 10.0,
        **dict.fromkeys(("rolling restart", "switchover"), 3.0),
    }

    def __init__(self) -> None:
        super().__init__()
        self._is_over = threading.Event()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{PASSWORD}@{HOST}:{self.port}/{DATABASE}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._bury, daemon=True).start()
        return super().__enter__()

    def __exit__(self, *what: object) -> None:
        super().__exit__(*what)
        self._is_over.set()

    def is_whole(self) -> bool:
        # What the leader sees itself: etcd remembers of a node that is rewound how it was before.
        leader = next(iter(self._leads_to()), None)
        followers = self._ask(leader, "patroni").get("replication", []) if leader else []
        ways = sorted(each["sync_state"] for each in followers if each["state"] == "streaming")
        return ways == ["async", "sync"]

    def writer(self) -> int:
        return min(self._leads_to(), default=NODES[0])

    def follower(self) -> int:
        return next(int(member["name"][-1]) for member in self._members() if member["role"] == "sync_standby")

    def restart(self, number: int) -> None:
        self.nodes[number].stop()
        self.nodes[number].start()
        self.await_whole()

    def switch_over(self) -> None:
        leader = next(member["name"] for member in self._members() if member["role"] == "leader")
        # It answers when the other leads. With a candidate the third node would rest for two seconds before it follows.
        answer = requests.post(f"{self._address(1)}/switchover", json={"leader": leader}, timeout=START_SECONDS)
        assert answer.status_code == 200, answer.text
        self.await_whole()

    def _start_nodes(self) -> None:
        # For the user who runs the database, and may read nothing of this one's.
        self.folder.chmod(0o755)
        shutil.copytree(PACKAGES, self.folder / PACKAGES.name, symlinks=True)
        for number in NODES:
            node = self.nodes[number] = PatroniNode(number, self.network, self.folder)
            for path in (node.folder, *node.folder.iterdir()):
                give_to_ordinary_user(path)
            node.start()
        await_that(self.is_whole, self.said, seconds=2 * START_SECONDS)
        self._make_database()

    def _leads_to(self) -> set[int]:
        return {int(member["name"][-1]) for member in self._members() if member["role"] == "leader"}

    def _make_database(self) -> None:
        leader = self.nodes[self.writer()].address
        with psycopg.connect(
            host=leader, port=PORT, user="postgres", password=SUPERUSER_PASSWORD, dbname="postgres", autocommit=True
        ) as session:
            session.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            session.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")

    def _bury(self) -> None:
        """Do what the first process of a machine does: one that Patroni has stopped is there until it is waited for."""
        while not self._is_over.wait(ORPHAN_SECONDS):
            for entry in Path("/proc").glob("[0-9]*/stat"):
                with contextlib.suppress(OSError):
                    name, _, rest = entry.read_text().rpartition(")")
                    state, parent = rest.split()[:2]
                    if name.endswith("(postgres") and (state, int(parent)) == ("Z", os.getpid()):
                        os.waitpid(int(entry.parent.name), os.WNOHANG)

    def _members(self) -> list[dict[str, Any]]:
        """Give what the first node that answers knows of all."""
        return next((found["members"] for number in NODES if (found := self._ask(number, "cluster"))), [])

    def _ask(self, number: int, what: str) -> dict[str, Any]:
        """Ask a node's Patroni; empty if it does not answer."""
        with contextlib.suppress(requests.RequestException, ValueError):
            return dict(requests.get(f"{self._address(number)}/{what}", timeout=ANSWER_SECONDS).json())
        return {}

    def _address(self, number: int) -> str:
        return f"http://{self.nodes[number].address}:{CHECK_PORT}"


def cluster(*, quick: bool) -> Patroni:
    """Make one, not started; it is filled quickly in any case."""
    return Patroni()


def missing() -> str:
    """Say what this machine lacks for it; empty if nothing."""
    install = f"VENV=var/patroni sh devtools/venv.sh {LIST}"
    if not PACKAGES.exists():
        return f"missing: Patroni; `{install}` installs it"
    if lacks := missing_programs("ip", "socat", "haproxy", "etcd", packages={"postgresql": PROGRAMS}):
        return lacks
    interpreter = str((PACKAGES / "bin" / "python").resolve())
    # Not found by another user where it lies in a home.
    if subprocess.run([*as_ordinary_user([]), "test", "-x", interpreter], check=False).returncode != 0:
        return (
            f"PostgreSQL's user may not run {interpreter}, which Patroni was installed with: "
            f"`rm -r var/patroni; PYTHON=/usr/bin/python3 {install}` takes another"
        )
    return ""
