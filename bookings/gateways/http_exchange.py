"""
One HTTP exchange with another service, by libcurl: sent once, and bounded in time and in size as a whole.

One limit holds for all of it, from the look-up of the name to the last trailer, whatever comes a byte at a time.
See Note [Which request a response belongs to].
"""

# Note [Which request a response belongs to]
# HTTP/1.1 does not say which request a response belongs to: it is the next one on the connection. So a response that
# comes twice, or late, or after an informational one that was mistaken for it, is read by the next request as its own.
# A request whose response must not be mistaken has a connection of its own, which ends with the response.
# A kept connection is not used again after anything odd, nor while a byte waits on it. A byte that arrives after that
# check looks like a response: `Answer.was_kept` says where this is possible.
# libcurl repeats a request by itself when a kept connection turns out to be dead. On a new connection it never does,
# so a request that must not be sent twice is safe there.

import os
import re
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import certifi
import pycurl

# The head and the trailers of a response, and every informational response before it.
LARGEST_HEAD_BYTES = 16 * 1024

# A host name is looked up again after this, as it may point to another machine by then.
NAMES_HOLD_SECONDS = 5

# A kept connection to a peer that is not trusted is not used after this: its name may lead elsewhere by then.
CONNECTIONS_HOLD_SECONDS = 60

# Errors that end an exchange before its request. They are proof only if libcurl did not begin to send.
BEFORE_SENDING = {
    pycurl.E_URL_MALFORMAT,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_OPERATION_TIMEDOUT,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
}

# What libcurl would say by itself, and whether the connection ends with the response.
KEPT = ("Expect:", "User-Agent:")
ENDED = (*KEPT, "Connection: close")

# The HTTP versions that are read, and the status.
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: |\r?\n)")
SWITCHED = 101

WORDS: Mapping[int, str] = {
    pycurl.E_COULDNT_RESOLVE_HOST: "no such host",
    pycurl.E_COULDNT_CONNECT: "connection refused",
    pycurl.E_SSL_CONNECT_ERROR: "no TLS",
    pycurl.E_PEER_FAILED_VERIFICATION: "certificate not trusted",
    pycurl.E_GOT_NOTHING: "hung up without an answer",
    pycurl.E_PARTIAL_FILE: "answer cut",
    pycurl.E_RECV_ERROR: "connection broken",
    pycurl.E_SEND_ERROR: "connection broken",
    pycurl.E_UNSUPPORTED_PROTOCOL: "answer is not HTTP/1",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "answer is not HTTP/1",
    pycurl.E_BAD_CONTENT_ENCODING: "answer cannot be decoded",
}


class ExchangeFailed(OSError):
    """There is no response. The message contains no address."""


class NothingSent(ExchangeFailed):
    """No byte of the request has left this machine."""


class NoAnswer(ExchangeFailed):
    """The request may have been carried out; its response did not come, or is not valid."""


