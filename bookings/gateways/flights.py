"""
The Flight Service over HTTP.

The only file that knows its addresses; `flight_answers` knows what it says. An exchange whose end is not seen
is *unknown*, never failed: the request may have been carried out.
"""

import functools
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from ssl import SSLCertVerificationError
from threading import Lock
from typing import Any, TypeVar

import requests
import structlog
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from bookings.conf import CALLS_AT_ONCE, RETRY_NEEDS_SECONDS
from bookings.gateways.bounded_answers import AnswerRefused, read_bounded
from bookings.gateways.flight_answers import WORDS, Reply, flight_shown, is_healthy, outcome_of
from bookings.gateways.guard import CallRefused, Guard
from bookings.ports import (
    Applied,
    Flight,
    FlightsHealth,
    FlightsUnreachable,
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

# A price this old may still be promised to a client that asked to be answered later.
RECALL_SECONDS = 300.0
RECALL_FLIGHTS = 1_000

T = TypeVar("T")


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
    The port over HTTP, with one connection pool, and the guard of this process before it.

    Follows no redirect, uses no proxy or password from the environment, and reads at most 64 KiB. Repeats a
    GET once; a change of seats is sent once, its repetition is the caller's. `keep_alive=False` opens a connection
    for each request: one that was kept may be closed by the other side in the moment of use, and the outcome is
    unknown then. `change_seconds` is how long the answer to a change of seats may take, if the caller has as
    much time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        guard: Guard | None = None,
        keep_alive: bool = True,
        change_seconds: float = READ_SECONDS,
    ) -> None:
        self._base_url = base_url
        self._headers = {"Accept": "application/json", **({} if keep_alive else {"Connection": "close"})}
        self._change_seconds = change_seconds
        self._guard = guard or Guard()
        self._adapter = _OnePeer(pool_connections=1, pool_maxsize=CALLS_AT_ONCE, max_retries=0, pool_block=False)
        self._recalled: OrderedDict[int, tuple[float, Flight]] = OrderedDict()
        self._lock = Lock()

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        ends_at = time.monotonic() + seconds
        url = f"{self._base_url}/api/v1/flights/{int(flight_id)}"
        for tries_before in range(GET_TRIES):
            left = ends_at - time.monotonic()
            if tries_before and not self._may_repeat(left):
                break
            shown = self._ask("GET", url, functools.partial(flight_shown, flight_id), seconds=left)
            if isinstance(shown, Flight):
                self._remember(shown)
                return shown
            if isinstance(shown, NoFlight):
                raise UnknownFlight(flight_id)
            log.warning("gateway.flights.get_failed", flight=flight_id, outcome=repr(shown))
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
        read = functools.partial(outcome_of, take=change.take)
        outcome = self._ask("PATCH", url, read, seconds=seconds, body=body, headers=headers)
        if not isinstance(outcome, Applied | NoSeats | NoFlight):
            log.warning("gateway.flights.patch_failed", flight=change.flight_id, outcome=repr(outcome))
        return outcome

    def is_available(self) -> bool:
        return self._guard.is_available()

    def spend_repetition(self) -> bool:
        return self._guard.budget.spend()

    def health(self) -> FlightsHealth:
        return self._guard.health()

    def _may_repeat(self, seconds: float) -> bool:
        """Whether a GET may be repeated. Health checks have no time for it, and must not use up the budget."""
        return seconds >= RETRY_NEEDS_SECONDS and self.is_available() and self.spend_repetition()

    def _ask(
        self, method: str, url: str, read: Callable[[Reply], T], *, seconds: float, **content: Any
    ) -> T | NotSent | Unknown:
        """Send one request if the guard lets it pass, and have its answer read."""
        if seconds <= 0:
            return NotSent("no time left")
        try:
            with self._guard.call() as call:
                reply = self._exchange(method, url, seconds=seconds, **content)
                result = read(reply) if isinstance(reply, Reply) else reply
                call.ended(WORDS[type(result)], healthy=is_healthy(reply, result, seconds=seconds))
                return result
        except CallRefused as refused:
            return NotSent(str(refused))

    def _exchange(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply | NotSent | Unknown:
        """Send one request and read its answer. Raises nothing that a network can do."""
        ends_at = time.monotonic() + seconds
        # Filled in by hand: everything here is known to be well formed, and checking it again costs as much
        # as sending it.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = method, url, body
        prepared.headers = CaseInsensitiveDict({**self._headers, **(headers or {})})
        if body is not None:
            prepared.headers["Content-Length"] = str(len(body))
        read_seconds = READ_SECONDS if body is None else self._change_seconds
        timeout = (min(CONNECT_SECONDS, seconds), min(read_seconds, seconds))
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


def _read(response: requests.Response, ends_at: float) -> Reply | Unknown:
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
    return Reply(response.status_code, envelope, _retry_after(response))


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
