"""Runs the very reverse proxy of `deploy/haproxy.cfg`, in front of web servers of a test."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from devtools.processes import HOST, ends_with_parent, free_port
from tests.support.processes import REPOSITORY

CONFIGURATION = REPOSITORY / "deploy" / "haproxy.cfg"
# Kept where an ordinary user's PATH does not look.
PROGRAM = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

# What the configuration wants to know.
PLACES = {"LISTEN": f"{HOST}:1", "WEB1": f"{HOST}:2", "WEB2": f"{HOST}:3", "PUBLIC_HOST": "localhost"}

START_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02


def _program() -> str:
    if PROGRAM is None:
        raise RuntimeError("no haproxy found: `sh devtools/system_packages.sh test` installs one")
    return PROGRAM


def check() -> tuple[int, str]:
    """Have haproxy read the configuration; gives its exit status, and its warnings and errors."""
    done = subprocess.run(
        [_program(), "-c", "-f", str(CONFIGURATION)], env={**os.environ, **PLACES}, capture_output=True, text=True
    )
    return done.returncode, done.stderr


class Proxy:
    """haproxy in front of two addresses. What its checks find out is in what it prints."""

    def __init__(self, web1: int, web2: int, **settings: str) -> None:
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        weakref.finalize(self, self._log.close)
        self._process = subprocess.Popen(
            [*ends_with_parent(signal.SIGKILL), _program(), "-db", "-f", str(CONFIGURATION)],
            env={
                **os.environ,
                **PLACES,
                "LISTEN": f"{HOST}:{self.port}",
                "WEB1": f"{HOST}:{web1}",
                "WEB2": f"{HOST}:{web2}",
                **settings,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._await_listening()

    def times_said(self, words: str) -> int:
        """Tell how often it has said this, as `Server ready/web1 is DOWN`."""
        return self.printed().count(words)

    def printed(self) -> str:
        """Give what it has printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def _await_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"haproxy does not listen: {self.printed()}") from None
                time.sleep(LOOK_EVERY_SECONDS)


@contextmanager
def start_proxy(web1: int, web2: int, **settings: str) -> Iterator[Proxy]:
    """Run the proxy for the length of the block."""
    proxy = Proxy(web1, web2, **settings)
    try:
        yield proxy
    finally:
        proxy.kill()
