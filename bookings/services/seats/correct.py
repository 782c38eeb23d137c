"""Correct what a comparison with the Flight Service found, by a call that is written down first."""

# Note [One correction for one difference]
# Two operators who have seen the same difference must not both correct it: seats that are given back twice are sold
# again while others hold them. So a correction first takes the flight's place (`fixes_flight_id`, unique until it is
# over), and looks at our rows after that: a correction that was written, sent and finished between the comparison and
# here has left its row, and the difference is gone. If both looked first, both could pass the look.

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError

from bookings.actor import Actor
from bookings.conf import LONGEST_NOTE
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import SeatCall, SeatCallEvent
from bookings.models.seats.seat_call import SeatCallEventKind, SeatCallKind
from bookings.ports import FlightService
from bookings.queries.seats.held import seats_of
from bookings.services.seats.compare import Compared, compare
from bookings.services.seats.release import leased_call, send_call
from bookings.text.seat_numbers import as_text

log = structlog.get_logger(__name__)

LEFT_ALONE = "left alone"
"""What is said in the place of a call's state where none was written."""


class _Changed(Exception):
    """Something has happened on the flight since the comparison."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What became of one difference: the state of the call that corrects it, or that it was left alone."""

    flight: int
    seats: int
    reserves: bool
    state: str


def correct_seats(
    *, drift: Iterable[Mapping[str, Any]], flights: FlightService, deadline: Deadline, actor: Actor, note: str = ""
) -> list[Correction]:
    """
    Give back seats that are taken and not held; take seats that are held and not taken.

    `drift` is what a comparison has named. Each flight is compared once more, and left alone unless the same
    difference is seen again: a difference that changes comes from another system's work. What has numbers is given back
    or taken by number; where these say something else than the counts, people look at it. The row is committed before
    it is sent; without an answer the worker repeats it, under the same key. Writes nothing while the Flight Service
    is not available.
    """
    corrections = []
    for row in drift:
        may_ask = deadline and flights.is_available()
        seen = compare(row["flight"], flights=flights, deadline=deadline) if may_ask else None
        too_many = row["taken"] - row["held"]
        call = None
        if seen is not None and seen.numbers_agree and _difference(seen.as_row()) == _difference(row):
            call = _written(seen, actor=actor, note=note)
        if call is not None:
            send_call(call, flights=flights)
            call.refresh_from_db()
        state = LEFT_ALONE if call is None else call.state
        corrections.append(Correction(row["flight"], seats=abs(too_many), reserves=too_many < 0, state=state))
    return corrections


def _difference(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What differs: bookings that come and go move both sides alike."""
    return row["taken"] - row["held"], row.get("leaked"), row.get("missing")


def _written(seen: Compared, *, actor: Actor, note: str) -> SeatCall | None:
    """Write the call down; None if the flight is not as it was seen."""
    try:
        return _write_down(seen, call_key=uuid.uuid4(), lease=uuid.uuid4(), actor=actor, note=note)
    except _Changed:
        return None
    except IntegrityError:
        if seats_of(seen.flight) == seen.ours:  # no other correction was in its place
            raise
        return None


@in_transaction("seats.correct")
def _write_down(seen: Compared, *, call_key: UUID, lease: UUID, actor: Actor, note: str) -> SeatCall:
    """
    Take the flight's place, then look. See Note [One correction for one difference].

    :raises _Changed: if our side is not as it was seen
    """
    if (written := SeatCall.objects.filter(call_key=call_key).first()) is not None:
        return written  # the COMMIT of the run before this one was lost
    now = database_time()
    call = leased_call(
        SeatCallKind.CORRECTION,
        flight_id=seen.flight,
        seats=abs(seen.too_many),
        call_key=call_key,
        lease=lease,
        now=now,
    )
    call.seat_numbers = as_text(seen.leaked or seen.missing)
    call.reserves, call.fixes_flight_id = seen.too_many < 0, seen.flight
    call.save(force_insert=True)
    if seats_of(seen.flight, besides=call.pk) != seen.ours:
        raise _Changed
    found = f"{seen.held} held, {seen.taken} taken"
    said = (f"{found}: {note}" if note else found)[:LONGEST_NOTE]
    SeatCallEvent.by(actor, at=now, seat_call=call, what=SeatCallEventKind.CORRECTED, note=said).save()
    log.warning("seat_call.decided", flight=call.flight_id, seats=call.seats, what="fixed", actor=str(actor.kind))
    return call
