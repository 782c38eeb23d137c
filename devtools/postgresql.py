"""
A private, throw-away PostgreSQL for tests and measurements.

`python -m devtools.postgresql` runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg

from devtools.processes import HOST, Command, descendants, ends_with_parent, free_port

if TYPE_CHECKING:
    from types import TracebackType

DATABASE = "bookings"
USER = "bookings"
# The race tests open a connection per thread, beside web processes and workers of their own.
MAX_CONNECTIONS = 400
# A loaded machine with a slow disk; an idle one needs 1.5 s and 0.2 s.
INSTALL_SECONDS = 120
START_SECONDS = 60
LOGIN_SECONDS = 2
LOGIN_PAUSE_SECONDS = 0.02
START_ATTEMPTS = 3
MESSAGE_CHARACTERS = 600
# Debian keeps each version's programs in a folder of its own, and not in any PATH.
PROGRAMS = Path("/usr/lib/postgresql")
DEBIAN_PACKAGES = "postgresql"
# A server refuses to run as root; Debian's package makes this user for it.
USER_FOR_ROOT = "postgres"


class PostgreSQLUnavailable(Exception):
    """The private PostgreSQL cannot be started; the message says why, in one line."""


class PrivatePostgreSQL:
    """
    A PostgreSQL server of its own: free port on 127.0.0.1, data in a temporary folder, production durability.

    Used as a context manager; `url` is then the address of an empty database. Between `kill()` and `start()`
    the data and the port stay as they are. The server ends with the *thread* that started it, so that a
    killed test run leaves none behind: call `start()` and `restart()` from the main thread. `options` are further
    ones of `postgres`, as `fsync=on`.

    It does not protect the data from other users of the machine: no role has a password.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._folder: Path | None = None
        self._server: Command | None = None

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"postgresql://{USER}@{HOST}:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """Give the process id of the running server."""
        if self._server is None:
            raise PostgreSQLUnavailable("the private PostgreSQL is not running")
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

        :raises PostgreSQLUnavailable: if it ends at once or is not ready in time
        """
        if self._server is not None:
            raise PostgreSQLUnavailable("the private PostgreSQL is running already")
        words = (*_as_ordinary_user(ends_with_parent(signal.SIGQUIT)), *self._server_command())
        self._server = Command(*words, folder=self._data_folder.parent)
        self._server.start()
        try:
            self._await_login()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server in order, with all its sessions; after five seconds, by force. The data stays."""
        if self._server is not None:
            # SIGTERM would wait until the last client has gone.
            os.kill(self._server.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.stop()
            self._server = None

    def kill(self) -> None:
        """Kill the server with its sessions, as a power cut would; `start()` then recovers what was committed."""
        if self._server is not None:
            # They write over the mark that `Command` would know them by.
            sessions = descendants(self._server.pid)
            self._server.kill()
            for pid in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
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

    def _create(self) -> None:
        installer = _program("initdb")
        self._folder = Path(tempfile.mkdtemp(prefix="bookings-postgresql-")).resolve()
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER_FOR_ROOT)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        done = subprocess.run(
            [
                *_as_ordinary_user([]),
                *(installer, f"--pgdata={self._data_folder}", f"--username={USER}", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise PostgreSQLUnavailable(f"initdb failed: {_one_line(done.stdout + done.stderr)}")

    def _start_on_a_free_port(self) -> None:
        for _attempt in range(START_ATTEMPTS - 1):
            with contextlib.suppress(PostgreSQLUnavailable):
                return self.start()
            self.port = free_port()
        return self.start()

    @property
    def _data_folder(self) -> Path:
        if self._folder is None:
            raise PostgreSQLUnavailable("the private PostgreSQL has no data; use it in a with statement")
        return self._folder / "data"

    def _server_command(self) -> list[str]:
        settings = (
            f"port={self.port}",
            f"listen_addresses={HOST}",
            # Its own folder is too long a path for a socket where TMPDIR is long; clients here come by the port.
            "unix_socket_directories=",
            f"max_connections={MAX_CONNECTIONS}",
            # As in production, as they are by default.
            "fsync=on",
            "synchronous_commit=on",
            *self._options,
        )
        words = [word for setting in settings for word in ("-c", setting)]
        return [_program("postgres"), "-D", str(self._data_folder), *words]

    def _await_login(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._make_database()
            except psycopg.OperationalError as refusal:
                if self._server is None or self._server.exit_status() is not None:
                    raise PostgreSQLUnavailable(f"postgres ended at once: {self._said()}") from refusal
                if time.monotonic() > deadline:
                    raise PostgreSQLUnavailable(
                        f"postgres not ready after {START_SECONDS} s: {self._said()}"
                    ) from refusal
                time.sleep(LOGIN_PAUSE_SECONDS)
            else:
                return

    def _make_database(self) -> None:
        with psycopg.connect(
            host=HOST, port=self.port, user=USER, dbname="postgres", connect_timeout=LOGIN_SECONDS, autocommit=True
        ) as session:
            ((folder,),) = session.execute("SELECT current_setting('data_directory')").fetchall()
            if Path(folder) != self._data_folder:
                raise PostgreSQLUnavailable(f"port {self.port} belongs to another PostgreSQL")
            if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
                session.execute(f"CREATE DATABASE {DATABASE}")

    def _said(self) -> str:
        return _one_line(self._server.printed() if self._server is not None else "")


def _program(name: str) -> str:
    folders = sorted(PROGRAMS.glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    path = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]))
    if path is None:
        raise PostgreSQLUnavailable(
            f"{name} not found: install a PostgreSQL server (Debian, Ubuntu: apt-get install {DEBIAN_PACKAGES})"
        )
    return path


def _as_ordinary_user(words: list[str]) -> list[str]:
    """Give the words to put before a command so that a server does not run as root; `words` stay last."""
    if os.geteuid() != 0:
        return words
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PostgreSQLUnavailable(
            "PostgreSQL does not run as root, and there is no setpriv to run it as another user"
        )
    # The signal of a parent's end is forgotten by a process that changes its user, so it is asked for afterwards.
    group = pwd.getpwnam(USER_FOR_ROOT).pw_gid
    return [setpriv, f"--reuid={USER_FOR_ROOT}", f"--regid={group}", "--clear-groups", "--", *words]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS] or "it says nothing"


def main() -> int:
    """Run a private PostgreSQL until Ctrl-C and print the setting that points at it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        with PrivatePostgreSQL() as server:
            print(f"DATABASE_URL={server.url}", flush=True)
            print("A throw-away PostgreSQL; Ctrl-C stops it and deletes its data.", file=sys.stderr)
            stop.wait()
    except PostgreSQLUnavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
