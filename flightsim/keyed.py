"""
Seat changes under an `Idempotency-Key`: the first decision is final, refusals too.

A late duplicate of a refused reservation must not be applied because seats have become free meanwhile; so a
refusal is stored and replayed like a success.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from flightsim.answers import failure, flight_as_json, success
from flightsim.changes import SeatChange, seat_change_in
from flightsim.seat_map import SeatNumbers, Standing, standing
from flightsim.store import Decision, Flight, Store
from flightsim.tally import Tally
from flightsim.wire import Reply, Request

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

REPLAYED = b"Idempotent-Replayed: true\r\n"


def flight_not_found() -> Reply:
    """Answer that there is no such flight."""
    return failure(HTTPStatus.NOT_FOUND, "flight_not_found", "The flight you requested is not present")


def change_seats(
    store: Store, tally: Tally, request: Request, flight_id: int | None, numbers: SeatNumbers = SeatNumbers.KEPT
) -> Reply:
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
    change = seat_change_in(request.body, numbers)
    if change is None or _KEY.fullmatch(key) is None:
        tally.add("rejected")
        return failure(HTTPStatus.BAD_REQUEST, "invalid_request", _how_to_ask(numbers))
    if flight_id is None:
        tally.add("refused")
        return flight_not_found()
    earlier = store.decision(key)
    if earlier is None:
        return _decide(store, tally, key, flight_id, change, numbers)
    asked = (earlier.flight_id, earlier.seats, earlier.dec, earlier.numbers, earlier.in_place_of)
    if asked != (flight_id, *change.fingerprint()):
        tally.add("rejected")
        return failure(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This key was used for another flight, number of seats, direction or other seats",
        )
    tally.add_replay(key, flight_id)
    return Reply(earlier.status, earlier.body, extra=REPLAYED)


def _how_to_ask(numbers: SeatNumbers) -> str:
    by_number = ""
    if numbers is SeatNumbers.KEPT:
        by_number = (
            'It may have "seatNumbers", different ones and at most n, and with dec 1 '
            '"inPlaceOf": {"seats": m, "seatNumbers": [...]} with none of the same. '
        )
    return (
        'The body must be {"seats": n, "dec": 1 or 0} in integers, n at least 1, '
        f"{by_number}and the key 1 to 255 visible ASCII characters"
    )


def _decide(store: Store, tally: Tally, key: str, flight_id: int, change: SeatChange, numbers: SeatNumbers) -> Reply:
    flight = store.flight(flight_id)
    reply = flight_not_found() if flight is None else _refusal_by_number(store, flight, change)
    if reply is None:
        after = store.change(flight_id, taken=change.taken.seats, given=change.given.seats)
        reply = _no_room(change) if after is None else _applied(store, after, change, key, numbers)
    tally.add("applied" if reply.status == HTTPStatus.OK else "refused", flight_id)
    store.remember(Decision(key, flight_id, *change.fingerprint(), reply.status, reply.body))
    return reply


def _applied(store: Store, flight: Flight, change: SeatChange, key: str, numbers: SeatNumbers) -> Reply:
    """Mark the seats that have numbers, and repeat them: an answer that does not, proves nothing about them."""
    described = flight_as_json(flight, with_capacity=True, with_map=numbers is not SeatNumbers.UNKNOWN)
    if change.numbers or change.in_place_of:
        kept = store.seats_kept(flight.id)
        marked = {number: (_is_blocked(kept, number), key) for number in change.taken.numbers}
        freed = {number: (_is_blocked(kept, number), None) for number in change.given.numbers}
        store.keep_seats(flight.id, {**freed, **marked})
        described["seatNumbers"] = change.numbers
    if change.in_place_of:
        described["inPlaceOf"] = {"seats": change.in_place_of.seats, "seatNumbers": change.in_place_of.numbers}
    return success(described)


def _is_blocked(kept: Mapping[str, tuple[bool, str | None]], number: str) -> bool:
    return number in kept and kept[number][0]


def _refusal_by_number(store: Store, flight: Flight, change: SeatChange) -> Reply | None:
    """Refuse a change that takes a seat which is not free, or gives one back which is not taken: every one is named."""
    taken, given = change.taken, change.given
    if not taken.numbers and not given.seats:
        return None
    kept = store.seats_kept(flight.id)
    wrong = _not_so(Standing.TAKEN, given.numbers, flight, kept)
    counted = flight.capacity - flight.remaining - sum(taken_by is not None for _, taken_by in kept.values())
    if wrong or (kept and given.seats - len(given.numbers) > counted):
        # A mistake in some caller: who gives back what it did not take would sell the seat of another.
        return failure(
            HTTPStatus.CONFLICT,
            "seats_not_taken",
            "Some of these seats are not taken" if wrong else "Fewer seats than these were taken without a number",
            seat_numbers=wrong,
        )
    wrong = _not_so(Standing.FREE, taken.numbers, flight, kept)
    if wrong:
        return failure(HTTPStatus.CONFLICT, "seats_taken", "Some of these seats cannot be had", seat_numbers=wrong)
    return None


def _not_so(
    wanted: Standing, numbers: tuple[str, ...], flight: Flight, kept: Mapping[str, tuple[bool, str | None]]
) -> dict[str, str]:
    stands = {number: standing(flight, number, kept) for number in numbers}
    return {number: found.value for number, found in stands.items() if found is not wanted}


def _no_room(change: SeatChange) -> Reply:
    if change.taken.seats > change.given.seats:
        return failure(HTTPStatus.CONFLICT, "insufficient_seats", "Not enough seats are left on this flight")
    # More seats cannot come back than were taken: a mistake in some caller, to be shown and not to be absorbed.
    return failure(HTTPStatus.CONFLICT, "over_capacity", "The flight would have more free seats than seats")
