"""Starts the service's own processes, for tests that speak to them from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

from django.db import connection

from devtools.processes import HOST, ends_with_parent, free_port
from tests.support.processes import REPOSITORY

# A web process imports Django and listens: two seconds on an idle machine.
START_SECONDS = 15.0
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
    """Run a Python command in a session of its own; it ends with the thread that started it."""
    return subprocess.Popen(
        [*ends_with_parent(signal.SIGKILL), sys.executable, *words],
        cwd=REPOSITORY,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


class Web:
    """The web server: granian with two worker processes, on a port that stays the same over restarts."""

    def __init__(self, *, env: dict[str, str], workers: int = 2, log: Any = subprocess.DEVNULL) -> None:
        self.port = free_port()
        self._env, self._workers, self._log = env, workers, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it and wait until it answers.

        :raises RuntimeError: if it does not
        """
        self._process = spawn(
            *("-m", "granian", "--interface", "wsgi", "--no-ws", "--host", HOST, "--port", str(self.port)),
            *("--workers", str(self._workers), "--blocking-threads", "8", "--backpressure", "256"),
            *("--log-level", "error", "--no-access-log", "bookingsite.wsgi:application"),
            env=self._env,
            log=self._log,
        )
        deadline = time.monotonic() + START_SECONDS
        while self.ask("GET", "/health/live")[0] != 200:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the web server does not answer ({self._process.poll()})")
            time.sleep(LOOK_EVERY_SECONDS)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request on a connection of its own; status 0 is no answer."""
        peer = HTTPConnection(HOST, self.port, timeout=30)
        try:
            peer.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = peer.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            peer.close()

    def kill(self) -> None:
        """End all its processes at once (SIGKILL)."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_SECONDS)


@contextmanager
def start_web(**settings: Any) -> Iterator[Web]:
    """Run a web server for the length of the block."""
    web = Web(**settings)
    try:
        web.start()
        yield web
    finally:
        web.kill()
