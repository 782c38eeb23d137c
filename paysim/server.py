"""Sockets: a connection answers one request at a time, with whatever fault is due."""

import asyncio
import contextlib
import itertools
import sqlite3
import sys
import time
from collections import deque
from http import HTTPStatus
from typing import Any

from paysim import api, controls, page
from paysim.account import Account
from paysim.api import Api
from paysim.controls import Controls
from paysim.courier import Courier
from paysim.errors import failed, key_in_use, object_is_locked, too_many_requests
from paysim.faults import Fault
from paysim.garbage import BAD_GATEWAY, garbage
from paysim.wire import MAX_HEAD_BYTES, Malformed, Reply, Request, read_request, render

# Long enough for a client on the same machine to read why it was refused before the connection is cut.
LINGER_SECONDS = 1.0
# Of an answer that drips: each byte is early enough for a client that limits the pause between two of them.
DRIP_SECONDS = 0.1


class Server:
    """Takes requests from all connections."""

    def __init__(
        self, account: Account, courier: Courier, secrets: list[str], restricted: dict[str, frozenset[str]]
    ) -> None:
        self._account, self._courier = account, courier
        self._api = Api(account, secrets, restricted)
        self._log: deque[dict[str, Any]] = deque(maxlen=controls.MAX_LOG)
        self._controls = Controls(account, courier, self._log)
        self._garbled = itertools.count()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client leaves, or a fault ends it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while True:
                    request = await read_request(reader)
                    if request is None or not await self._serve(request, reader, writer):
                        break
            except Malformed as error:
                reply = Reply(error.status, api.as_json({"error": {"message": str(error)}}))
                writer.write(render(reply, keep_alive=False))
                # Closing at once, with bytes unread, would reset the connection and take the answer with it.
                writer.write_eof()
                await asyncio.sleep(LINGER_SECONDS)
            finally:
                writer.close()

    async def _serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request, and tell whether the connection goes on."""
        if not request.path.startswith(api.PREFIX):
            reply = await self._beside(request)
            self._courier.wake()
            writer.write(render(reply, keep_alive=request.keep_alive))
            await writer.drain()
            return request.keep_alive
        fault = self._account.faults.draw(request.method, request.path)
        entry = self._logged(request, fault)
        if fault is Fault.HANG:
            await reader.read()
            return False
        if fault is Fault.DROP_REQUEST:
            return False
        reply = self._before_keys(request, fault) or await self._carry_out(request, fault)
        self._courier.wake()
        entry |= {"status": reply.status, "answer": reply.body.decode("utf-8", "replace")}
        return await _send(writer, request, reply, fault)

    def _logged(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """Remember a request; its answer is added when there is one."""
        entry: dict[str, Any] = {
            "at": time.time(),
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "form": request.body.decode("utf-8", "replace"),
            "key": request.headers.get("idempotency-key"),
            "version": request.headers.get("stripe-version"),
            "fault": fault.name.lower() if fault else None,
            "status": None,
            "answer": None,
        }
        self._log.append(entry)
        return entry

    def _before_keys(self, request: Request, fault: Fault | None) -> Reply | None:
        """Return the answer of a fault that comes before any key is looked at."""
        match fault:
            case Fault.RATE_LIMIT:
                return self._api.refusal(request, too_many_requests())
            case Fault.LOCK_TIMEOUT:
                return self._api.refusal(request, object_is_locked())
            case Fault.CONFLICT:
                return self._api.refusal(request, key_in_use(request.headers.get("idempotency-key", "")))
            case Fault.BAD_GATEWAY:
                return BAD_GATEWAY
        return None

    async def _carry_out(self, request: Request, fault: Fault | None) -> Reply:
        """
        Wait, then carry out a request of the API. Its key is in use meanwhile.

        A client that leaves meanwhile changes nothing: what it asked for is done all the same, as at a slow service.
        """
        refused = self._api.begin(request)
        if refused is not None:
            return refused
        try:
            seconds = self._account.faults.latency_seconds(request.method, request.path)
            if seconds:
                await asyncio.sleep(seconds)
            reply = self._api.answer(request, fault)
        except sqlite3.Error as error:
            _complain(error)
            reply = self._api.refusal(request, failed())
        finally:
            self._api.end(request)
        return garbage(next(self._garbled)) if fault is Fault.GARBAGE else reply

    async def _beside(self, request: Request) -> Reply:
        """Answer what is not Stripe's API: the page, and what tests ask of this program."""
        try:
            if request.path.startswith(page.PREFIX) and request.method in ("GET", "POST"):
                return page.answer(self._account, request)
            if request.path.startswith(controls.PREFIX):
                return await self._controls.answer(request)
        except sqlite3.Error as error:
            _complain(error)
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, api.as_json({"error": {"message": "the store failed"}}))
        return self._api.answer(request)


def _complain(error: Exception) -> None:
    print(f"paysim: the store failed: {error}", file=sys.stderr, flush=True)


async def _send(writer: asyncio.StreamWriter, request: Request, reply: Reply, fault: Fault | None) -> bool:
    rendered = render(reply, keep_alive=request.keep_alive)
    match fault:
        case Fault.DROP_REPLY:
            return False
        case Fault.CUT:
            # In the middle of the body: the head promises more than comes.
            writer.write(rendered[: len(rendered) - len(reply.body) // 2 - 1])
            await writer.drain()
            return False
        case Fault.DRIP:
            for place in range(len(rendered)):
                writer.write(rendered[place : place + 1])
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
            return False
    writer.write(rendered)
    await writer.drain()
    return request.keep_alive


async def listen(server: Server, host: str, port: int) -> asyncio.Server:
    """
    Begin to take connections.

    :raises OSError: if the port is taken
    """
    return await asyncio.start_server(server.connect, host, port, limit=MAX_HEAD_BYTES, backlog=1024)
