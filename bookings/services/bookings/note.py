"""Write something down about a booking, for those who look at it next."""

from bookings.actor import Actor, Cause
from bookings.db.transactions import in_transaction
from bookings.models.bookings.booking_event import EventKind
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action
from bookings.services.shared.transitions import lock_booking, note_event


def note_booking(*, booking_id: int, actor: Actor, note: str, action_key: str) -> None:
    """
    Append an internal note to the timeline. It is shown in the back office alone.

    The same page sent again appends nothing more. Does not change the booking.

    :raises BookingNotFound: if there is no such booking
    """
    try:
        _note_once(booking_id, actor, note, action_key)
    except KeyTaken:
        return


@in_transaction("booking.note")
def _note_once(booking_id: int, actor: Actor, note: str, action_key: str) -> None:
    begin_staff_action("note", key=action_key, actor=actor, row_id=booking_id)
    booking, now = lock_booking(booking_id, actor=actor)
    note_event(booking, EventKind.NOTED, Cause(actor, note=note), now=now)
