"""HTTP/1.1: reads requests from a stream, renders answers. Knows nothing of payments."""

import asyncio
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024

JSON = "application/json"
HTML = "text/html; charset=utf-8"

_REQUEST_LINE = re.compile(r"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.([01])")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,12}")


class Malformed(Exception):
    """What arrived is no request; the answer is an error and the end of the connection."""

    def __init__(self, status: HTTPStatus, explanation: str) -> None:
        super().__init__(explanation)
        self.status = status


class Request(NamedTuple):
    """One request; header names in lower case, `path` decoded and without the query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """
    Read the next request; None when the client has said all.

    Reads bodies by their Content-Length only: a chunked one is refused.

    :raises Malformed: if what arrived is no request
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise Malformed(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large") from error
    request_line, *header_lines = head[:-4].decode("latin-1").split("\r\n")
    matched = _REQUEST_LINE.fullmatch(request_line)
    if matched is None:
        raise Malformed(HTTPStatus.BAD_REQUEST, "The request line cannot be read")
    method, target, minor_version = matched.groups()
    headers = _headers(header_lines)
    path, _, query = target.partition("?")
    keep_alive = minor_version == "1" and headers.get("connection", "").lower() != "close"
    body = await reader.readexactly(_body_length(headers))
    return Request(method, unquote(path), query, headers, body, keep_alive)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or _HEADER_NAME.fullmatch(name) is None:
            raise Malformed(HTTPStatus.BAD_REQUEST, "A header line cannot be read")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body_length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Malformed(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length, not a transfer encoding")
    announced = headers.get("content-length", "0")
    if _CONTENT_LENGTH.fullmatch(announced) is None:
        raise Malformed(HTTPStatus.BAD_REQUEST, "The Content-Length cannot be read")
    if int(announced) > MAX_BODY_BYTES:
        raise Malformed(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {MAX_BODY_BYTES} bytes")
    return int(announced)


def render(reply: Reply, *, keep_alive: bool) -> bytes:
    """Return the bytes of an answer."""
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
        *(() if keep_alive else ("Connection: close",)),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body
