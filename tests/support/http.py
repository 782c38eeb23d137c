"""One request over a connection of its own, and all of its answer."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple

from devtools.processes import HOST

# Far longer than the service takes for anything, however loaded the machine is.
ANSWER_SECONDS = 30.0


class Reply(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)


# No answer at all: neither a status nor a body.
NO_REPLY = Reply(0, {}, b"")


def exchange(port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """
    Send one request to a server on this machine; a body that is not bytes is sent as JSON.

    :raises OSError: if nothing listens, or the connection breaks before the answer
    :raises HTTPException: if it breaks in the middle of the answer, or that makes no sense
    """
    peer = HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        return exchange_on(peer, method, path, body, headers)
    finally:
        peer.close()


def exchange_on(
    peer: HTTPConnection, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Do the same on a connection that is there, and stays."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    peer.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
    answer = peer.getresponse()
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(answer.status, named, answer.read())
