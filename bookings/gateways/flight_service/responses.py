"""
What the responses of the Flight Service mean.

The only file that knows its status codes, its words and its envelope. Opens no connection.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from bookings.conf import LONGEST_NAME_OF_A_FLIGHT, RETRY_NEEDS_SECONDS, YEARS_OF_FLIGHTS
from bookings.ports import (
    Applied,
    CallWord,
    CountedNotNamed,
    Flight,
    Leg,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatMap,
    SeatOutcome,
    SeatsTaken,
    Unknown,
)
from bookings.text.legible import is_legible, is_orderly
from bookings.text.money import is_currency

# Ten seats at this price still fit the database's integers, and a JavaScript client's.
HIGHEST_PRICE = 10**14

# A day: a longer pause is a mistake. The retry policy decides how much of it is waited for.
LONGEST_PAUSE_ASKED_FOR = 24 * 3600.0

# A counter of seats is a 32-bit column in the original.
MOST_SEATS = 2**31 - 1

CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# ISO 8601 as JSON has it: what says no distance from UTC may be any time of the day.
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})",
    re.ASCII,
)

# A longer number costs time to read, and can mean nothing.
LONGEST_NUMBER = 20

# The statuses that say that a change of seats is done. A 202 only promises it; a 206 is a part of something.
DONE = {HTTPStatus.OK, HTTPStatus.CREATED}

# A refusal with one of these codes is final for its key; any other 4xx is a mistake, unless it means "later".
FINAL: dict[str, Callable[[], NoSeats | NoFlight]] = {"insufficient_seats": NoSeats, "flight_not_found": NoFlight}
UNDECIDED = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}

# Any other 4xx comes from a service that works. These refuse every request.
TURNED_AWAY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}

WHAT_TO_CONFIGURE = "if it means that there is no such flight, or no seat, set FLIGHT_SERVICE_REFUSAL_CODES"


@dataclass(frozen=True, slots=True)
class Unusable:
    """The Flight Service shows this flight, but in a form that cannot be sold."""

    why: str


@dataclass(frozen=True, slots=True)
class NoMap:
    """The Flight Service says that the seats of this flight have no numbers."""


Shown = Flight | NoFlight | Unusable | Unknown

WORDS: dict[type[Any], CallWord] = {
    Flight: CallWord.DONE,
    SeatMap: CallWord.DONE,
    Applied: CallWord.DONE,
    CountedNotNamed: CallWord.DONE,
    NoSeats: CallWord.REFUSED,
    SeatsTaken: CallWord.REFUSED,
    NoMap: CallWord.REFUSED,
    NoFlight: CallWord.REFUSED,
    Mistake: CallWord.MISTAKE,
    Unusable: CallWord.UNUSABLE,
    Unknown: CallWord.UNKNOWN,
    NotSent: CallWord.NOT_SENT,
}

# How a Flight Service says `insufficient_seats` or `flight_not_found` in its own words: by the status of its
# response and one of its words; the word is empty where the status alone says it.
OwnWords = Mapping[tuple[int, str], str]
NO_WORDS: OwnWords = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """
    A response that was read whole: its status, its envelope, and the pause it asks for, in seconds.

    `envelope` is None where the body is no JSON object.
    """

    status: int
    envelope: dict[str, Any] | None
    retry_after: float | None

    @property
    def code(self) -> str:
        """The peer's error code, if it looks like one: it is written to the log and the database."""
        error = (self.envelope or {}).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return code if isinstance(code, str) and CODE.fullmatch(code) else ""

    @property
    def success(self) -> object:
        """What the envelope says about success: True, False, or a value without meaning."""
        return (self.envelope or {}).get("success")

    def why(self) -> str:
        """Name the response by its status and its error code."""
        if self.envelope is None:
            return f"answer {self.status} is not a JSON object"
        return f"{self.status} {self.code}".strip()

    def words(self) -> Iterator[str]:
        """Give every text in which a peer may say why it refuses; the empty one stands for the status alone."""
        envelope = self.envelope or {}
        error = envelope.get("error")
        for holder in (error if isinstance(error, dict) else {}, envelope):
            for name in ("code", "error", "explanation", "message", "reason"):
                if isinstance(holder.get(name), str):
                    yield holder[name].strip()
        yield ""


