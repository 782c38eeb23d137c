"""What the decisions about takes and about give-backs have in common."""

from datetime import datetime

from bookings.actor import Actor
from bookings.conf import LONGEST_NOTE
from bookings.errors import InvalidRequest, StaffOnly
from bookings.models import BookingEvent, SeatCallEvent
from bookings.text.legible import is_legible, is_orderly


def note_of_decision(note: str, *, actor: Actor) -> str:
    """
    Check who decides and what is written down about it; return the note without blanks around it.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note says nothing, or too much
    """
    if not actor.is_staff:
        raise StaffOnly
    note = note.strip()
    if len(note) > LONGEST_NOTE or not is_legible(note) or not is_orderly(note, of_lines=True):
        raise InvalidRequest(fields={"note": f"Say why, in at most {LONGEST_NOTE} characters."})
    return note


def is_written(event: BookingEvent | SeatCallEvent | None, *, actor: Actor, note: str, since: datetime) -> bool:
    """
    Tell whether the last event is the one that this very decision has written.

    So a block that is run again because the answer to its COMMIT was lost knows its own rows. `since` is
    database time from before the block.
    """
    return event is not None and (
        event.created_at >= since
        and (event.actor_kind, event.actor_name, event.request_id, event.note)
        == (actor.kind, actor.name, actor.request_id, note)
    )
