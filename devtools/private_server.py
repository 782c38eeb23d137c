"""What a private, throw-away database server has in common with the others: how it is made, started and ended."""

from __future__ import annotations

import abc
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from devtools.processes import Command, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

DATABASE = "bookings"
# The race tests open a connection per thread, beside web processes and workers of their own.
MAX_CONNECTIONS = 400
# A loaded machine with a slow disk; an idle one needs 1.5 s at most, and 0.2 s.
INSTALL_SECONDS = 120
START_SECONDS = 60
LOGIN_SECONDS = 2
LOGIN_PAUSE_SECONDS = 0.02
# Another process may take the free port between the look and the start.
START_ATTEMPTS = 3
# Enough for the first errors of a server that cannot start.
MESSAGE_CHARACTERS = 600


class ServerUnavailable(Exception):
    """A private server cannot be started; the message says why, in one line."""


class PrivateServer(abc.ABC):
    """
    A server of its own: free port on 127.0.0.1, data in a temporary folder, production durability.

    Used as a context manager; `url` is then the address of an empty database. Between `kill()` and `start()`
    the data and the port stay as they are. The server ends with the *thread* that started it, so that a
    killed test run leaves none behind: call `start()` and `restart()` from the main thread. `options` are further
    ones of its program.

    It does not protect the data from other users of the machine: who logs in needs no password.
    """

    NAME: ClassVar[str]
    # What makes the data, and what serves them.
    INSTALLER: ClassVar[str]
    PROGRAM: ClassVar[str]
    # Debian's.
    PACKAGES: ClassVar[str]
    # What the library raises as long as there is no log-in.
    NOT_YET: ClassVar[type[Exception]]

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._folder: Path | None = None
        self._server: Command | None = None

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""

    @property
    def pid(self) -> int:
        """Give the process id of the running server."""
        if self._server is None:
            raise ServerUnavailable(f"the private {self.NAME} is not running")
        return self._server.pid

    def __enter__(self) -> Self:
        try:
            self._create()
            self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """
        Start the server on its data and wait until it lets a client in.

        :raises ServerUnavailable: if it ends at once or is not ready in time
        """
        if self._server is not None:
            raise ServerUnavailable(f"the private {self.NAME} is running already")
        self._server = self._command()
        self._server.start()
        try:
            self._await_login()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server in order; after five seconds, by force. The data stays."""
        if self._server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.stop()
            self._server = None

    def kill(self) -> None:
        """Kill the server as a power cut would; `start()` then recovers what was committed."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def restart(self) -> None:
        """Stop the server in order and start it again; every open connection is lost."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server and throw its data away."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @abc.abstractmethod
    def _install(self) -> subprocess.CompletedProcess[str]:
        """Make the data in a folder that is empty, by `_run_installer`."""

    @abc.abstractmethod
    def _command(self) -> Command:
        """Give what serves the data, not started yet."""

    @abc.abstractmethod
    def _make_database(self) -> None:
        """
        Log in, and make the empty database unless it is there.

        :raises ServerUnavailable: if another server has the port
        """

    @abc.abstractmethod
    def _said(self) -> str:
        """Give what the server has said."""

    @abc.abstractmethod
    def _folders(self) -> Sequence[str]:
        """Give the folders that a program is looked for in, in their order."""

    def _create(self) -> None:
        for program in (self.INSTALLER, self.PROGRAM):
            self._program(program)
        self._folder = Path(tempfile.mkdtemp(prefix=f"bookings-{self.NAME.lower()}-")).resolve()
        done = self._install()
        if done.returncode != 0:
            raise ServerUnavailable(f"{self.INSTALLER} failed: {_one_line(done.stdout + done.stderr)}")

    def _run_installer(
        self, words: Sequence[str], env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self._folder,
            env=env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )

    def _start_on_a_free_port(self) -> None:
        for _attempt in range(START_ATTEMPTS - 1):
            with contextlib.suppress(ServerUnavailable):
                return self.start()
            self.port = free_port()
        return self.start()

    @property
    def _data_folder(self) -> Path:
        if self._folder is None:
            raise ServerUnavailable(f"the private {self.NAME} has no data; use it in a with statement")
        return self._folder / "data"

    def _await_login(self) -> None:
        # A port that is open is not yet a server that can be stopped: only a login proves that it is up.
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._make_database()
            except self.NOT_YET as refusal:
                if self._server is None or self._server.exit_status() is not None:
                    raise ServerUnavailable(f"{self.PROGRAM} ended at once: {_one_line(self._said())}") from refusal
                if time.monotonic() > deadline:
                    raise ServerUnavailable(
                        f"{self.PROGRAM} not ready after {START_SECONDS} s: {_one_line(self._said())}"
                    ) from refusal
                time.sleep(LOGIN_PAUSE_SECONDS)
            else:
                return

    def _check_is_ours(self, data_folder: str) -> None:
        """:raises ServerUnavailable: if the server that has let us in has other data"""
        if Path(data_folder) != self._data_folder:
            raise ServerUnavailable(f"port {self.port} belongs to another {self.NAME}")

    def _program(self, name: str) -> str:
        path = shutil.which(name, path=os.pathsep.join(self._folders()))
        if path is None:
            raise ServerUnavailable(
                f"{name} not found: install a {self.NAME} server (Debian, Ubuntu: apt-get install {self.PACKAGES})"
            )
        return path


def search_path() -> str:
    """Give the folders of an ordinary user's programs."""
    return os.environ.get("PATH", os.defpath)


def run_until_stopped(server_type: type[PrivateServer]) -> int:
    """Run a private server until Ctrl-C and print the setting that points at it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        with server_type() as server:
            print(f"DATABASE_URL={server.url}", flush=True)
            print(f"A throw-away {server.NAME}; Ctrl-C stops it and deletes its data.", file=sys.stderr)
            stop.wait()
    except ServerUnavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS] or "it says nothing"
