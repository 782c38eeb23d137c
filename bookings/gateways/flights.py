"""
The Flight Service over HTTP.

The only file that knows its addresses, its spellings and its status codes. An exchange whose end is not
seen is *unknown*, never failed: the request may have been carried out.
"""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLCertVerificationError
from threading import Lock
from typing import Any

import requests
import structlog
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from bookings.gateways.bounded_answers import AnswerRefused, read_bounded
from bookings.ports import (
    Applied,
    Flight,
    FlightsUnreachable,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    SeatOutcome,
    Unknown,
    UnknownFlight,
)

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 0.5
READ_SECONDS = 2.0
GET_TRIES = 2

# A flight is a few hundred bytes; more is somebody else answering.
LARGEST_ANSWER_BYTES = 64 * 1024

# Connections that are kept open; more calls than this at once open their own and close them again.
POOL_SIZE = 32

# Ten seats at this price still fit the database's integers, and a JavaScript client's.
HIGHEST_PRICE = 10**14

# A price this old may still be promised to a client that asked to be answered later.
RECALL_SECONDS = 300.0
RECALL_FLIGHTS = 1_000

CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# A refusal in these words is final for its key; any other 4xx is a mistake, except those that say "later".
FINAL: dict[str, Callable[[], SeatOutcome]] = {"insufficient_seats": NoSeats, "flight_not_found": NoFlight}
UNDECIDED = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer that was read whole: its status, its envelope, and the pause it asks for, in seconds."""

    status: int
    envelope: dict[str, Any]
    retry_after: float | None

    @property
    def code(self) -> str:
        """The peer's own word for an error, if it is one: it goes into the log and the database."""
        error = self.envelope.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return code if isinstance(code, str) and CODE.fullmatch(code) else ""