@dataclass(frozen=True, slots=True)
class Question:
    """
    A request. With `head_only` the body of the response is not waited for.

    With `addresses` the name in the url is not looked up: a socket is opened to one of these IP addresses, and to no
    other. The name is still what the certificate must be for.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    head_only: bool = False
    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A final response: headers by their names in lower case, and the decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    was_kept: bool


class HttpExchange:
    """
    Sends requests, each in the thread that asks, over connections of that thread alone.

    Follows no redirect, uses no stored password and no cookie, and speaks HTTP/1.1 to http and https addresses only; by
    a proxy only if one is named, and none of the environment's. A thread's connections end with it. A forked process
    uses none of its parent's. What certificates are signed by stands in `ca_file`.

    With `cuts_bodies`, for peers that are not trusted, a body that is too long, too slow or broken is cut, and its
    status stands; it is not unpacked.
    """

    def __init__(
        self,
        *,
        connect_seconds: float,
        largest_bytes: int,
        cuts_bodies: bool = False,
        ca_file: str = "",
        proxy: str = "",
    ) -> None:
        self._connect_seconds, self._largest_bytes = connect_seconds, largest_bytes
        self._cuts_bodies = cuts_bodies
        self._mine = _Mine(ca_file=ca_file, proxy=proxy, cuts_bodies=cuts_bodies)

    def send(self, question: Question, *, seconds: float, keep: bool = False) -> Answer:
        """
        Send one request and read its response; `keep` may use a kept connection, and keeps it for the next request.

        :raises NothingSent: if it is certain that no byte of the request went out
        :raises NoAnswer: if it may have been carried out
        """
        handle = self._mine.handle(keep=keep)
        reading = _Reading(self._largest_bytes, head_only=question.head_only, cuts_body=self._cuts_bodies)
        sockets = None if question.addresses is None else _Sockets(question.addresses)
        _prepare(handle, question, reading, keep=keep)
        if sockets is not None:
            sockets.belong_to(handle, question.url)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(self._connect_seconds, seconds) * 1000)))
        try:
            handle.perform()
        except pycurl.error as error:
            answer = reading.answer(handle) if reading.is_enough else None
            # Where nothing was sent there is no connection to end, and closing a handle would wait for its DNS lookup.
            if reading.was_sent:
                self._mine.drop(keep=keep)
            if answer is not None:
                return answer
            raise _failure(error.args[0], reading) from error
        finally:
            if sockets is not None:
                sockets.close()
        answer = reading.answer(handle)
        if reading.is_odd or not reading.head_is_over:
            self._mine.drop(keep=keep)
        if not reading.head_is_over:
            raise NoAnswer("answer cut")
        return answer


class _Mine(threading.local):
    """The libcurl handles of a thread, and with them its connections: one that is kept, one that is not."""

    def __init__(self, *, ca_file: str = "", proxy: str = "", cuts_bodies: bool = False) -> None:
        self._ca_file, self._proxy, self._cuts_bodies = ca_file, proxy, cuts_bodies
        self._pid = os.getpid()
        self._handles: dict[bool, pycurl.Curl] = {}

    def handle(self, *, keep: bool) -> pycurl.Curl:
        """Give a handle whose connection has no byte to read."""
        if self._pid != os.getpid():
            # The connections are the parent's: closing one here would close it for the parent.
            _OF_A_PARENT.extend(self._handles.values())
            self._pid, self._handles = os.getpid(), {}
        if keep and _has_something_to_read(self._handles.get(keep)):
            self.drop(keep=keep)
        if keep not in self._handles:
            self._handles[keep] = self._made(keep=keep)
        return self._handles[keep]

    def _made(self, *, keep: bool) -> pycurl.Curl:
        handle = _handle(keep=keep)
        handle.setopt(pycurl.CAINFO, self._ca_file or certifi.where())
        if self._proxy:
            handle.setopt(pycurl.PROXY, self._proxy)
            handle.setopt(pycurl.NOPROXY, "")
        if self._cuts_bodies:
            handle.setopt(pycurl.MAXLIFETIME_CONN, CONNECTIONS_HOLD_SECONDS)
        else:
            # No compression is asked for; a compressed response is read all the same.
            handle.setopt(pycurl.ACCEPT_ENCODING, "identity")
        return handle

    def drop(self, *, keep: bool) -> None:
        """End the connection, so that it is not used again."""
        handle = self._handles.pop(keep, None)
        if handle is not None:
            handle.close()


_OF_A_PARENT: list[pycurl.Curl] = []


def _has_something_to_read(handle: pycurl.Curl | None) -> bool:
    """Whether a kept connection has received anything since its last response, or has ended."""
    number = -1 if handle is None else handle.getinfo(pycurl.ACTIVESOCKET)
    if number < 0:
        return False
    look = select.poll()
    look.register(number, select.POLLIN)
    return bool(look.poll(0))


class _Reading:
    """What has arrived of a response so far."""

    def __init__(self, largest_bytes: int, *, head_only: bool, cuts_body: bool = False) -> None:
        self.head_is_over = False
        self.is_odd = False
        self.refusal = ""
        self.was_sent = False
        self._largest_bytes, self._head_only, self._cuts_body = largest_bytes, head_only, cuts_body
        self._head_bytes = 0
        self._is_informational = False
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @property
    def is_enough(self) -> bool:
        """Whether what has arrived is a response, although libcurl did not come to the end of it."""
        return self.head_is_over and (self._head_only or (self._cuts_body and not self.refusal))

    def take_line(self, line: bytes) -> int:
        """Process a status line, a header, the empty line after them, or a trailer; 0 stops libcurl."""
        if not self.was_sent:  # a proxy says that it has connected
            return len(line)
        self._head_bytes += len(line)
        if self._head_bytes > LARGEST_HEAD_BYTES:
            return self._refuse("answer too large")
        if self.head_is_over:  # a trailer decides nothing
            return len(line)
        if not line.strip():
            return self._end_of_head(len(line))
        if line.startswith(b"HTTP/"):
            return self._begin(line)
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            name, value = name.strip().lower(), value.strip()
            self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
        return len(line)

    def take_body(self, piece: bytes) -> int:
        """Process a piece of the decoded body; 0 stops libcurl."""
        self._body += piece
        if len(self._body) > self._largest_bytes:
            if self._cuts_body:
                del self._body[self._largest_bytes :]
                return 0
            return self._refuse("answer too large")
        return len(piece)

    def answer(self, handle: pycurl.Curl) -> Answer:
        """Build the response from what has arrived."""
        was_kept = handle.getinfo(pycurl.NUM_CONNECTS) == 0
        return Answer(handle.getinfo(pycurl.RESPONSE_CODE), self._headers, bytes(self._body), was_kept)

    def may_be_sent(self, *_addresses: object) -> int:
        """Note that a connection is there and that the request is about to be sent on it."""
        self.was_sent = True
        return int(pycurl.PREREQFUNC_OK)

    def _begin(self, line: bytes) -> int:
        """Begin a response, informational or final."""
        found = STATUS_LINE.match(line)
        status = int(found[1]) if found else SWITCHED
        if status == SWITCHED:  # no other protocol was asked for
            return self._refuse("answer is not HTTP/1")
        self._headers.clear()
        self._is_informational = status < HTTPStatus.OK
        return len(line)

    def _end_of_head(self, length: int) -> int:
        if self._is_informational:
            # The response comes after it; a server that sends one may send another after the response.
            self.is_odd = True
            return length
        self.head_is_over = True
        lengths = {each.strip() for each in self._headers.get("content-length", "").split(",")}
        if len(lengths) > 1 or ("transfer-encoding" in self._headers and lengths != {""}):
            # A proxy on the way may see the end elsewhere, and so another response behind it.
            return self._refuse("answer with two lengths")
        return 0 if self._head_only else length

    def _refuse(self, why: str) -> int:
        self.refusal = why
        return 0


class _Sockets:
    """Opens sockets to these IP addresses, and to no others, whatever libcurl makes of a name."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses
        self._opened: list[socket.socket] = []

    def belong_to(self, handle: pycurl.Curl, url: str) -> None:
        """Let the next request of a handle use these sockets; its name leads to the addresses without a look-up."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        led = ",".join(f"[{each}]" if ":" in each else each for each in self._addresses)
        # Of an IP address in the place of a name the entry is not used.
        handle.setopt(pycurl.RESOLVE, [f"{parts.hostname}:{port}:{led}"])
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open)

    def close(self) -> None:
        """Close what libcurl has made a copy of."""
        for each in self._opened:
            each.close()

    def _open(self, _purpose: int, to: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        family, kind, protocol, address = to
        if address[0] not in self._addresses:
            return int(pycurl.SOCKET_BAD)
        self._opened.append(socket.socket(family, kind, protocol))
        return self._opened[-1]


def _handle(*, keep: bool) -> pycurl.Curl:
    """Make a handle with every option that libcurl must and must not use, whatever it is asked for."""
    handle = pycurl.Curl()
    set_to = handle.setopt
    set_to(pycurl.FRESH_CONNECT, not keep)
    set_to(pycurl.FORBID_REUSE, not keep)
    set_to(pycurl.MAXCONNECTS, 1)
    set_to(pycurl.DNS_CACHE_TIMEOUT, NAMES_HOLD_SECONDS)
    set_to(pycurl.NOSIGNAL, 1)
    set_to(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    set_to(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    set_to(pycurl.HTTP09_ALLOWED, 0)
    set_to(pycurl.FOLLOWLOCATION, 0)
    set_to(pycurl.PROXY, "")
    set_to(pycurl.NOPROXY, "*")
    set_to(pycurl.NETRC, pycurl.NETRC_IGNORED)
    set_to(pycurl.SSL_VERIFYPEER, 1)
    set_to(pycurl.SSL_VERIFYHOST, 2)
    set_to(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    return handle


def _prepare(handle: pycurl.Curl, question: Question, reading: _Reading, *, keep: bool) -> None:
    """Set every option that is a request's own: nothing is left of the request before it."""
    set_to = handle.setopt
    set_to(pycurl.URL, question.url)
    set_to(pycurl.HTTPGET, 1)  # nothing is left of an earlier body
    if question.body is not None:
        set_to(pycurl.POSTFIELDSIZE, len(question.body))
        set_to(pycurl.COPYPOSTFIELDS, question.body)
    set_to(pycurl.CUSTOMREQUEST, question.method)
    # A header without a value is not sent.
    headers = [f"{name}: {value}" if value else f"{name}:" for name, value in question.headers.items()]
    set_to(pycurl.HTTPHEADER, [*headers, *(KEPT if keep else ENDED)])
    set_to(pycurl.HEADERFUNCTION, reading.take_line)
    set_to(pycurl.WRITEFUNCTION, reading.take_body)
    set_to(pycurl.PREREQFUNCTION, reading.may_be_sent)


def _failure(code: int, reading: _Reading) -> ExchangeFailed:
    if not reading.was_sent and code in BEFORE_SENDING:
        return NothingSent("no connection in time" if code == pycurl.E_OPERATION_TIMEDOUT else _word(code))
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return NoAnswer("answer too slow")
    return NoAnswer(reading.refusal or _word(code))


def _word(code: int) -> str:
    return WORDS.get(code, f"libcurl error {code}")
