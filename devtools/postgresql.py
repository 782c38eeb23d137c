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
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from devtools.private_server import (
    DATABASE,
    LOGIN_SECONDS,
    MAX_CONNECTIONS,
    PrivateServer,
    ServerUnavailable,
    run_until_stopped,
    search_path,
)
from devtools.processes import HOST, Command, descendants, ends_with_parent

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

USER = "bookings"
# Debian keeps each version's programs in a folder of its own, and not in any PATH.
PROGRAMS = Path("/usr/lib/postgresql")
# A server refuses to run as root; Debian's package makes this user for it.
USER_FOR_ROOT = "postgres"


class PrivatePostgreSQL(PrivateServer):
    """A PostgreSQL server of its own; its options are settings, as `fsync=on`. No role has a password."""

    NAME, INSTALLER, PROGRAM = "PostgreSQL", "initdb", "postgres"
    PACKAGES = "postgresql"
    NOT_YET = psycopg.OperationalError

    @property
    def url(self) -> str:
        """Give the address in the form that `DATABASE_URL` takes."""
        return f"postgresql://{USER}@{HOST}:{self.port}/{DATABASE}"

    def stop(self) -> None:
        """Stop the server in order, with all its sessions; after five seconds, by force. The data stays."""
        if self._server is not None:
            # SIGTERM would wait until the last client has gone.
            os.kill(self._server.pid, signal.SIGINT)
        super().stop()

    def kill(self) -> None:
        """Kill the server with its sessions, as a power cut would; `start()` then recovers what was committed."""
        # They write over the mark that `Command` would know them by.
        sessions = descendants(self._server.pid) if self._server is not None else []
        super().kill()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _install(self) -> subprocess.CompletedProcess[str]:
        give_to_ordinary_user(self._data_folder.parent)
        words = [
            *as_ordinary_user([]),
            *(self._program(self.INSTALLER), f"--pgdata={self._data_folder}", f"--username={USER}", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"),
        ]
        return self._run_installer(words)

    def _command(self) -> Command:
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
        return Command(
            *as_ordinary_user(ends_with_parent(signal.SIGQUIT)),
            *(self._program(self.PROGRAM), "-D", str(self._data_folder)),
            *(word for setting in settings for word in ("-c", setting)),
            folder=self._data_folder.parent,
        )

    def _make_database(self) -> None:
        with psycopg.connect(
            host=HOST, port=self.port, user=USER, dbname="postgres", connect_timeout=LOGIN_SECONDS, autocommit=True
        ) as session:
            ((folder,),) = session.execute("SELECT current_setting('data_directory')").fetchall()
            self._check_is_ours(folder)
            if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
                session.execute(f"CREATE DATABASE {DATABASE}")

    def _said(self) -> str:
        return self._server.printed() if self._server is not None else ""

    def _folders(self) -> Sequence[str]:
        newest_first = sorted(PROGRAMS.glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
        return (*map(str, newest_first), search_path())


def as_ordinary_user(words: list[str]) -> list[str]:
    """Give the words to put before a command so that a server does not run as root; `words` stay last."""
    if os.geteuid() != 0:
        return words
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerUnavailable("PostgreSQL does not run as root, and there is no setpriv to run it as another user")
    # The signal of a parent's end is forgotten by a process that changes its user, so it is asked for afterwards.
    group = pwd.getpwnam(USER_FOR_ROOT).pw_gid
    return [setpriv, f"--reuid={USER_FOR_ROOT}", f"--regid={group}", "--clear-groups", "--", *words]


def give_to_ordinary_user(path: Path) -> None:
    """Let the user whom a server runs as write to this."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER_FOR_ROOT)
        os.chown(path, user.pw_uid, user.pw_gid)


if __name__ == "__main__":
    sys.exit(run_until_stopped(PrivatePostgreSQL))
