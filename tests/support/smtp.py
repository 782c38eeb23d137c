"""A mail server that fails where a test says, on real connections."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from devtools.processes import HOST

USER, PASSWORD = "bookings", "a password of it"

# What a server can do besides answering.
DROP, SILENT = "drop", "silent"
PHASES = ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")


class Drip:
    """An answer that comes one byte at a time."""

    def __init__(self, content: bytes, every_seconds: float) -> None:
        self.content, self.every_seconds = content, every_seconds


Does = str | bytes | Drip | None


class Inbox:
    """
    What a server does in each phase, and what it took over.

    `does` names a phase: greeting, each command, body (after 354), or dot. A text is its answer; bytes are sent as they
    are.
    """

    def __init__(self) -> None:
        self.does: dict[str, Does] = {}
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.logged_in: list[bytes] = []
        self.said: list[str] = []

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logged_in.append(data.login)
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        does = self.does.get("dot", "250 2.0.0 queued as 4711")
        return does if isinstance(does, str) and does not in (DROP, SILENT) else await server.do(does)


class _Server(SMTP):
    """Goes through the plan of an inbox, phase by phase."""

    inbox: Inbox

    async def push(self, status: Any) -> None:
        begins = str(status).startswith("220 ") and not self.session.host_name
        if begins and "greeting" in self.inbox.does and not self.session.ssl:
            await self.do(self.inbox.does["greeting"])
        else:
            await super().push(status)

    async def _phase(self, name: str, arg: str, usual: Callable[[str], Any]) -> None:
        self.inbox.said.append(f"{name} {arg}".strip())
        if name in self.inbox.does:
            await self.do(self.inbox.does[name])
        elif name == "DATA" and "body" in self.inbox.does:
            await super().push("354 go on")
            await asyncio.sleep(0.1)
            await self.do(self.inbox.does["body"])
        else:
            await usual(arg)

    async def do(self, does: Does) -> str:
        if does == DROP:
            self.transport.abort()
        elif does == SILENT:
            try:
                await asyncio.sleep(60)
            finally:
                self.transport.abort()
        elif isinstance(does, Drip):
            for place in range(len(does.content)):
                self._writer.write(does.content[place : place + 1])
                await asyncio.sleep(does.every_seconds)
        elif isinstance(does, bytes):
            self._writer.write(does)
        else:
            await super().push(does)
        return "250 no one hears it"


def _going_through(name: str) -> Callable[..., Any]:
    usual = getattr(SMTP, f"smtp_{name}")

    async def command(self: _Server, arg: str) -> None:
        await self._phase(name, arg, lambda given: usual(self, given))

    for mark in ("__smtp_syntax__", "__smtp_syntax_extended__", "__smtp_syntax_when__"):
        if hasattr(usual, mark):
            setattr(command, mark, getattr(usual, mark))
    return command


for _name in PHASES:
    setattr(_Server, f"smtp_{_name}", _going_through(_name))


class _House(Controller):
    def __init__(
        self, inbox: Inbox, *, at_once: bool, context: ssl.SSLContext | None, narrow: bool, **options: Any
    ) -> None:
        self._narrow = narrow
        self._options = {**options, "tls_context": None if at_once else context, "hostname": "mail.test"}
        super().__init__(inbox, hostname=HOST, port=0, ssl_context=context if at_once else None)

    def factory(self) -> _Server:
        server = _Server(self.handler, enable_SMTPUTF8=False, **self._options)
        server.inbox = self.handler
        return server

    def _create_server(self) -> Any:
        self.listener = socket.create_server((HOST, 0))
        if self._narrow:
            # With a small window, in small pieces, a large mail cannot be on its way as a whole.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.port = self.listener.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=self.listener, ssl=self.ssl_context)

    def _trigger_server(self) -> None:
        """Connect as a test does, and hang up: the first connection makes the server."""
        socket.create_connection((HOST, self.port), timeout=5).close()


@contextmanager
def a_mail_server(
    *, certificate: tuple[Path, Path] | None = None, at_once: bool = False, narrow: bool = False
) -> Iterator[tuple[Inbox, int]]:
    """Run a mail server; give its inbox and its port. With a certificate it offers TLS, and wants a password."""
    inbox, context, options = Inbox(), None, {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        options = {"authenticator": inbox.authenticate, "auth_required": not at_once, "auth_require_tls": not at_once}
    house = _House(inbox, at_once=at_once, context=context, narrow=narrow, **options)
    house.start()
    inbox.said.clear()
    try:
        yield inbox, house.port
    finally:
        house.stop()
