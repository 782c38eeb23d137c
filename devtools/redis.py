"""A private, throw-away Redis for tests of the limits that machines share."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from redis import Redis, RedisError

from devtools.processes import HOST, Command, ends_with_parent, free_port

if TYPE_CHECKING:
    from types import TracebackType

# A loaded machine; an idle one needs 0.05 s.
START_SECONDS = 30
PING_SECONDS = 2
PING_PAUSE_SECONDS = 0.02
# One program, that goes by its name. Debian's package redis-server adds a link to the second, and a service of
# the system, which a developer's machine should not get.
PROGRAMS = ("redis-server", "redis-check-rdb")
DEBIAN_PACKAGE = "redis-tools"


class RedisUnavailable(Exception):
    """The private Redis cannot be started; the message says why, in one line."""


class PrivateRedis:
    """
    A Redis server of its own: free port on 127.0.0.1, nothing kept on disk.

    Used as a context manager. Between `stop()` and `start()` the port stays as it is; the data are gone. The
    server ends with the *thread* that started it: call `start()` from the main thread.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._folder: Path | None = None
        self._server: Command | None = None

    @property
    def url(self) -> str:
        """Give the address in the form that `REDIS_URL` takes."""
        return f"redis://{HOST}:{self.port}/0"

    def __enter__(self) -> Self:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise RedisUnavailable(f"redis-server not found: install it (Debian, Ubuntu: {DEBIAN_PACKAGE})")
        self._folder = Path(tempfile.mkdtemp(prefix="bookings-redis-"))
        # A link and not an argv[0]: `ends_with_parent` starts it by this path.
        (self._folder / PROGRAMS[0]).symlink_to(Path(program).resolve())
        try:
            self.start()
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
        Start the server, empty, and wait until it answers a PING.

        :raises RedisUnavailable: if it ends at once or is not ready in time
        """
        if self._server is not None or self._folder is None:
            raise RedisUnavailable("the private Redis is running already, or is not in a with statement")
        self._server = Command(
            *(*ends_with_parent(signal.SIGKILL), str(self._folder / PROGRAMS[0])),
            *("--bind", HOST, "--port", str(self.port), "--dir", str(self._folder)),
            *("--save", "", "--appendonly", "no"),
        )
        self._server.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._server.exit_status() is not None or time.monotonic() > deadline:
                self.stop()
                raise RedisUnavailable(f"redis-server ended, or did not answer on port {self.port}")
            time.sleep(PING_PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop the server; its data are gone."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server and delete its folder."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _answers(self) -> bool:
        peer = Redis(host=HOST, port=self.port, socket_connect_timeout=PING_SECONDS, socket_timeout=PING_SECONDS)
        with peer:
            try:
                # Another server may have taken the port in between: that one's answer does not count.
                ours = self._server is not None and peer.info("server")["process_id"] == self._server.pid
                return bool(peer.ping()) and ours
            except RedisError:
                return False
