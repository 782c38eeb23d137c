"""Sockets: a connection answers one request at a time, the desk decides those of a turn together."""

import asyncio
import itertools
from collections.abc import Callable
from typing import NamedTuple, cast

from flightsim.answers import failure
from flightsim.faults import Fault, Faults
from flightsim.fixed_flights import FixedFlights
from flightsim.freezing import Pool
from flightsim.garbage import garbage
from flightsim.routes import FlightService, flight_in, is_flight_path
from flightsim.tally import Tally
from flightsim.wire import (
    INFORMATIONAL,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Malformed,
    Reply,
    Request,
    render,
    take_request,
)

# Long enough for a client on the same machine to read why it was refused before the connection is cut.
LINGER_SECONDS = 1.0

# Of an answer that drips: each byte is early enough for a client that limits the pause between two of them.
DRIP_SECONDS = 0.1

# The largest request there is. Beyond it, a client that pipelines is not read from until it is answered.
MAX_UNREAD_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES


class Connection(asyncio.Protocol):
    """
    One client's connection.

    Further requests wait in the buffer while one is being answered, so answers leave in order. It has no
    time limit of its own: a client that sends half a request keeps its connection until it leaves.
    """

    _transport: asyncio.Transport

    def __init__(
        self,
        accept: Callable[["Connection", Request], None],
        connections: set["Connection"],
    ) -> None:
        self._accept = accept
        self._connections = connections
        self._unread = bytearray()
        self._answering: Request | None = None
        self._deaf = False
        self._client_reads = True
        self._client_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unread += data
        if self._answering is None:
            self._read_request()
        if len(self._unread) > MAX_UNREAD_BYTES:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        # A client may finish sending and still wait for its answer; a deaf connection will send none.
        self._client_done = True
        return self._answering is not None and not self._deaf

    def pause_writing(self) -> None:
        self._client_reads = False

    def resume_writing(self) -> None:
        self._client_reads = True
        if self._answering is None:
            self._read_request()

    def answer(self, reply: Reply, *, first: bytes = b"") -> None:
        """
        Send the reply to the request in hand and turn to the next; nothing if the client has left.

        `first` goes out before it, in a piece of its own.
        """
        request, self._answering = self._answering, None
        if request is None or self._transport.is_closing():
            return
        with_body = request.method != "HEAD"
        if first:
            self._transport.write(first)
        self._transport.write(render(reply, keep_alive=request.keep_alive, with_body=with_body))
        if not request.keep_alive:
            self._transport.close()
            return
        self._transport.resume_reading()
        self._read_request()

    def close(self) -> None:
        """Hang up, without an answer to the request in hand."""
        self._answering = None
        self._transport.close()

    def drip(self, reply: Reply) -> None:
        """Send the reply a byte at a time and never read again; ends with it, or when the client leaves."""
        self._deaf = True
        self._drip(render(reply, keep_alive=False))

    def _drip(self, unsent: bytes) -> None:
        if self._transport.is_closing():
            return
        if not unsent:
            self.close()
            return
        self._transport.write(unsent[:1])
        asyncio.get_running_loop().call_later(DRIP_SECONDS, self._drip, unsent[1:])

    def hang(self) -> None:
        """Never answer, and never read again; ends when the client leaves."""
        self._deaf = True

    def _read_request(self) -> None:
        if self._deaf or not self._client_reads or self._transport.is_closing():
            return
        try:
            request = take_request(self._unread)
        except Malformed as error:
            self._refuse(error)
            return
        if request is not None:
            self._answering = request
            self._accept(self, request)
        elif self._client_done:
            self._transport.close()

    def _refuse(self, error: Malformed) -> None:
        reply = failure(error.status, "invalid_request", str(error))
        self._transport.write(render(reply, keep_alive=False))
        # Closing at once, with bytes of the client still unread, would reset the connection and take the
        # answer with it. So: no more from this side, and whatever comes is thrown away.
        self._deaf = True
        self._unread.clear()
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)


class _Waiting(NamedTuple):
    connection: Connection
    request: Request
    fault: Fault | None


class Desk:
    """
    Takes requests from all connections, applies the faults, and answers the requests of a turn together.

    A turn is one round of the event loop; together means in one transaction, committed before the first
    of them is answered. A busy server so pays for one commit per turn, a quiet one for one per request.
    """

    def __init__(self, service: FlightService, faults: Faults, fixed: FixedFlights, tally: Tally, pool: Pool) -> None:
        self._pool = pool
        self._service = service
        self._faults, self._fixed = faults, fixed
        self._tally = tally
        self._waiting: list[_Waiting] = []
        self._garbled = itertools.count()

    def accept(self, connection: Connection, request: Request) -> None:
        """
        Take a request, to be answered later or, by a fault, never.

        The latency passes *before* anything is decided, and a client that leaves meanwhile changes nothing:
        its request is decided all the same, as a slow service would.
        """
        if not is_flight_path(request.path):
            self._queue(connection, request, None)
            return
        now = asyncio.get_running_loop().time()
        if request.method == "PATCH" and self._pool.enter(now):
            self._tally.add("freezes")
        flight_id = flight_in(request.path)
        fault = self._faults.draw(request.method) or self._fixed.fault(flight_id, request, now)
        latency_seconds = self._faults.latency_seconds(request.method) + self._fixed.wait_seconds(flight_id)
        self._in_a_while(latency_seconds, now, connection, request, fault)

    def _in_a_while(
        self, seconds: float, began: float, connection: Connection, request: Request, fault: Fault | None
    ) -> None:
        """Go on with a request of flights when its latency, and whatever freezes this service, is over."""
        loop = asyncio.get_running_loop()
        seconds = seconds or self._pool.frozen_for(loop.time())
        if seconds:
            loop.call_later(seconds, self._in_a_while, 0.0, began, connection, request, fault)
            return
        if request.method == "PATCH" and not self._pool.leave(began=began):
            fault = Fault.FAIL
        self._queue(connection, request, fault)

    def answer_turn(self) -> None:
        """Decide everything that waits, commit, then answer."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            replies = self._service.answer_all([each.request for each in waiting])
        except Exception:
            # A mistake in this program. The event loop prints it; the clients must not wait forever.
            for each in waiting:
                each.connection.close()
            raise
        for each, reply in zip(waiting, replies, strict=True):
            match each.fault:
                case Fault.DROP_REPLY:
                    self._tally.add("dropped_replies")
                    each.connection.close()
                case Fault.GARBAGE:
                    self._tally.add("garbled")
                    each.connection.answer(garbage(next(self._garbled)))
                case Fault.INFORMATIONAL:
                    self._tally.add("hinted")
                    each.connection.answer(reply, first=INFORMATIONAL)
                case Fault.DRIP:
                    self._tally.add("dripped")
                    each.connection.drip(reply)
                case _:
                    each.connection.answer(reply)

    def _queue(self, connection: Connection, request: Request, fault: Fault | None) -> None:
        match fault:
            case Fault.FAIL | Fault.UNAVAILABLE:
                # Not answered from here: that would read the client's next request, and so recurse.
                asyncio.get_running_loop().call_soon(connection.answer, self._service.failed(fault))
            case Fault.DROP_REQUEST:
                self._tally.add("dropped_requests")
                connection.close()
            case Fault.HANG:
                self._tally.add("hung")
                connection.hang()
            case Fault.DROP_REPLY | Fault.GARBAGE | Fault.INFORMATIONAL | Fault.DRIP | None:
                if not self._waiting:
                    asyncio.get_running_loop().call_soon(self.answer_turn)
                self._waiting.append(_Waiting(connection, request, fault))
