"""
The Flight Service over HTTP.

The only file that knows its addresses, its spellings and its status codes. An exchange whose end is not
seen is *unknown*, never failed: the request may have been carried out.
"""

import json
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
from urllib3.exceptions import MaxRetryError, NewConnectionError

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

# More calls than this at once queue for a connection.
POOL_SIZE = 32

# Ten seats at this price still fit the database's integers, and a JavaScript client's.
HIGHEST_PRICE = 10**14

# A price this old may still be promised to a client that asked to be answered later.
RECALL_SECONDS = 300.0
RECALL_FLIGHTS = 1_000

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
        error = self.envelope.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return code if isinstance(code, str) else ""


class HttpFlightService:
    """
    The port over HTTP, with one connection pool.

    Follows no redirect, uses no proxy or password from the environment, and reads at most 64 KiB. Repeats a
    GET once; a change of seats is sent once, its repetition is the caller's.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        # A third of a request's cost is looking for proxies and .netrc, and neither may steer these calls.
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=POOL_SIZE, max_retries=0, pool_block=False)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._template = self._session.prepare_request(requests.Request("GET", base_url))
        self._template.headers["Accept"] = "application/json"
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
        # Copying a prepared request costs a third less than preparing each anew.
        prepared = self._template.copy()
        prepared.method, prepared.url = method, url
        if body is not None:
            prepared.body = body
            prepared.headers["Content-Length"] = str(len(body))
            prepared.headers.update(headers or {})
        timeout = (min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds))
        try:
            response = self._session.send(prepared, timeout=timeout, allow_redirects=False, stream=True)
            with response:
                return _read(response, ends_at)
        except requests.RequestException as error:
            why = type(error).__name__
            return NotSent(why) if _was_never_sent(error) else Unknown(why)
        except urllib3.exceptions.HTTPError as error:  # while the body was read
            return Unknown(type(error).__name__)

    def _remember(self, flight: Flight) -> None:
        with self._lock:
            self._recalled[flight.id] = (time.monotonic(), flight)
            self._recalled.move_to_end(flight.id)
            if len(self._recalled) > RECALL_FLIGHTS:
                self._recalled.popitem(last=False)


def _read(response: requests.Response, ends_at: float) -> _Reply | Unknown:
    """Read a bounded answer in bounded time, and insist that it is a JSON object."""
    content = bytearray()
    while chunk := response.raw.read1(LARGEST_ANSWER_BYTES, decode_content=True):
        content += chunk
        if len(content) > LARGEST_ANSWER_BYTES:
            return Unknown("answer too large")
        if time.monotonic() > ends_at:
            return Unknown("answer too slow")
    try:
        envelope = json.loads(content)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        return Unknown(f"answer {response.status_code} is not a JSON object", _retry_after(response))
    return _Reply(response.status_code, envelope, _retry_after(response))


def _outcome(reply: _Reply, *, take: bool) -> SeatOutcome:
    if 200 <= reply.status < 300:
        return Applied()
    why = f"{reply.status} {reply.code}".strip()[:100]
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
    if not isinstance(data, dict):
        return None
    price, seats_left = data.get("price"), data.get("totalSeats")
    if type(price) is not int or type(seats_left) is not int or not 0 <= price <= HIGHEST_PRICE:
        return None
    # The original peer may have oversold: below zero there are no seats, which is an answer.
    return Flight(id=flight_id, price=price, seats_left=max(0, seats_left))


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