def read_reply(status: int, body: bytes, retry_after: float | None) -> Reply:
    """Read a response's body. NaN and numbers of thousands of digits do not fail; they are no integers."""
    try:
        envelope = ENVELOPE.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError):
        envelope = None
    return Reply(status, envelope if isinstance(envelope, dict) else None, retry_after)


def retry_after(value: str, *, date: str, now: datetime) -> float | None:
    """
    Read the header Retry-After: whole seconds, or a date, which is compared with the response's own `date`.

    None where it cannot be followed: nonsense, the past, or more than a day.
    """
    if value.isascii() and value.isdigit():
        seconds = float(value[:LONGEST_NUMBER])
    else:
        until = _moment(value)
        if until is None:
            return None
        seconds = (until - (_moment(date) or now)).total_seconds()
    return seconds if 0 <= seconds <= LONGEST_PAUSE_ASKED_FOR else None


def outcome_of(reply: Reply, *, flight_id: int, reserves: bool, own_words: OwnWords = NO_WORDS) -> SeatOutcome:
    """Read the response to a change of seats."""
    if (refused := _refusal(reply, own_words)) is not None:
        return refused if reserves else Mistake(reply.why())
    if reply.envelope is None:
        return Unknown(reply.why(), reply.retry_after)
    # A 2xx whose envelope does not say so, or that is about another flight, is no proof that seats were changed.
    if reply.status in DONE and reply.success is True:
        return Applied() if _is_about(flight_id, reply) else Unknown("answer about another flight")
    is_running = reply.status == HTTPStatus.CONFLICT and reply.code == "in_progress"
    if reply.status in UNDECIDED or is_running or not 400 <= reply.status < 500:
        return Unknown(reply.why(), reply.retry_after)
    return Mistake(reply.why())


def flight_shown(reply: Reply, *, flight_id: int, own_words: OwnWords = NO_WORDS) -> Shown:
    """Read the response to a request for a flight."""
    if isinstance(_refusal(reply, own_words), NoFlight) or _says_there_is_no_flight(reply):
        return NoFlight()
    if reply.status == HTTPStatus.OK and reply.success is True:
        return flight_read(flight_id, (reply.envelope or {}).get("data"))
    return Unknown(reply.why(), reply.retry_after)


def names_flight(flight_id: int, reply: Reply | NotSent | Unknown) -> bool:
    """Tell whether a response names this flight, so that it can be about no other."""
    if not isinstance(reply, Reply) or reply.envelope is None:
        return False
    data = reply.envelope.get("data")
    return isinstance(data, dict) and "id" in data and _is_about(flight_id, reply)


def wants_configuring(reply: Reply, result: object) -> bool:
    """Tell whether a peer that works refused in words that are not known here."""
    if not 400 <= reply.status < 500:
        return False
    is_plain_404 = reply.status == HTTPStatus.NOT_FOUND and isinstance(result, Unknown)
    return is_plain_404 or isinstance(result, Mistake)


def _refusal(reply: Reply, own_words: OwnWords) -> NoSeats | NoFlight | None:
    """Read a final refusal, by the codes of the protocol or by the words that the settings name."""
    if reply.success is True:
        return None
    if reply.status == HTTPStatus.GONE:
        return NoFlight()
    if 400 <= reply.status < 500 and (final := FINAL.get(reply.code)) is not None:
        return final()
    for word in reply.words():
        if (meaning := own_words.get((reply.status, word))) is not None:
            return FINAL[meaning]()
    return None


