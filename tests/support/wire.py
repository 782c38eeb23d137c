"""A server that answers what a test says, byte for byte, on a real connection."""

import json as json_module
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.support.waiting import await_that, comes_true

# Only ends a test that hangs.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Asked:
    """A request as it came: its raw bytes, header names in lower case, and which connection it came on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    raw: bytes
    connection: int


@dataclass(frozen=True)
class Drip:
    """Bytes that come one piece at a time, from byte `at_once` on."""

    content: bytes
    at_once: int = 0
    every_seconds: float = 0.05
    piece: int = 1


# What a test says about one answer: its bytes, slowly, or something to do with the connection.
HANG_UP, STAY_SILENT = b"", None
Said = bytes | Drip | Callable[[Asked], Any] | None


def answer(status: int = 200, content: Any = None, *, body: bytes | None = None, **headers: str) -> bytes:
    """Write a whole answer; underscores in the names of headers stand for dashes."""
    body = json_module.dumps(content).encode() if body is None else body
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unheard Of"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode() + body


@dataclass
class Wire:
    """
    Answers each method and path with what was added for it, one after the other; the last one from then on.

    A connection is kept until the client or an answer ends it, or the path is one of `hangs_up_after`. What
    nobody has added is answered 599.
    """

    url: str = ""
    calls: list[Asked] = field(default_factory=list)
    connections: int = 0
    hangs_up_after: set[str] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    _answers: dict[tuple[str, str], list[Said]] = field(default_factory=lambda: defaultdict(list))
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, method: str, path: str, *said: Said) -> None:
        """Add answers: bytes, a drip, HANG_UP, STAY_SILENT, or a function that makes one of the request."""
        self._answers[method, path].extend(said)

    def forget(self, method: str, path: str) -> None:
        """Take back what was added."""
        with self._lock:
            self._answers.pop((method, path), None)

    def add(self, method: str, path: str, status: int = 200, json: Any = None, **options: Any) -> None:
        """Add a whole answer."""
        headers = options.pop("headers", {})
        self.say(method, path, answer(status, json, **options, **headers))

    def paths(self) -> list[str]:
        """The paths of all requests so far."""
        return [asked.path for asked in self.calls]

    def serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            number = self.connections
        unread = b""
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE_SECONDS)
            while not self._over.is_set():
                asked, unread = self._read(connection, unread, number)
                if asked is None:
                    break
                self.calls.append(asked)
                if not self._tell(connection, self._next(asked), asked):
                    break
        self.ended.add(number)

    def rest(self, seconds: float) -> None:
        """Wait until what was to come later has come."""
        self._over.wait(seconds)

    def await_calls(self, number: int) -> None:
        """Wait until so many requests have come."""
        comes_true(lambda: len(self.calls) >= number, PATIENCE_SECONDS, look_every=0.01)

    def await_ended(self, connections: set[int]) -> None:
        """Wait until these connections are over."""
        await_that(lambda: connections <= self.ended, lambda: f"still open: {connections - self.ended}")

    def end(self) -> None:
        self._over.set()

    def _read(self, connection: socket.socket, unread: bytes, number: int) -> tuple[Asked | None, bytes]:
        while True:
            head, separator, rest = unread.partition(b"\r\n\r\n")
            if separator:
                first, *lines = head.decode("latin-1").split("\r\n")
                pairs = [line.partition(":") for line in lines]
                headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
                length = int(headers.get("content-length", "0"))
                if len(rest) >= length:
                    method, path, _ = first.split(" ")
                    raw = head + separator + rest[:length]
                    return Asked(method, path, headers, rest[:length], raw, number), rest[length:]
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            unread += piece

    def _next(self, asked: Asked) -> Said:
        with self._lock:
            answers = self._answers.get((asked.method, asked.path))
            if not answers:
                return answer(599, {"unexpected": asked.path})
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def _tell(self, connection: socket.socket, said: Said, asked: Asked) -> bool:
        """Say it. False: the connection is over."""
        if callable(said):
            said = said(asked)
        if said is STAY_SILENT:
            self._over.wait(PATIENCE_SECONDS)
            return False
        if isinstance(said, Drip):
            connection.sendall(said.content[: said.at_once])
            for begin in range(said.at_once, len(said.content), said.piece):
                if self._over.wait(said.every_seconds):
                    return False
                connection.sendall(said.content[begin : begin + said.piece])
            return asked.path not in self.hangs_up_after
        connection.sendall(said)
        return said != HANG_UP and asked.path not in self.hangs_up_after


@contextmanager
def a_wire() -> Iterator[Wire]:
    """Listen on a free port for the length of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=wire.serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.end()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_SECONDS)


def took(action: Callable[[], object]) -> float:
    """Tell how many seconds something takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
