"""
How often clients have asked a server on this machine, from what Linux counts for each TCP connection.

A server's own counters count statements; several of them may travel in one packet, and a client waits for it once.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Of linux/netlink.h, sock_diag.h and inet_diag.h, which Python's socket module does not name.
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
REQUEST_DUMP, DONE, ERROR = 0x301, 3, 2
INFO, ESTABLISHED = 2, 1
HEADER, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
REQUEST = struct.Struct("=BBBxI48x")
# In struct inet_diag_msg: the port of this end, and a number that no other connection ever has; its length.
END, MESSAGE_BYTES = struct.Struct("!4xH38x8s"), 72
# In struct tcp_info: segments with data that were received. A request that fits into one, as here, is one.
DATA_SEGMENTS_IN = struct.Struct("=152xI")
READ_BYTES = 1 << 16


class RoundTrips:
    """Counts the requests to a port, on whatever connections they come."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._total = 0
        self._last: Mapping[bytes, int] = {}

    def count(self) -> int:
        """
        Count up to now. What came on a connection that has ended since the last time is left out.

        :raises OSError: if the system does not tell
        """
        now = dict(found for each in _connections() if (found := _read(self._port, each)) is not None)
        self._total += sum(count - self._last.get(connection, 0) for connection, count in now.items())
        self._last = now
        return self._total


def _connections() -> Iterator[bytes]:
    """Ask the kernel for all open TCP connections of IPv4: one message for each end."""
    request = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 1 << (INFO - 1), 1 << ESTABLISHED)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as asked:
        asked.send(HEADER.pack(HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + request)
        while True:
            answer = asked.recv(READ_BYTES)
            while answer:
                length, kind, *_ = HEADER.unpack_from(answer)
                if kind == DONE:
                    return
                if kind == ERROR:
                    raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
                yield answer[HEADER.size : length]
                answer = answer[length + -length % 4 :]


def _read(port: int, message: bytes) -> tuple[bytes, int] | None:
    """Read which connection this is, and how many requests it has brought; None for any other port."""
    shown_port, connection = END.unpack_from(message)
    if shown_port != port:
        return None
    attributes = message[MESSAGE_BYTES:]
    while attributes:
        length, kind = ATTRIBUTE.unpack_from(attributes)
        if kind == INFO:
            return connection, DATA_SEGMENTS_IN.unpack_from(attributes, ATTRIBUTE.size)[0]
        attributes = attributes[length + -length % 4 :]
    return None