class _OnePeer(HTTPAdapter):
    """
    Connections to one address; not safe for two.

    For each request `requests` would look for the pool and the proxy of its address again, and a session
    for passwords and cookies: a fifth of what a call costs, and none of them may steer these calls.
    """

    _pool: ConnectionPool | None = None

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, verify=True)
        return self._pool

    def request_url(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> str:
        return request.path_url


class HttpFlightService:
    """
    The port over HTTP, with one connection pool.

    Follows no redirect, uses no proxy or password from the environment, and reads at most 64 KiB. Repeats a
    GET once; a change of seats is sent once, its repetition is the caller's.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._adapter = _OnePeer(pool_connections=1, pool_maxsize=POOL_SIZE, max_retries=0, pool_block=False)
        self._recalled: OrderedDict[int, tuple[float, Flight]] = OrderedDict()
        self._lock = Lock()

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        ends_at = time.monotonic() + seconds
        url = f"{self._base_url}/api/v1/flights/{int(flight_id)}"
        for _ in range(GET_TRIES):
            reply = self._exchange("GET", url, seconds=ends_at - time.monotonic())
            if isinstance(reply, _Reply) and reply.status == HTTPStatus.OK:
                flight = _flight(flight_id, reply.envelope.get("data"))
                if flight is not None:
                    self._remember(flight)
                    return flight
            if isinstance(reply, _Reply) and _says_there_is_no_flight(reply):
                raise UnknownFlight(flight_id)
            log.warning("gateway.flights.get_failed", flight=flight_id, outcome=_describe(reply))
        raise FlightsUnreachable(flight_id)

    def recall_flight(self, flight_id: int) -> Flight | None:
        with self._lock:
            read_at, flight = self._recalled.get(flight_id, (0.0, None))
        return flight if flight is not None and time.monotonic() - read_at <= RECALL_SECONDS else None

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        # JSON integers: the original peer reads `true` as zero, and gives seats back for it.
        body = json.dumps({"seats": int(change.seats), "dec": 1 if change.take else 0}).encode()
        url = f"{self._base_url}/api/v1/flights/{int(change.flight_id)}/seats"
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(change.key)}
        reply = self._exchange("PATCH", url, seconds=seconds, body=body, headers=headers)
        outcome = reply if isinstance(reply, NotSent | Unknown) else _outcome(reply, take=change.take)
        if not isinstance(outcome, Applied | NoSeats | NoFlight):
            log.warning("gateway.flights.patch_failed", flight=change.flight_id, outcome=repr(outcome))
        return outcome

    def _exchange(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> _Reply | NotSent | Unknown:
        """Send one request and read its answer. Raises nothing that a network can do."""
        if seconds <= 0:
            return NotSent("no time left")
        ends_at = time.monotonic() + seconds
        # Filled in by hand: everything here is known to be well formed, and checking it again costs as much
        # as sending it.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = method, url, body
        prepared.headers = CaseInsensitiveDict({"Accept": "application/json", **(headers or {})})
        if body is not None:
            prepared.headers["Content-Length"] = str(len(body))
        timeout = (min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds))
        try:
            response = self._adapter.send(prepared, timeout=timeout, stream=True)
            with response:
                return _read(response, ends_at)
        except requests.RequestException as error:
            why = type(error).__name__
            return NotSent(why) if _was_never_sent(error) else Unknown(why)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            # While the body was read, or over a header that makes no sense: the request was sent.
            return Unknown(type(error).__name__)

    def _remember(self, flight: Flight) -> None:
        with self._lock:
            self._recalled[flight.id] = (time.monotonic(), flight)
            self._recalled.move_to_end(flight.id)
            if len(self._recalled) > RECALL_FLIGHTS:
                self._recalled.popitem(last=False)


def _read(response: requests.Response, ends_at: float) -> _Reply | Unknown:
    """Read a bounded answer in bounded time, and insist that it is a JSON object."""
    try:
        content = read_bounded(response, largest=LARGEST_ANSWER_BYTES, ends_at=ends_at)
    except AnswerRefused as error:
        return Unknown(str(error))
    try:
        envelope = json.loads(content)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        return Unknown(f"answer {response.status_code} is not a JSON object", _retry_after(response))
    return _Reply(response.status_code, envelope, _retry_after(response))


def _outcome(reply: _Reply, *, take: bool) -> SeatOutcome:
    # A 2xx that does not say so itself is no proof that the seats have moved.
    if 200 <= reply.status < 300 and reply.envelope.get("success") is True:
        return Applied()
    why = f"{reply.status} {reply.code}".strip()
    final = FINAL.get(reply.code)
    if final is not None and 400 <= reply.status < 500:
        return final() if take else Mistake(why)
    is_running = reply.status == HTTPStatus.CONFLICT and reply.code == "in_progress"
    if reply.status in UNDECIDED or is_running or not 400 <= reply.status < 500:
        return Unknown(why, reply.retry_after)
    return Mistake(why)


def _says_there_is_no_flight(reply: _Reply) -> bool:
    """The original peer names no code; its envelope tells its 404 from a proxy's."""
    return reply.status == HTTPStatus.NOT_FOUND and reply.envelope.get("success") is False


def _flight(flight_id: int, data: Any) -> Flight | None:
    """Check a flight's types; None is an answer that cannot be used."""
    if not isinstance(data, dict) or data.get("id", flight_id) != flight_id:
        return None
    price, seats_left = data.get("price"), data.get("totalSeats")
    if type(price) is not int or type(seats_left) is not int or not 0 <= price <= HIGHEST_PRICE:
        return None
    capacity = data.get("capacity")  # the original peer shows none
    if type(capacity) is not int or capacity < 0:
        capacity = None
    # The original peer may have oversold: below zero there are no seats, which is an answer.
    return Flight(id=flight_id, price=price, seats_left=max(0, seats_left), capacity=capacity)


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


def _was_never_sent(error: requests.RequestException) -> bool:
    """Only what happens before the first byte goes out proves that nothing was carried out."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason: Any = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NewConnectionError):  # refused, unreachable, or no such host
        return True
    # A certificate is checked before the request; any other TLS error may come in the middle of the answer.
    return isinstance(reason, urllib3.exceptions.SSLError) and any(
        isinstance(detail, SSLCertVerificationError) for detail in reason.args
    )


def _describe(reply: _Reply | NotSent | Unknown) -> str:
    return f"{reply.status} {reply.code}".strip() if isinstance(reply, _Reply) else repr(reply)
