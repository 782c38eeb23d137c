"""One request over a connection of its own, and all of its answer."""

from collections.abc import Mapping
from http.client import HTTPConnection
from typing import NamedTuple

from devtools.processes import HOST

# Far longer than the service takes for anything, however loaded the machine is.
ANSWER_SECONDS = 30.0


class Reply(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """
    Send one request to a server on this machine.

    :raises OSError: if nobody listens, or the connection breaks before the answer
    :raises HTTPException: if it breaks in the middle of the answer, or that makes no sense
    """
    peer = HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        peer.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = peer.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())
    finally:
        peer.close()
