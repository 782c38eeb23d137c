"""Write one note on many bookings, for those who look at any of them next."""

import structlog
from django.db import IntegrityError

from bookings.actor import Actor
from bookings.conf import BULK_CANCEL_LIMIT
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import InvalidRequest, SelectionChanged
from bookings.models import BookingEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.queries.bookings.bulk_cancel import newest_in, plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action

log = structlog.get_logger(__name__)

# One statement inserts this many rows, as for a bulk cancellation.
ROWS_PER_INSERT = 1000


def note_bookings(*, selection: Selection, seen: str, actor: Actor, note: str, action_key: str) -> int:
    """
    Append an internal note to the timeline of each booking of a selection; return how many have it by now.

    All of them have it, or none. The same page sent again appends nothing more, and returns 0. No booking is locked or
    changed, as a note decides nothing.

    :param seen: the mark of the plan that was shown: exactly its bookings are meant, without newer ones
    :raises InvalidRequest: if there are too many, or none
    :raises SelectionChanged: if others belong to the selection than were shown
    """
    try:
        return _note_all(selection, seen, actor, note, action_key)
    except KeyTaken:
        return 0
    except IntegrityError as moved:  # one of them is in the archive by now
        raise SelectionChanged from moved


@in_transaction("booking.note_all")
def _note_all(selection: Selection, seen: str, actor: Actor, note: str, action_key: str) -> int:
    begin_staff_action("note many", key=action_key, actor=actor, row_id=newest_in(seen))
    plan = plan_bulk_cancel(selection, up_to=newest_in(seen))
    if plan.is_too_large:
        raise InvalidRequest(fields={"selection": f"More than {BULK_CANCEL_LIMIT} bookings; narrow the filter."})
    if plan.seen != seen:
        raise SelectionChanged
    if not plan.lines:
        raise InvalidRequest(fields={"selection": "There is no booking in it."})
    now = database_time()
    events = [
        BookingEvent.by(actor, at=now, booking=booking, what=EventKind.NOTED, note=note) for booking, _ in plan.lines
    ]
    # By ascending id, as bookings are locked: each row holds its booking fast until the end.
    BookingEvent.objects.bulk_create(events, batch_size=ROWS_PER_INSERT)
    log.info("bookings.noted", bookings=len(events), by=actor.name)
    return len(events)
