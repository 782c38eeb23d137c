"""
A private, throw-away MariaDB for tests, measurements and development.

`python -m devtools.mariadb` runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

import MySQLdb

from devtools.private_server import (
    DATABASE,
    LOGIN_SECONDS,
    MAX_CONNECTIONS,
    PrivateServer,
    run_until_stopped,
    search_path,
)
from devtools.processes import HOST, Command, ends_with_parent

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

# Debian keeps servers where an ordinary user's PATH does not look.
SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class PrivateMariaDB(PrivateServer):
    """A MariaDB server of its own. Root has no password."""

    NAME, INSTALLER, PROGRAM = "MariaDB", "mariadb-install-db", "mariadbd"
    PACKAGES = "mariadb-server-core mariadb-client-core"
    NOT_YET = MySQLdb.OperationalError

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"mysql://root@{HOST}:{self.port}/{DATABASE}"

    def _install(self) -> subprocess.CompletedProcess[str]:
        self._temporary_folder.mkdir()
        words = [
            self._program(self.INSTALLER),
            "--no-defaults",
            f"--datadir={self._data_folder}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            # A machine may not know its own name; the name is of no use here.
            "--force",
            *as_root(),
        ]
        return self._run_installer(words, env={**os.environ, "TMPDIR": str(self._temporary_folder)})

    @property
    def _temporary_folder(self) -> Path:
        # A server that starts deletes the `#sql` files of all others from a folder that it shares with them.
        return self._data_folder.parent / "tmp"

    def _command(self) -> Command:
        name = self.NAME.lower()
        return Command(
            *ends_with_parent(signal.SIGKILL),
            *self._server_words(),
            # Relative to the data folder: a socket's full path may not exceed 107 characters, TMPDIR may.
            f"--socket={name}.sock",
            f"--pid-file={self._data_folder.parent / f'{name}.pid'}",
            f"--log-error={self._log}",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            f"--max-connections={MAX_CONNECTIONS}",
            # As in production; faster settings gain nothing on a test run.
            "--innodb-flush-log-at-trx-commit=1",
            "--sync-binlog=1",
            *self._options,
        )

    def _server_words(self) -> list[str]:
        """Give the words that run the server on the data of this one."""
        return [
            *(self._program(self.PROGRAM), "--no-defaults", f"--datadir={self._data_folder}"),
            f"--tmpdir={self._temporary_folder}",
            # Root has no password here: no local user may read or write the machine's files through it.
            f"--secure-file-priv={self._data_folder}",
            *as_root(),
        ]

    def _make_database(self) -> None:
        with contextlib.closing(
            MySQLdb.connect(host=HOST, port=self.port, user="root", connect_timeout=LOGIN_SECONDS)
        ) as session:
            cursor = session.cursor()
            cursor.execute("SELECT @@datadir")
            (folder,) = cursor.fetchone()
            self._check_is_ours(folder)
            # Every server makes its own: a replica has no gap to fill, and no transaction of its own.
            cursor.execute("SET sql_log_bin=0")
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    @property
    def _log(self) -> Path:
        return self._data_folder.parent / f"{self.NAME.lower()}.log"

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace") if self._log.exists() else ""
        errors = [line for line in lines.splitlines() if "[ERROR]" in line]
        return "\n".join(errors) or lines

    def _folders(self) -> Sequence[str]:
        return (search_path(), *SERVER_FOLDERS)


def as_root() -> list[str]:
    """Give the option without which a server refuses to run as root, and which it refuses to all other users."""
    return ["--user=root"] if os.geteuid() == 0 else []


if __name__ == "__main__":
    sys.exit(run_until_stopped(PrivateMariaDB))
