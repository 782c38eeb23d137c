"""Starts the service's own processes, for tests that speak to them from outside."""

import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from http.client import HTTPException
from urllib.parse import quote

from django.core.management import call_command
from django.db import connection

from bookingsite.processes.web_server import granian
from devtools.processes import HOST, REPOSITORY, free_port
from tests.support.http import NO_REPLY, Reply, exchange
from tests.support.processes import Server, python


def database_url() -> str:
    """Give the address of the database that this test runs on."""
    at = connection.settings_dict
    password = f":{quote(at['PASSWORD'])}" if at["PASSWORD"] else ""
    return f"{connection.vendor}://{at['USER']}{password}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


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


def empty_the_database() -> None:
    """
    Delete every row, once a process has ended that outlived a test.

    The test cleans up at its own end. What the process wrote after that would meet the tests of the next module.
    """
    call_command("flush", verbosity=0, interactive=False)
    connection.close()


def migrate(env: dict[str, str]) -> None:
    """Make the tables of the database that this environment names."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True)


class Web(Server):
    """A web server, on a port that stays the same over restarts. It knows when it was killed."""

    _is_down, _up_since = False, 0.0

    def __init__(self, port: int, *words: str, env: dict[str, str]) -> None:
        self.port = port
        super().__init__(*python(*words), env=env)

    def serve(self) -> None:
        """Start it, and return once it answers."""
        self.start()
        self.await_answer()

    def await_answer(self) -> None:
        """Return once it answers; AssertionError, with what it printed, if it ends before."""
        self.await_sign(lambda: self.ask("GET", "/health/live").status == 200)
        self._up_since, self._is_down = time.monotonic(), False

    def kill(self) -> None:
        """Kill it and all below it; from now on its clients have an excuse for what they did not hear."""
        self._is_down = True
        super().kill()

    def was_down_since(self, moment: float) -> bool:
        """Tell whether it was dead at any time from this moment on."""
        return self._is_down or moment < self._up_since

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Reply:
        """Send one request on a connection of its own; status 0 is no answer."""
        try:
            return exchange(self.port, method, path, body, headers)
        except (OSError, HTTPException):
            return NO_REPLY


def a_web(*, env: dict[str, str]) -> Web:
    """Make a web server without what watches it: two processes of eight threads, not started."""
    port = free_port()
    return Web(port, *granian(host=HOST, port=port, workers=2, threads=8, finish_seconds=10), env=env)


def a_watched_web(*options: str, env: dict[str, str]) -> Web:
    """Make `manage.py run_web` with one process, unless `options` say otherwise; not started."""
    port = free_port()
    return Web(port, "manage.py", "run_web", "--port", str(port), "--workers", "1", *options, env=env)


def start_web(*, env: dict[str, str]) -> AbstractContextManager[Web]:
    """Run a web server for the length of the block."""
    return a_web(env=env).running()


class Worker(Server):
    """`manage.py run_worker` and its clusters."""

    def __init__(self, *options: str, env: dict[str, str]) -> None:
        super().__init__(*python("manage.py", "run_worker", *options), env=env)

    def clusters(self) -> list[int]:
        """Name the main processes of the clusters that it has started and that are alive."""
        return [pid for pid, parent, words in self.family() if parent == self.pid and "qcluster" in words]

    def sentinels(self) -> list[int]:
        """Name the processes right below the cluster."""
        clusters = self.clusters()
        return [pid for pid, parent, _ in self.family() if parent in clusters]

    def below_sentinels(self) -> list[int]:
        """Name what the sentinel has started: four workers that wait for a task, a monitor and a pusher."""
        sentinels = self.sentinels()
        return sorted(pid for pid, parent, _ in self.family() if parent in sentinels)

    def all_of_the_cluster(self) -> list[int]:
        """Name every process of the cluster, the main one first."""
        return [*self.clusters(), *self.sentinels(), *self.below_sentinels()]

    def idle_workers(self) -> list[int]:
        """Name the four workers that wait for a task, one of which holds the lock of the queue; none if not so."""
        below = self.below_sentinels()
        # The workers are started first; the monitor and the pusher come last.
        return below[:4] if len(below) == 6 else []


def start_worker(*options: str, env: dict[str, str]) -> AbstractContextManager[Worker]:
    """Run a worker for the length of the block."""
    return Worker(*options, env=env).running()
