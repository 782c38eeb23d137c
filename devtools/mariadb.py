"""
A private, throw-away MariaDB for tests, measurements and development.

`python -m devtools.mariadb` runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Self

import MySQLdb

from devtools.processes import HOST, Command, ends_with_parent, free_port

if TYPE_CHECKING:
    from types import TracebackType

DATABASE = "bookings"
# The race tests open a connection per thread, beside web processes and workers of their own.
MAX_CONNECTIONS = 400
# A loaded machine with a slow disk; an idle one needs 0.7 s and 0.2 s.
INSTALL_SECONDS = 120
START_SECONDS = 60
LOGIN_SECONDS = 2
LOGIN_PAUSE_SECONDS = 0.02
# Another process may take the free port between the look and the start.
START_ATTEMPTS = 3
# Enough for the first errors of a server that cannot start.
MESSAGE_CHARACTERS = 600
# Debian keeps servers where an ordinary user's PATH does not look.
SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
DEBIAN_PACKAGES = "mariadb-server-core mariadb-client-core"


class MariaDBUnavailable(Exception):
    """The private MariaDB cannot be started; the message says why, in one line."""


class PrivateMariaDB:
    """
    A MariaDB server of its own: free port on 127.0.0.1, data in a temporary folder, production durability.

    Used as a context manager; `url` is then the address of an empty database. Between `kill()` and `start()`
    the data and the port stay as they are. The server ends with the *thread* that started it, so that a
    killed test run leaves none behind: call `start()` and `restart()` from the main thread. `options` are further
    ones of `mariadbd`.

    It does not protect the data from other users of the machine: root has no password.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._folder: Path | None = None
        self._server: Command | None = None

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"mysql://root@{HOST}:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """Give the process id of the running server."""
        if self._server is None:
            raise MariaDBUnavailable("the private MariaDB is not running")
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

        :raises MariaDBUnavailable: if it ends at once or is not ready in time
        """
        if self._server is not None:
            raise MariaDBUnavailable("the private MariaDB is running already")
        self._server = Command(*ends_with_parent(signal.SIGKILL), *self._server_command())
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

    def _create(self) -> None:
        installer = _program("mariadb-install-db")
        _program("mariadbd")
        self._folder = Path(tempfile.mkdtemp(prefix="bookings-mariadb-")).resolve()
        self._temporary_folder.mkdir()
        done = self._run_installer(installer)
        if done.returncode != 0:
            raise MariaDBUnavailable(f"mariadb-install-db failed: {_one_line(done.stdout + done.stderr)}")

    def _run_installer(self, installer: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                installer,
                "--no-defaults",
                f"--datadir={self._data_folder}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                # A machine may not know its own name; the name is of no use here.
                "--force",
                *_as_root(),
            ],
            env={**os.environ, "TMPDIR": str(self._temporary_folder)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )

    def _start_on_a_free_port(self) -> None:
        for _attempt in range(START_ATTEMPTS - 1):
            with contextlib.suppress(MariaDBUnavailable):
                return self.start()
            self.port = free_port()
        return self.start()

    @property
    def _data_folder(self) -> Path:
        if self._folder is None:
            raise MariaDBUnavailable("the private MariaDB has no data; use it in a with statement")
        return self._folder / "data"

    @property
    def _temporary_folder(self) -> Path:
        # A server that starts deletes the `#sql` files of all others from a folder that it shares with them.
        return self._data_folder.parent / "tmp"

    def _server_command(self) -> list[str]:
        data = self._data_folder
        return [
            *(_program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--tmpdir={self._temporary_folder}"),
            # Relative to the data folder: a socket's full path may not exceed 107 characters, TMPDIR may.
            "--socket=mariadb.sock",
            f"--pid-file={data.parent / 'mariadb.pid'}",
            f"--log-error={data.parent / 'mariadb.log'}",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            "--skip-name-resolve",
            # Root has no password here: no local user may read or write the machine's files through it.
            f"--secure-file-priv={data}",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            f"--max-connections={MAX_CONNECTIONS}",
            # As in production; faster settings gain nothing on a test run.
            "--innodb-flush-log-at-trx-commit=1",
            "--sync-binlog=1",
            *_as_root(),
            *self._options,
        ]

    def _await_login(self) -> None:
        # A port that is open is not yet a server that can be stopped: only a login proves that it is up.
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._make_database()
            except MySQLdb.OperationalError as refusal:
                if self._server is None or self._server.exit_status() is not None:
                    raise MariaDBUnavailable(f"mariadbd ended at once: {self._log_line()}") from refusal
                if time.monotonic() > deadline:
                    raise MariaDBUnavailable(
                        f"mariadbd not ready after {START_SECONDS} s: {self._log_line()}"
                    ) from refusal
                time.sleep(LOGIN_PAUSE_SECONDS)
            else:
                return

    def _make_database(self) -> None:
        with contextlib.closing(
            MySQLdb.connect(host=HOST, port=self.port, user="root", connect_timeout=LOGIN_SECONDS)
        ) as session:
            cursor = session.cursor()
            cursor.execute("SELECT @@datadir")
            (folder,) = cursor.fetchone()
            if Path(folder) != self._data_folder:
                raise MariaDBUnavailable(f"port {self.port} belongs to another MariaDB")
            # Every server makes its own: a replica has no gap to fill, and no transaction of its own.
            cursor.execute("SET sql_log_bin=0")
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def _log_line(self) -> str:
        log = self._data_folder.parent / "mariadb.log"
        lines = log.read_text(errors="replace") if log.exists() else ""
        errors = [line for line in lines.splitlines() if "[ERROR]" in line]
        return _one_line("\n".join(errors) or lines)


def _program(name: str) -> str:
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *SERVER_FOLDERS]))
    if path is None:
        raise MariaDBUnavailable(
            f"{name} not found: install a MariaDB server (Debian, Ubuntu: apt-get install {DEBIAN_PACKAGES})"
        )
    return path


def _as_root() -> list[str]:
    # MariaDB refuses to run as root unless told, and refuses the option to all other users.
    return ["--user=root"] if os.geteuid() == 0 else []


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS] or "it says nothing"


def main() -> int:
    """Run a private MariaDB until Ctrl-C and print the setting that points at it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        with PrivateMariaDB() as server:
            print(f"DATABASE_URL={server.url}", flush=True)
            print("A throw-away MariaDB; Ctrl-C stops it and deletes its data.", file=sys.stderr)
            stop.wait()
    except MariaDBUnavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
