"""
Seat changes under an `Idempotency-Key`: the first decision is final, refusals too.

A late duplicate of a refused reservation must not be applied because seats have become free meanwhile; so a
refusal is stored and replayed like a success.
"""

import json
import re
from http import HTTPStatus
from typing import NamedTuple

from flightsim.answers import failure, flight_as_json, success
from flightsim.store import MAX_SEATS, Decision, Store
from flightsim.tally import Tally
from flightsim.wire import Reply, Request

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

REPLAYED = b"Idempotent-Replayed: true\r\n"


class SeatChange(NamedTuple):
    """A valid request to change seats: `dec` is 1 to reserve and 0 to release."""

    seats: int
    dec: int


def flight_not_found() -> Reply:
    """Answer that there is no such flight."""
    return failure(HTTPStatus.NOT_FOUND, "flight_not_found", "The flight you requested is not present")


def change_seats(store: Store, tally: Tally, request: Request, flight_id: int | None) -> Reply:
    """
    Decide a seat change, or replay what was decided under its key.

    `flight_id` is None where the path has no number: that is no flight, and nothing is stored. Neither
    is anything on an invalid request: its key may be used again.
    """
    key = request.headers.get("idempotency-key")
    if not key:
        tally.add("rejected")
        return failure(
            HTTPStatus.BAD_REQUEST,
            "idempotency_key_required",
            "Send the header Idempotency-Key with seat changes",
        )
    change = seat_change_in(request.body)
    if change is None or _KEY.fullmatch(key) is None:
        tally.add("rejected")
        return failure(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            'The body must be {"seats": n, "dec": 1 or 0} in integers, n at least 1, '
            "and the key 1 to 255 visible ASCII characters",
        )
    if flight_id is None:
        tally.add("refused")
        return flight_not_found()
    earlier = store.decision(key)
    if earlier is None:
        return _decide(store, tally, key, flight_id, change)
    if (earlier.flight_id, earlier.seats, earlier.dec) != (flight_id, change.seats, change.dec):
        tally.add("rejected")
        return failure(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This key was used for another flight, number of seats or direction",
        )
    tally.add_replay(key, flight_id)
    return Reply(earlier.status, earlier.body, extra=REPLAYED)


def seat_change_in(body: bytes) -> SeatChange | None:
    """Read the body of a seat change; None unless it is exactly two JSON integers within their bounds."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if type(content) is not dict or content.keys() != {"seats", "dec"}:
        return None
    seats, dec = content["seats"], content["dec"]
    # By exact type: True and 2.0 are no integers here, though Python would let them pass.
    if type(seats) is not int or type(dec) is not int:
        return None
    if not 1 <= seats <= MAX_SEATS or dec not in (0, 1):
        return None
    return SeatChange(seats, dec)


def _decide(store: Store, tally: Tally, key: str, flight_id: int, change: SeatChange) -> Reply:
    move = store.take if change.dec == 1 else store.give_back
    flight = move(flight_id, change.seats)
    if flight is not None:
        tally.add("applied", flight_id)
        reply = success(flight_as_json(flight, with_capacity=True))
    elif store.flight(flight_id) is None:
        tally.add("refused")
        reply = flight_not_found()
    else:
        tally.add("refused", flight_id)
        reply = _no_room(change)
    store.remember(Decision(key, flight_id, change.seats, change.dec, reply.status, reply.body))
    return reply


def _no_room(change: SeatChange) -> Reply:
    if change.dec == 1:
        return failure(HTTPStatus.CONFLICT, "insufficient_seats", "Not enough seats are left on this flight")
    # More seats cannot come back than were taken: a mistake in some caller, to be shown and not to be absorbed.
    return failure(HTTPStatus.CONFLICT, "over_capacity", "The flight would have more free seats than seats")
