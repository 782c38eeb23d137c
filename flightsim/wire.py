"""HTTP/1.1 as bytes: takes requests out of a buffer, writes replies. Opens no socket and knows no flight."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

# A request line and the headers of a client behind two proxies stay well below this.
MAX_HEAD_BYTES = 16 * 1024

# The largest sensible body is {"seats": 10, "dec": 1}; the rest is room for mistakes worth an answer.
MAX_BODY_BYTES = 64 * 1024

JSON = b"application/json; charset=utf-8"
HTML = b"text/html; charset=utf-8"

_END_OF_HEAD = b"\r\n\r\n"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE = re.compile(r"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.([01])")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,12}")
_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


class Malformed(Exception):
    """What arrived can only be answered by an error and the end of the connection."""

    def __init__(self, status: HTTPStatus, explanation: str) -> None:
        super().__init__(explanation)
        self.status = status


class Request(NamedTuple):
    """One request; `path` without the query string, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class Reply:
    """One answer; `extra` holds further header lines, each with its line end."""

    status: int
    body: bytes
    content_type: bytes = JSON
    extra: bytes = b""


def take_request(unread: bytearray) -> Request | None:
    """
    Remove the first request from the buffer and return it, or None if it has not arrived as a whole.

    Reads bodies by their Content-Length only: a chunked one is refused.

    :raises Malformed: if no later byte could make a request of it; the buffer is useless then
    """
    end = unread.find(_END_OF_HEAD, 0, MAX_HEAD_BYTES)
    if end < 0:
        if len(unread) >= MAX_HEAD_BYTES:
            raise Malformed(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large")
        return None
    request_line, *header_lines = _lines(unread[:end].decode("latin-1"))
    matched = _REQUEST_LINE.fullmatch(request_line)
    if matched is None:
        raise Malformed(HTTPStatus.BAD_REQUEST, "The request line cannot be read")
    method, target, minor_version = matched.groups()
    headers = _headers(header_lines)
    body_start = end + len(_END_OF_HEAD)
    body_end = body_start + _body_length(headers)
    if len(unread) < body_end:
        return None
    body = bytes(unread[body_start:body_end])
    del unread[:body_end]
    # An HTTP/1.0 client would have to ask for keep-alive and be told that it got it: not worth the code.
    keep_alive = minor_version == "1" and headers.get("connection", "").lower() != "close"
    return Request(method, target.partition("?")[0], headers, body, keep_alive)


def _lines(head: str) -> list[str]:
    lines = head.split("\r\n")
    # A lone CR or LF may be a line end to a proxy and not to this parser, or the other way round.
    if "\0" in head or head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
        raise Malformed(HTTPStatus.BAD_REQUEST, "The request's head has stray control characters")
    return lines


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or _HEADER_NAME.fullmatch(name) is None:
            raise Malformed(HTTPStatus.BAD_REQUEST, "A header line cannot be read")
        name = name.lower()
        value = value.strip(" \t")
        # Joined as the standard says; a doubled Content-Length or key becomes invalid by its comma.
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body_length(headers: dict[str, str]) -> int:
    """Return the body's length in bytes, 0 where none is announced."""
    if "transfer-encoding" in headers:
        raise Malformed(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length, not a transfer encoding")
    announced = headers.get("content-length", "0")
    if _CONTENT_LENGTH.fullmatch(announced) is None:
        raise Malformed(HTTPStatus.BAD_REQUEST, "The Content-Length cannot be read")
    length = int(announced)
    if length > MAX_BODY_BYTES:
        raise Malformed(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {MAX_BODY_BYTES} bytes")
    return length


# What some proxies send before an answer, and a hurried one behind it as well.
INFORMATIONAL = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


def render(reply: Reply, *, keep_alive: bool, with_body: bool = True) -> bytes:
    """Return the bytes of an answer; `with_body=False` is for HEAD, which announces a body and sends none."""
    return b"%sContent-Type: %s\r\nContent-Length: %d\r\n%s%s\r\n%s" % (
        _STATUS_LINES[reply.status],
        reply.content_type,
        len(reply.body),
        reply.extra,
        b"" if keep_alive else b"Connection: close\r\n",
        reply.body if with_body else b"",
    )
