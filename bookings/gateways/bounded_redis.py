"""A Redis client whose calls end in time as a whole, even if a response comes a byte at a time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis import Connection, Redis, RedisError, SSLConnection, UnixDomainSocketConnection

CONNECT_SECONDS = 0.5

# The errors that redis-py raises for an unusual response; a server that is no Redis causes the last three.
NOT_ANSWERED = (RedisError, OSError, ValueError, TypeError, AttributeError)

# The responses to our scripts are three numbers; the response to `INFO server` is a page.
LARGEST_ANSWER_BYTES = 64 * 1024


def bounded_redis(url: str, *, seconds: float) -> Redis:
    """
    Make a client; each `recv` may take `seconds`, and all of a block `within` a limit no longer than that.

    :raises ValueError: if the address makes no sense
    """
    return Redis.from_url(
        url,
        connection_class=CONNECTIONS.get(urlsplit(url).scheme, _Plain),
        socket_connect_timeout=min(CONNECT_SECONDS, seconds),
        socket_timeout=seconds,
    )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End in time whatever this thread asks of any Redis in the block, connections and repetitions included."""
    _block.ends_at, _block.bytes_left = time.monotonic() + seconds, LARGEST_ANSWER_BYTES
    try:
        yield
    finally:
        del _block.ends_at


_block = threading.local()


class _BoundedSocket:
    """A socket that waits no longer than what is left of the block; redis-py limits each `recv` alone."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._timeout: float | None = inner.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._inner.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        self._limit()
        content: bytes = self._inner.recv(size)
        _block.bytes_left = getattr(_block, "bytes_left", LARGEST_ANSWER_BYTES) - len(content)
        if _block.bytes_left < 0:
            raise OSError("answer too large")
        return content

    def sendall(self, content: bytes) -> None:
        self._limit()
        self._inner.sendall(content)

    def _limit(self) -> None:
        ends_at = getattr(_block, "ends_at", None)
        if ends_at is None or self._timeout == 0:  # without a limit, or without waiting at all
            return
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left if self._timeout is None else min(left, self._timeout))


class _Plain(Connection):
    def _connect(self) -> Any:
        return _BoundedSocket(super()._connect())  # type: ignore[no-untyped-call]  # it has no types


class _OverTLS(SSLConnection):
    def _connect(self) -> Any:
        return _BoundedSocket(super()._connect())  # type: ignore[no-untyped-call]  # it has no types


class _OverAFile(UnixDomainSocketConnection):
    def _connect(self) -> Any:
        return _BoundedSocket(super()._connect())  # type: ignore[no-untyped-call]  # it has no types


CONNECTIONS = {"redis": _Plain, "rediss": _OverTLS, "unix": _OverAFile}
