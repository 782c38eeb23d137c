"""
What the responses of the Flight Service say about seats by number.

The only file that knows how it writes them. A map that makes no sense is not shown, and an answer that does not repeat
the numbers proves nothing about them.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, TypeVar

from bookings.gateways.flight_service.responses import (
    NO_WORDS,
    NoMap,
    OwnWords,
    Reply,
    Shown,
    Unusable,
    flight_read,
    flight_shown,
    name_read,
    outcome_of,
    version_read,
)
from bookings.ports import (
    Applied,
    Cabin,
    CountedNotNamed,
    Flight,
    InPlaceOf,
    Mistake,
    NoFlight,
    Seat,
    SeatChange,
    SeatMap,
    SeatOutcome,
    SeatRefusal,
    SeatsTaken,
    SeatStatus,
    Unknown,
)

# As everywhere in this service: the row, then the letter of the column.
NUMBER = re.compile(r"[1-9][0-9]{0,2}[A-Z]", re.ASCII)
COLUMN = re.compile(r"[A-Z]", re.ASCII)

# The largest aeroplanes have some 850 seats in three or four cabins, and eleven columns with two aisles.
MOST_SEATS_ON_A_MAP = 1_000
MOST_CABINS = 10
MOST_COLUMNS = 20

W = TypeVar("W", SeatStatus, SeatRefusal)


def body_by_number(change: SeatChange, counts: bytes) -> bytes:
    """Write a change of seats that names some, behind what it counts. What there is none of is left out."""
    members = [counts]
    if change.numbers:
        members.append(b'"seatNumbers": %b' % _list_of(change.numbers))
    if (other := change.in_place_of) is not None:
        members.append(b'"inPlaceOf": {"seats": %d, "seatNumbers": %b}' % (other.seats, _list_of(other.numbers)))
    return b"{%b}" % b", ".join(members)


def _list_of(numbers: Iterable[str]) -> bytes:
    # Letters and digits alone, so nothing has to be escaped.
    if not all(NUMBER.fullmatch(number) for number in numbers):
        raise ValueError(f"no numbers of seats: {numbers!r}")
    return b"[%b]" % b", ".join(b'"%b"' % number.encode() for number in numbers)


def outcome_by_number(reply: Reply, change: SeatChange, *, own_words: OwnWords = NO_WORDS) -> SeatOutcome:
    """Read the response to a change of seats that names some."""
    if reply.success is not True and 400 <= reply.status < 500 and reply.code == "seats_taken":
        # Seats that are given back were not to be had, and are: the peer took this for a reservation.
        return SeatsTaken(_refused(reply, change)) if change.reserves else Mistake(reply.why())
    outcome = outcome_of(reply, flight_id=change.flight_id, reserves=change.reserves, own_words=own_words)
    if isinstance(outcome, Applied) and not _repeats(reply, change):
        return CountedNotNamed()
    return outcome


def _refused(reply: Reply, change: SeatChange) -> tuple[tuple[str, SeatRefusal], ...]:
    """Which of the seats that were asked for are refused; what else the peer lists is not believed."""
    error = (reply.envelope or {}).get("error")
    listed = error.get("seatNumbers") if isinstance(error, dict) else None
    if not isinstance(listed, dict):
        return ()
    found = ((number, _word(SeatRefusal, listed.get(number))) for number in change.numbers)
    return tuple((number, word) for number, word in found if word is not None)


def _repeats(reply: Reply, change: SeatChange) -> bool:
    """Whether the peer says of each number that was asked for, and of no other, that it has changed."""
    data = (reply.envelope or {}).get("data")
    if not isinstance(data, dict) or not _are(data.get("seatNumbers", []), change.numbers):
        return False
    other, said = change.in_place_of, data.get("inPlaceOf")
    if other is None:
        return said is None
    return isinstance(said, dict) and _says(said, other)


def _says(said: dict[str, Any], other: InPlaceOf) -> bool:
    seats = said.get("seats")
    return type(seats) is int and seats == other.seats and _are(said.get("seatNumbers", []), other.numbers)


def _are(listed: object, numbers: tuple[str, ...]) -> bool:
    """Whether a list has these numbers, in any order."""
    if not isinstance(listed, list) or len(listed) != len(numbers):
        return False
    return all(isinstance(number, str) for number in listed) and set(listed) == set(numbers)


def map_shown(
    reply: Reply, *, flight_id: int, own_words: OwnWords = NO_WORDS
) -> SeatMap | NoMap | NoFlight | Unusable | Unknown:
    """Read the response to a request for the map of a flight."""
    says_no_map = reply.status == HTTPStatus.NOT_FOUND and reply.code == "no_seat_map"
    # A peer without maps knows the address all the same: seats are changed there.
    if says_no_map or reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return NoMap()
    if reply.status == HTTPStatus.OK and reply.success is True:
        return _map(flight_id, (reply.envelope or {}).get("data"))
    shown: Shown = flight_shown(reply, flight_id=flight_id, own_words=own_words)
    return shown if isinstance(shown, NoFlight | Unknown) else Unknown(reply.why(), reply.retry_after)


def _map(flight_id: int, data: Any) -> SeatMap | Unusable:
    """Check a map: a seat that could be read as another one, or that stands nowhere, makes all of it unusable."""
    if not isinstance(data, dict):
        return Unusable("200 without a map")
    if "flightId" not in data:
        return Unusable("a map of no flight")
    flight = flight_read(flight_id, {**data, "id": data["flightId"]})
    if not isinstance(flight, Flight):
        return flight
    version = version_read(data.get("version"))
    if version is None:
        return Unusable("a map without a version")
    cabins = _cabins(data.get("cabins"))
    if cabins is None:
        return Unusable("a map without cabins")
    seats = _seats(data.get("seats"), {cabin.name: cabin for cabin in cabins})
    if seats is None:
        return Unusable("a map with seats that make no sense")
    return SeatMap(flight, version, cabins, seats)


def _cabins(listed: object) -> tuple[Cabin, ...] | None:
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CABINS:
        return None
    cabins = [_cabin(each) for each in listed]
    found = tuple(cabin for cabin in cabins if cabin is not None)
    names = {cabin.name for cabin in found}
    return found if len(names) == len(listed) else None


def _cabin(value: object) -> Cabin | None:
    if not isinstance(value, dict):
        return None
    name, columns = name_read(value.get("name")), value.get("columns")
    if not name or not isinstance(columns, list) or not 1 <= len(columns) <= MOST_COLUMNS:
        return None
    letters = [column for column in columns if column is not None]
    if not all(isinstance(letter, str) and COLUMN.fullmatch(letter) for letter in letters):
        return None
    return Cabin(name, tuple(columns)) if 0 < len(letters) == len(set(letters)) else None


def _seats(listed: object, cabins: dict[str, Cabin]) -> tuple[Seat, ...] | None:
    if not isinstance(listed, list) or len(listed) > MOST_SEATS_ON_A_MAP:
        return None
    seats = [_seat(each, cabins) for each in listed]
    found = tuple(seat for seat in seats if seat is not None)
    return found if len({seat.number for seat in found}) == len(listed) else None


def _seat(value: object, cabins: dict[str, Cabin]) -> Seat | None:
    """Read one seat; the row and the column that a peer names beside its number must be those of it."""
    if not isinstance(value, dict):
        return None
    number, status = value.get("number"), _word(SeatStatus, value.get("status"))
    if not isinstance(number, str) or not NUMBER.fullmatch(number) or status is None:
        return None
    cabin = value.get("cabin")
    if not isinstance(cabin, str) or cabin not in cabins:
        return None
    seat = Seat(number, cabin, status)
    agrees = value.get("row", seat.row) == seat.row and value.get("column", seat.column) == seat.column
    return seat if agrees and seat.column in cabins[cabin].columns else None


def _word(words: type[W], value: object) -> W | None:
    return words(value) if isinstance(value, str) and value in set(words) else None
