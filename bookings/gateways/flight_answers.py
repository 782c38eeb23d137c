"""
What the answers of the Flight Service mean.

The only file that knows its status codes, its words and its envelope. Opens no connection.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bookings.conf import RETRY_NEEDS_SECONDS
from bookings.ports import (
    Applied,
    CallWord,
    Flight,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatOutcome,
    Unknown,
)

# Ten seats at this price still fit the database's integers, and a JavaScript client's.
HIGHEST_PRICE = 10**14

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

# Any other 4xx comes from a service that works. These turn everybody away.
TURNED_AWAY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}

WORDS: dict[type[Any], CallWord] = {
    Flight: CallWord.DONE,
    Applied: CallWord.DONE,
    NoSeats: CallWord.REFUSED,
    NoFlight: CallWord.REFUSED,
    Mistake: CallWord.MISTAKE,
    Unknown: CallWord.UNKNOWN,
    NotSent: CallWord.NOT_SENT,
}


@dataclass(frozen=True, slots=True)
class Reply:
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


def outcome_of(reply: Reply, *, take: bool) -> SeatOutcome:
    """Read the answer to a change of seats."""
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


def flight_shown(flight_id: int, reply: Reply) -> Flight | NoFlight | Unknown:
    """Read the answer to a question about a flight."""
    if reply.status == HTTPStatus.OK:
        flight = _flight(flight_id, reply.envelope.get("data"))
        return flight or Unknown("200 without a flight")
    if _says_there_is_no_flight(reply):
        return NoFlight()
    return Unknown(f"{reply.status} {reply.code}".strip())


def _says_there_is_no_flight(reply: Reply) -> bool:
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
    return Flight(flight_id, price, max(0, seats_left), capacity, oversold=max(0, -seats_left))


def is_healthy(reply: Reply | NotSent | Unknown, result: object, *, seconds: float) -> bool | None:
    """Tell whether an exchange speaks for the peer. None: too little time was allowed to tell."""
    if not isinstance(reply, Reply):
        return False if seconds >= RETRY_NEEDS_SECONDS else None
    if 400 <= reply.status < 500:
        return reply.status not in TURNED_AWAY
    return not isinstance(result, Unknown)
