"""The processes that a benchmark measures, as production runs them, on ports that are free."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bookingsite.processes.web_server import granian
from devtools.mariadb import PrivateMariaDB
from devtools.processes import HOST, ends_with_parent, free_port
from devtools.run_all import WEB_THREADS, WEB_WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
FLIGHTS = 50
CAPACITY = 1_000_000
# From the start of a server to its first answer; 2 s on two idle cores.
START_SECONDS = 60
STOP_SECONDS = 5
POLL_SECONDS = 0.05
ANSWER_SECONDS = 5
# A developer's own settings must not decide what is measured: this is all that the processes inherit.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


class StackFailed(Exception):
    """A process that is to be measured did not start; the message says why, in one line."""


class Stack:
    """
    MariaDB, the stand-in Flight Service and the web server, started in this order.

    Used as a context manager: at its end all of them are stopped, and their data is gone. `folder` is where
    they write; what the web server says goes to a file there, as its log lines are a part of its work.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_port = free_port()
        self._flights_url = f"http://{HOST}:{free_port()}"
        self._environment: dict[str, str] = {}
        self._open = contextlib.ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stack:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def _start(self) -> None:
        self.database = self._open.enter_context(PrivateMariaDB())
        self._environment = _production(database=self.database.url, flights=self._flights_url)
        store, port = self.folder / "flightsim.sqlite3", self._flights_url.rpartition(":")[2]
        self._run(
            "flightsim",
            *("-m", "flightsim", "--port", port, "--store", str(store), "--allow-reset"),
            *("--flights", str(FLIGHTS), "--capacity", str(CAPACITY)),
        )
        self._finish("manage.py", "migrate", "--noinput", "--verbosity", "0")
        self._run("web", *web_command(self.web_port))
        self._await("flightsim", f"{self._flights_url}/api/v1/flights/1")
        self._await("web", f"http://{HOST}:{self.web_port}/health/live")

    @contextlib.contextmanager
    def worker(self) -> Iterator[None]:
        """Run the background worker as well, for the length of the block."""
        with self._process("worker", "manage.py", "run_worker"):
            yield

    @property
    def roots(self) -> dict[str, int]:
        """Give the processes by name; the children that they have belong to them."""
        running = {name: process.pid for name, process in self._running.items()}
        return {"mariadb": self.database.pid, **running}

    def set_latency(self, milliseconds: int) -> None:
        """Make every call to the Flight Service take so long."""
        ask(f"{self._flights_url}/__faults", method="POST", content={"latency_ms": milliseconds})

    def fill_flights(self) -> None:
        """Give every flight all of its seats back, and forget all calls."""
        ask(f"{self._flights_url}/__reset", method="POST", content={})

    def take_seats(self, seats: int) -> None:
        """Take so many seats on every flight, for bookings that were not made through the service."""
        for flight_id in range(1, FLIGHTS + 1):
            ask(
                f"{self._flights_url}/api/v1/flights/{flight_id}/seats",
                method="PATCH",
                content={"seats": seats, "dec": 1},
                headers={"Idempotency-Key": secrets.token_hex(16)},
            )

    def ledger(self) -> dict[str, Any]:
        """Read the Flight Service's own account of seats and calls."""
        return ask(f"{self._flights_url}/__ledger")

    def _run(self, name: str, *command: str) -> None:
        self._open.enter_context(self._process(name, *command))

    @contextlib.contextmanager
    def _process(self, name: str, *command: str) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*ends_with_parent(signal.SIGTERM), sys.executable, *command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the benchmark, which stops them one after the other.
                start_new_session=True,
            )
        self._running[name] = process
        try:
            yield
        finally:
            del self._running[name]
            _stop(process)

    def _finish(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackFailed(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-600:]}")

    def _await(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                ask(url)
            except OSError as error:
                if time.monotonic() > deadline or self._running[name].poll() is not None:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")
                    raise StackFailed(f"{name} does not answer at {url}: {log.strip()[-600:]}") from error
                time.sleep(POLL_SECONDS)
            else:
                return


def web_command(port: int) -> list[str]:
    """Give the web server's command line, the one of the container with as many threads as `make run` has."""
    return granian(host=HOST, port=port, workers=WEB_WORKERS, threads=WEB_THREADS, finish_seconds=STOP_SECONDS)


def ask(
    url: str,
    *,
    method: str = "GET",
    content: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """
    Ask a server on this machine for a JSON object, through no proxy.

    :raises OSError: if there is no answer, or another status than 200
    """
    parts = urlsplit(url)
    body = None if content is None else json.dumps(content).encode()
    with contextlib.closing(HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)) as connection:
        connection.request(method, parts.path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        if answer.status != HTTPStatus.OK:
            raise ConnectionError(f"{method} {url} answered {answer.status}")
        found: dict[str, Any] = json.load(answer)
        return found


def _production(*, database: str, flights: str) -> dict[str, str]:
    """Give the settings of production, but for TLS, which ends before the service."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "ENV_FILE": "",
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": HOST,
        "CURRENCY": "EUR",
        "API_AUTH": "open",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_FORMAT": "json",
        "DATABASE_URL": database,
        "FLIGHT_SERVICE_URL": flights,
        "PYTHONUNBUFFERED": "1",
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop; after five seconds, kill it. What is below it then is the caller's to kill."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
