"""
A Flight Service that costs next to nothing: it shows every flight, allows every change of seats, and forgets both.

It waits as long before each response as it is told: `POST /latency/50` is 50 ms. What it does by itself stands beside
the figures that it was part of; for what a Flight Service promises see `flightsim`.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import ClassVar, cast

from devtools.processes import HOST

PRICE = 2000
SEATS_LEFT = 1_000_000
BACKLOG = 1024
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
FLIGHT = (
    b'{"success":true,"message":"Successfully completed the request","data":{"id":%b,"flightNumber":"UK 808",'
    b'"departureAirportId":"DEL","arrivalAirportId":"BLR","price":%d,"totalSeats":%d},"error":{}}'
)


class Connection(asyncio.Protocol):
    """One client; its requests come one after the other. The latency is that of all."""

    latency_seconds: ClassVar[float] = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        unread = self._unread = self._unread + data
        end = unread.find(END_OF_HEAD)
        if end < 0:
            return
        found = CONTENT_LENGTH.search(unread, 0, end)
        length = int(found[1]) if found else 0
        if len(unread) < end + len(END_OF_HEAD) + length:
            return
        self._unread = b""
        response = _response(*unread.split(b" ", 2)[:2])
        if self.latency_seconds:
            asyncio.get_running_loop().call_later(self.latency_seconds, self._transport.write, response)
        else:
            self._transport.write(response)


def _response(method: bytes, path: bytes) -> bytes:
    words = path.split(b"/")
    if method == b"POST":
        Connection.latency_seconds = int(words[-1]) / 1000
    body = FLIGHT % (words[4] if len(words) > 4 else b"0", PRICE, SEATS_LEFT)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(os.environ["PORT"])))
