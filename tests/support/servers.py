"""Starts the service's own processes, for tests that speak to them from outside."""

import copy
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from django.core.management import call_command
from django.db import connection

from bookingsite.processes.web_server import granian
from devtools.processes import HOST, free_port
from tests.support.http import exchange
from tests.support.processes import REPOSITORY

# A web process imports Django and listens: two seconds on an idle machine.
START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.05


def database_url() -> str:
    """Give the address of the database that this test runs on."""
    at = connection.settings_dict
    password = f":{quote(at['PASSWORD'])}" if at["PASSWORD"] else ""
    return f"mysql://{at['USER']}{password}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


def environment(**settings: str) -> dict[str, str]:
    """Give the environment of a process of the service: development, and these settings."""
    return {
        **os.environ,
        "DEBUG": "true",
        "ENV_FILE": "",
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": "WARNING",
        **settings,
    }


def spawn(*words: str, env: dict[str, str], log: Any = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Run a Python command in a process group of its own; it and its forks end with the thread that started it."""
    lifeline = ("-m", "bookingsite.processes.die_with_parent", str(os.getpid()), "SIGKILL")
    return subprocess.Popen(
        [sys.executable, *lifeline, *words],
        cwd=REPOSITORY,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def empty_the_database() -> None:
    """
    Delete every row, once a process has ended that outlived a test.

    The test cleans up at its own end. What the process wrote after that would meet the tests of the next module.
    """
    call_command("flush", verbosity=0, interactive=False)
    connection.close()


class Web:
    """The web server: granian with two worker processes, on a port that stays the same over restarts."""

    def __init__(self, *, env: dict[str, str], workers: int = 2) -> None:
        self.port = free_port()
        self._env, self._workers, self._log = env, workers, tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it and wait until it answers.

        :raises RuntimeError: if it does not; the message has what it printed
        """
        self._process = spawn(
            *granian(host=HOST, port=self.port, workers=self._workers, threads=8, finish_seconds=10),
            env=self._env,
            log=self._log,
        )
        deadline = time.monotonic() + START_SECONDS
        while self.ask("GET", "/health/live")[0] != 200:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the web server does not answer: {self.printed()}")
            time.sleep(LOOK_EVERY_SECONDS)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request on a connection of its own; status 0 is no answer."""
        try:
            reply = exchange(self.port, method, path, body, headers)
        except (OSError, HTTPException):
            return 0, b""
        return reply.status, reply.body

    def printed(self, *, last: int = 2000) -> str:
        """Give the end of what it has printed so far, over all its starts."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-last:]

    def kill(self) -> None:
        """End all its processes at once (SIGKILL)."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_SECONDS)
            self._process = None


@contextmanager
def start_web(*, env: dict[str, str]) -> Iterator[Web]:
    """Run a web server for the length of the block."""
    web = Web(env=env)
    try:
        web.start()
        yield web
    finally:
        web.kill()


class Command:
    """A command of `manage.py` and everything below it, found by a mark in their environment."""

    def __init__(self, *words: str, env: dict[str, str]) -> None:
        self._mark = f"MARK={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._words, self._env = words, {**env, name: value}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        self._process: subprocess.Popen[bytes] | None = None

    def with_environment(self, environment: Mapping[str, str]) -> Self:
        """Give the same command, not started, in an environment that says this as well."""
        another = copy.copy(self)
        another._mark = f"MARK={uuid.uuid4().hex}"
        another._env = {**self._env, **environment, "MARK": another._mark.partition("=")[2]}
        another._process = None
        return another

    @property
    def pid(self) -> int:
        """The process id of the command itself; AssertionError if it was never started."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self) -> None:
        """Start it; what it starts comes within seconds."""
        self._process = spawn("manage.py", *self._words, env=self._env, log=self._log)

    def alive(self) -> list[int]:
        """Name every process of it that lives, orphans too."""
        return [pid for pid, _parent, _words in self._family()]

    def ends_within(self, seconds: float) -> bool:
        """Wait until no process of it is left, and it has an exit status."""
        deadline = time.monotonic() + seconds
        while self.alive() or self.exit_status() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_SECONDS)
        return True

    def exit_status(self) -> int | None:
        """Give what the command itself has ended with; None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End every process of it at once (SIGKILL), itself first, so that it starts nothing anew."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def printed(self) -> str:
        """Give the end of what it has printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    def _family(self) -> list[tuple[int, int, list[str]]]:
        """Give id, parent and command line of each living process with the mark."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self._mark.encode() not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if state != "Z":
                    found.append((int(entry.name), int(parent), words))
        return found


class Worker(Command):
    """`manage.py run_worker` and its clusters."""

    def __init__(self, *options: str, env: dict[str, str]) -> None:
        super().__init__("run_worker", *options, env=env)

    def clusters(self) -> list[int]:
        """Name the main processes of the clusters that it has started and that are alive."""
        return [pid for pid, parent, words in self._family() if parent == self.pid and "qcluster" in words]

    def sentinels(self) -> list[int]:
        """Name the processes right below the cluster."""
        clusters = self.clusters()
        return [pid for pid, parent, _ in self._family() if parent in clusters]

    def below_sentinels(self) -> list[int]:
        """Name what the sentinel has started: two workers that wait for a task, a monitor and a pusher."""
        sentinels = self.sentinels()
        return sorted(pid for pid, parent, _ in self._family() if parent in sentinels)


@contextmanager
def start_worker(*options: str, env: dict[str, str]) -> Iterator[Worker]:
    """Run a worker for the length of the block; nothing of it is left afterwards."""
    worker = Worker(*options, env=env)
    try:
        worker.start()
        yield worker
    finally:
        worker.kill()