def _is_about(flight_id: int, reply: Reply) -> bool:
    """Whether a response can be about this flight: data without an id names none."""
    data = (reply.envelope or {}).get("data")
    shown = data.get("id", flight_id) if isinstance(data, dict) else flight_id
    return type(shown) is int and shown == flight_id


def _says_there_is_no_flight(reply: Reply) -> bool:
    """The original peer names no code; its envelope tells its 404 from a proxy's."""
    return reply.status == HTTPStatus.NOT_FOUND and reply.success is False


def flight_read(flight_id: int, data: Any) -> Flight | Unusable:
    """Check a flight's types."""
    if not isinstance(data, dict):
        return Unusable("200 without a flight")
    shown = data.get("id", flight_id)
    if type(shown) is not int or shown != flight_id:
        return Unusable("another flight")
    price, seats_left = data.get("price"), data.get("totalSeats")
    if type(price) is not int or not 0 <= price <= HIGHEST_PRICE:
        return Unusable("no price that could be charged")
    currency = data.get("currency")  # the original peer shows none
    if currency is not None and not is_currency(currency):
        return Unusable("no currency that a price can be in")
    if type(seats_left) is not int or abs(seats_left) > MOST_SEATS:
        return Unusable("no number of seats")
    capacity = data.get("capacity")  # the original peer shows none
    if type(capacity) is not int or not 0 <= capacity <= MOST_SEATS:
        capacity = None
    # The original peer may have oversold: below zero means that no seats are left.
    oversold = max(0, -seats_left)
    return Flight(
        *(flight_id, price, max(0, seats_left), capacity),
        oversold=oversold,
        currency=currency,
        leg=_leg(data),
        seat_map=version_read(data.get("seatMap")),
    )


def version_read(value: object) -> int | None:
    """Read the version of a map of seats; None where there is no map."""
    return value if type(value) is int and 0 <= value <= MOST_SEATS else None


def _leg(data: dict[str, Any]) -> Leg:
    """Read what people call a flight. What is missing or no such thing is left out: no sale depends on it."""
    return Leg(
        number=name_read(data.get("flightNumber")),
        departure_airport=name_read(data.get("departureAirportId")),
        arrival_airport=name_read(data.get("arrivalAirportId")),
        departure_at=_time(data.get("departureTime")),
        arrival_at=_time(data.get("arrivalTime")),
    )


def name_read(value: object) -> str:
    """Read a short name on one line; empty if it is none."""
    name = value.strip() if isinstance(value, str) and len(value) <= LONGEST_NAME_OF_A_FLIGHT else ""
    return name if is_legible(name) and is_orderly(name) else ""


def _time(value: object) -> datetime | None:
    """Read a time with its distance from UTC, in the years of flights; None if it is none."""
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS_OF_FLIGHTS else None


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


# As `json.loads` reads bytes, made once.
ENVELOPE = json.JSONDecoder(parse_int=_number)


def _moment(text: str) -> datetime | None:
    """Read an HTTP date; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_healthy(reply: Reply | NotSent | Unknown, result: object, *, seconds: float) -> bool | None:
    """Tell whether an exchange shows a healthy peer. None: it had too little time to show anything."""
    if not isinstance(reply, Reply):
        return False if seconds >= RETRY_NEEDS_SECONDS else None
    if reply.envelope is None:  # not the Flight Service said this, unless it is a final refusal
        return isinstance(result, NoFlight | NoSeats)
    if 400 <= reply.status < 500:
        return reply.status not in TURNED_AWAY
    if reply.status in DONE and reply.success is True:
        return True  # what it shows of the flight is for its operators to correct
    return not isinstance(result, Unknown)


def concerns_all(reply: Reply | NotSent | Unknown) -> bool:
    """Tell whether a failure is certainly of the whole peer: a request for another flight would fail too."""
    return isinstance(reply, NotSent) or (isinstance(reply, Reply) and reply.status in TURNED_AWAY)
