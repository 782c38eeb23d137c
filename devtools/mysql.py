"""
A private, throw-away MySQL for tests, as `devtools/mysql_packages.sh` has unpacked it.

`python -m devtools.mysql` runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from devtools.mariadb import PrivateMariaDB, as_root
from devtools.private_server import ServerUnavailable, run_until_stopped
from devtools.processes import HOST, REPOSITORY

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

# A system of its own, of which nothing but the server is used.
ROOT = REPOSITORY / "var" / "mysql" / "root"
LIBRARIES = ROOT / "usr" / "lib" / "x86_64-linux-gnu"


class PrivateMySQL(PrivateMariaDB):
    """A MySQL server of its own, which is started, asked and ended as a MariaDB is. Root has no password."""

    NAME, INSTALLER, PROGRAM = "MySQL", "mysqld", "mysqld"

    def _install(self) -> subprocess.CompletedProcess[str]:
        # The root of a new server may come by its socket alone.
        statements = self._data_folder.parent / "root.sql"
        statements.write_text(f"CREATE USER root@'{HOST}';\nGRANT ALL ON *.* TO root@'{HOST}' WITH GRANT OPTION;\n")
        return self._run_installer([*self._server_words(), "--initialize-insecure", f"--init-file={statements}"])

    def _server_words(self) -> list[str]:
        """Give the words that run the server by the C library that was unpacked with it, on the data of this one."""
        return [
            # The server keeps the name of its program, by which it finds what belongs to it.
            *(self._program("ld-linux-x86-64.so.2"), "--library-path", f"{LIBRARIES}:{ROOT}/usr/lib/mysql/private"),
            *(self._program(self.PROGRAM), "--no-defaults", f"--datadir={self._data_folder}", f"--basedir={ROOT}/usr"),
            f"--lc-messages-dir={ROOT}/usr/share/mysql",
            "--mysqlx=OFF",
            # Root has no password here: no local user may read or write the machine's files through it.
            "--secure-file-priv=NULL",
            *as_root(),
        ]

    def _folders(self) -> Sequence[str]:
        return (f"{ROOT}/usr/sbin", f"{ROOT}/usr/lib64")

    def _program(self, name: str) -> str:
        try:
            return super()._program(name)
        except ServerUnavailable:
            raise ServerUnavailable(f"{name} not found: run sh devtools/mysql_packages.sh") from None


if __name__ == "__main__":
    sys.exit(run_until_stopped(PrivateMySQL))
