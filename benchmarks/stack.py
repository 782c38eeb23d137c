"""Starts and stops what a benchmark measures: MariaDB, the stub Flight Service, and the targets."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Self

import MySQLdb

from benchmarks.meters import rows
from benchmarks.recording import LATENCY_MS, record_create
from benchmarks.round_trips import RoundTrips
from benchmarks.targets import CEILING, Target, stub
from devtools.mariadb import PrivateMariaDB
from devtools.processes import HOST, Command, ends_with_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

# As docs/operations.md wants it in production; the rest of that PrivateMariaDB has already.
MARIADB_OPTIONS = ("--log-bin=bookings", "--binlog-format=ROW", "--server-id=1", "--max-connections=1000")
# From the start of a server to its first answer; 2 s on two idle cores.
START_SECONDS = 60
MIGRATE_SECONDS = 300
POLL_SECONDS = 0.05
ANSWER_SECONDS = 5
LOG_CHARACTERS = 600


class StackFailed(Exception):
    """A process that is to be measured did not start; the message says why, in one line."""


class Stack:
    """
    All servers of a benchmark at once; only the one that is asked has work.

    Used as a context manager: at its end all of them are stopped, and their data is gone. What a target says goes to a
    file, as its log lines are a part of its work.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._described = targets
        self._open = contextlib.ExitStack()
        self._running: dict[str, Command] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def _start(self) -> None:
        described = self._described
        self._mariadb = self._open.enter_context(PrivateMariaDB(*MARIADB_OPTIONS))
        session = MySQLdb.connect(host=HOST, port=self._mariadb.port, user="root", autocommit=True)
        self.session = self._open.enter_context(contextlib.closing(session))
        self.round_trips = RoundTrips(self._mariadb.port)
        self._open.callback(self._stop_all)
        self._stub = stub()
        self.targets = [self._stub]
        self.start(self._stub)
        for target in described:
            rows(session, f"CREATE DATABASE IF NOT EXISTS `{target.database}`")
            migrate = self._spawn(target, target.migrate) if target.migrate else None
            if migrate and migrate.process.wait(MIGRATE_SECONDS) != 0:
                raise StackFailed(f"{target.name} cannot be migrated: {_last_words(migrate)}")
            able = self._with_recording(target, of=described[0]) if target.name == CEILING else target
            self.start(able)
            self.targets.append(able)

    def _with_recording(self, target: Target, *, of: Target) -> Target:
        """Tell the ceiling what this service sends."""
        self.set_latency(LATENCY_MS)
        statements = json.dumps(record_create(self.session, port=of.port))
        self.set_latency(0)
        return replace(target, environment={**target.environment, "CEILING_STATEMENTS": statements})

    def roots(self, target: Target) -> dict[str, int]:
        """Give the processes that work for a target; the children that they have belong to them."""
        web = {} if target is self._stub else {"web": self._running[target.name].pid}
        return {**web, "database": self._mariadb.pid, "stub": self._running[self._stub.name].pid}

    def set_latency(self, milliseconds: int) -> None:
        """Make every call to the Flight Service take so long."""
        _ask(self._stub.port, f"/latency/{milliseconds}", method="POST")

    def start(self, target: Target) -> None:
        """
        Start a target, and wait until it answers.

        :raises StackFailed: if it does not
        """
        process = self._running[target.name] = self._spawn(target, target.command)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                _ask(target.port, target.health)
            except OSError as error:
                if time.monotonic() > deadline or process.exit_status() is not None:
                    raise StackFailed(f"{target.name} does not answer: {_last_words(process)}") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def restart(self, target: Target) -> None:
        """Stop a target, by force if it must be, and start it again."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.pop(target.name).stop()
        self.start(target)

    def _spawn(self, target: Target, command: tuple[str, ...]) -> Command:
        flights = f"http://{HOST}:{self._stub.port}"
        surroundings = target.surroundings(mariadb_port=self._mariadb.port, flights=flights)
        process = Command(*ends_with_parent(signal.SIGTERM), *command, env=surroundings, folder=target.folder)
        process.start()
        return process

    def _stop_all(self) -> None:
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.stop()


def _ask(port: int, path: str, *, method: str = "GET") -> None:
    """
    Ask a server on this machine.

    :raises OSError: if there is no answer, or another status than 200
    """
    with contextlib.closing(HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)) as connection:
        connection.request(method, path)
        status = connection.getresponse().status
        if status != HTTPStatus.OK:
            raise ConnectionError(f"{method} {path} answered {status}")


def _last_words(process: Command) -> str:
    return process.printed(last=LOG_CHARACTERS).strip()
