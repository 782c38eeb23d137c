"""Runs the very reverse proxy of `deploy/haproxy.cfg`, in front of web servers of a test."""

import os
import shutil
import signal
import subprocess
from contextlib import AbstractContextManager

from devtools.processes import HOST, REPOSITORY, ends_with_parent, free_port, port_is_free
from tests.support.processes import Server
from tests.support.waiting import await_that

CONFIGURATION = REPOSITORY / "deploy" / "haproxy.cfg"
# Kept where an ordinary user's PATH does not look.
PROGRAM = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

# What the configuration wants to know.
PLACES = {"LISTEN": f"{HOST}:1", "WEB1": f"{HOST}:2", "WEB2": f"{HOST}:3", "PUBLIC_HOST": "localhost"}


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


class Proxy(Server):
    """haproxy in front of two addresses. What its checks find out is in what it prints."""

    def __init__(self, web1: int, web2: int, **settings: str) -> None:
        self.port = free_port()
        places = {"LISTEN": f"{HOST}:{self.port}", "WEB1": f"{HOST}:{web1}", "WEB2": f"{HOST}:{web2}"}
        super().__init__(
            *(*ends_with_parent(signal.SIGKILL), _program(), "-db", "-f", str(CONFIGURATION)),
            env={**os.environ, **PLACES, **places, **settings},
        )

    def serve(self) -> None:
        """Start it, and return once it listens."""
        self.start()
        self.await_sign(lambda: not port_is_free(self.port))

    def times_said(self, words: str) -> int:
        """Tell how often it has said this, as `Server ready/web1 is DOWN`."""
        return self.printed(last=0).count(words)

    def restart(self, web: Server, name: str) -> None:
        """Stop `web1` or `web2` in order, start it again, and return when clients are sent to it again."""
        is_up = f"Server ready/{name} is UP"
        before = self.times_said(is_up)
        web.stop_in_order()
        web.start()
        await_that(lambda: self.times_said(is_up) > before, self.printed)


def start_proxy(web1: int, web2: int, **settings: str) -> AbstractContextManager[Proxy]:
    """Run the proxy for the length of the block."""
    return Proxy(web1, web2, **settings).running()
