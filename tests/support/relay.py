"""A relay of TCP, whose connections can be made to lead nowhere: as a cable that is cut, or a firewall that forgets."""

import socket
import threading
from contextlib import suppress

from devtools.processes import HOST

AT_ONCE = 65_536


class Relay:
    """Passes bytes on to a port of this machine. Used as a block."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._cut: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in list(self._open):
            self._end(each)

    def cut(self) -> int:
        """Let whatever is sent on the connections of now disappear, and tell none of their ends; give their number."""
        self._cut = set(self._open)
        return len(self._cut) // 2

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection((HOST, self._to))
                self._open |= {here, there}
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(AT_ONCE):
                if source not in self._cut:
                    target.sendall(data)
        # The end of one that is cut is not passed on either: the other end waits.
        if source not in self._cut:
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            self._end(source)

    def _end(self, one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
        self._open.discard(one)
