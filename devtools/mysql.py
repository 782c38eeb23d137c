"""
A private, throw-away MySQL for tests, as `devtools/mysql_packages.sh` has unpacked it.

`python -m devtools.mysql` runs one until Ctrl-C and prints its address.
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
    ServerUnavailable,
    run_until_stopped,
)
from devtools.processes import HOST, REPOSITORY, Command, ends_with_parent

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

# A system of its own, of which nothing but the server is used.
ROOT = REPOSITORY / "var" / "mysql" / "root"
LIBRARIES = ROOT / "usr" / "lib" / "x86_64-linux-gnu"


class PrivateMySQL(PrivateServer):
    """A MySQL server of its own. Root has no password."""

    NAME, INSTALLER, PROGRAM = "MySQL", "mysqld", "mysqld"
    PACKAGES = "nothing: run sh devtools/mysql_packages.sh"
    NOT_YET = MySQLdb.OperationalError

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"mysql://root@{HOST}:{self.port}/{DATABASE}"

    def _install(self) -> subprocess.CompletedProcess[str]:
        # The root of a new server may come by its socket alone.
        statements = self._data_folder.parent / "root.sql"
        statements.write_text(f"CREATE USER root@'{HOST}';\nGRANT ALL ON *.* TO root@'{HOST}' WITH GRANT OPTION;\n")
        return self._run_installer([*self._server_words(), "--initialize-insecure", f"--init-file={statements}"])

    def _command(self) -> Command:
        folder = self._data_folder.parent
        return Command(
            *ends_with_parent(signal.SIGKILL),
            *self._server_words(),
            # Relative to the data folder: a socket's full path may not exceed 107 characters, TMPDIR may.
            "--socket=mysql.sock",
            "--mysqlx=OFF",
            f"--pid-file={folder / 'mysql.pid'}",
            f"--log-error={folder / 'mysql.log'}",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            "--skip-name-resolve",
            # Root has no password here: no local user may read or write the machine's files through it.
            "--secure-file-priv=NULL",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            f"--max-connections={MAX_CONNECTIONS}",
            # As in production, as they are by default.
            "--innodb-flush-log-at-trx-commit=1",
            "--sync-binlog=1",
            *self._options,
        )

    def _server_words(self) -> list[str]:
        """Give the words that run the server by the C library that was unpacked with it, on the data of this one."""
        return [
            # The server keeps the name of its program, by which it finds what belongs to it.
            *(self._program("ld-linux-x86-64.so.2"), "--library-path", f"{LIBRARIES}:{ROOT}/usr/lib/mysql/private"),
            *(self._program(self.PROGRAM), "--no-defaults", f"--datadir={self._data_folder}", f"--basedir={ROOT}/usr"),
            f"--lc-messages-dir={ROOT}/usr/share/mysql",
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]

    def _make_database(self) -> None:
        with contextlib.closing(
            MySQLdb.connect(host=HOST, port=self.port, user="root", connect_timeout=LOGIN_SECONDS)
        ) as session:
            cursor = session.cursor()
            cursor.execute("SELECT @@datadir")
            (folder,) = cursor.fetchone()
            self._check_is_ours(folder)
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def _said(self) -> str:
        log = self._data_folder.parent / "mysql.log"
        lines = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(line for line in lines.splitlines() if "[ERROR]" in line) or lines

    def _folders(self) -> Sequence[str]:
        return (f"{ROOT}/usr/sbin", f"{ROOT}/usr/lib64")

    def _program(self, name: str) -> str:
        try:
            return super()._program(name)
        except ServerUnavailable:
            raise ServerUnavailable(f"{name} not found: run sh devtools/mysql_packages.sh") from None


if __name__ == "__main__":
    sys.exit(run_until_stopped(PrivateMySQL))
