"""
A load generator: each client sends its next request when it has the answer to the last.

All clients live on one thread and one poll loop, and answers are hardly looked at: what is measured shares
the machine's cores with this, so it has to be cheap.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from devtools.processes import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The service answers every request within five seconds; silence from all clients for longer is a wedge.
STALL_SECONDS = 6
CONNECT_SECONDS = 5
READ_BYTES = 64 * 1024
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
ERROR_CODE = re.compile(rb'"code": ?"([a-z_]+)"')


class LoadFailed(Exception):
    """The load could not be carried on; the message says why, in one line."""


@dataclass(slots=True)
class Load:
    """
    What one stretch of load measured: latencies in seconds and bodies of all answers, whatever their status.

    `seconds` end with the time to send in; answers that came later, to what was sent in time, are not `in_time`, but
    within the `whole_seconds`. `failed` counts answers outside 2xx by status and error code, and lost connections.
    """

    seconds: float = 0.0
    whole_seconds: float = 0.0
    own_cpu_seconds: float = 0.0
    in_time: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


def get(path: str) -> bytes:
    """Write out a request for a page."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def post(path: str, content: Mapping[str, object], *, key: str = "") -> bytes:
    """Write out a request that changes something; `key` is an idempotency key."""
    body = json.dumps(content, separators=(",", ":")).encode()
    keyed = f"x-idempotency-key: {key}\r\n" if key else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{keyed}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Client:
    """One connection that is kept open, with one request on its way at most."""

    __slots__ = ("_port", "_unread", "connection", "sent_at")

    def __init__(self, port: int) -> None:
        self._port = port
        self.connect()

    def connect(self) -> None:
        self._unread = b""
        self.connection = socket.create_connection((HOST, self._port), timeout=CONNECT_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.connection.sendall(request)

    def receive(self) -> tuple[str, bytes] | None:
        """Read what has come; give the status and the body once the answer is whole."""
        data = self._unread + self.connection.recv(READ_BYTES)
        if len(data) == len(self._unread):
            raise ConnectionResetError
        self._unread = data
        end = data.find(END_OF_HEAD)
        if end < 0:
            return None
        length = CONTENT_LENGTH.search(data, 0, end)
        if length is None:
            raise LoadFailed("an answer came without Content-Length")
        body = end + len(END_OF_HEAD)
        if len(data) < body + int(length[1]):
            return None
        self._unread = b""
        return data[9:12].decode("latin-1"), data[body:]


class Clients:
    """
    A fixed number of clients of one server on this machine; used as a context manager.

    Connections stay open from one `drive` to the next, unless a request failed.
    """

    def __init__(self, port: int, *, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients = [_Client(port) for _ in range(count)]
        for client in self._clients:
            self._selector.register(client.connection, selectors.EVENT_READ, client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._selector.close()
        for client in self._clients:
            client.connection.close()

    def drive(self, requests: Iterator[bytes], *, seconds: float) -> Load:
        """
        Send the requests, until they run out or the time is over; then wait for the answers still due.

        :raises LoadFailed: if no client gets an answer for six seconds
        """
        load = Load()
        cpu_before, started = time.process_time(), time.perf_counter()
        ends_at = started + seconds
        busy = sum(_send_next(client, requests, ends_at) for client in self._clients)
        while busy:
            ready = self._selector.select(STALL_SECONDS)
            if not ready:
                raise LoadFailed(f"no answer to any of {busy} clients for {STALL_SECONDS} s")
            for entry, _events in ready:
                if self._take_answer(entry.data, load, ends_at):
                    busy += _send_next(entry.data, requests, ends_at) - 1
        load.whole_seconds = time.perf_counter() - started
        load.seconds = min(load.whole_seconds, seconds)
        load.own_cpu_seconds = time.process_time() - cpu_before
        return load

    def _take_answer(self, client: _Client, load: Load, ends_at: float) -> bool:
        """Read from a client that has something; tell whether its request has ended."""
        try:
            answer = client.receive()
        except OSError as error:
            answer = f"lost: {type(error).__name__}", b""
        if answer is None:
            return False
        now = time.perf_counter()
        load.in_time += now <= ends_at
        if not answer[0].startswith("2"):
            load.failed[_cause(*answer)] += 1
            # A server may close a connection on which it refused something.
            self._selector.unregister(client.connection)
            client.connection.close()
            client.connect()
            self._selector.register(client.connection, selectors.EVENT_READ, client)
        load.latencies.append(now - client.sent_at)
        load.bodies.append(answer[1])
        return True


def _cause(status: str, body: bytes) -> str:
    """Name the status and, where the body has one, the code of the error."""
    code = ERROR_CODE.search(body)
    return f"{status} {code[1].decode()}" if code else status


def _send_next(client: _Client, requests: Iterator[bytes], ends_at: float) -> int:
    """Send one more request if there is one and time for it; return how many were sent."""
    if time.perf_counter() >= ends_at or (request := next(requests, None)) is None:
        return 0
    client.send(request)
    return 1
