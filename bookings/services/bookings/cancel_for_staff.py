"""End a booking from a page of the back office."""

from bookings.actor import Actor, Cause
from bookings.db.transactions import in_transaction
from bookings.lifecycle import CancelEffect, CancelOutcome, CancelReason
from bookings.models import Booking
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.bookings.cancel import cancel_locked
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action
from bookings.services.shared.transitions import lock_booking
from bookings.wake import wake_worker


def cancel_for_staff(
    *, booking_id: int, actor: Actor, reason: CancelReason, note: str, seen_version: int, action_key: str
) -> Booking:
    """
    Cancel a booking as `cancel_booking` does, if it still is what the page showed; return it as it is then.

    The same page sent again changes nothing more. Does not call the Flight Service.

    :raises BookingNotFound: if there is no such booking
    :raises BookingChanged: if it has changed since the page was shown; nothing is changed
    """
    try:
        booking, outcome = _cancel_once(booking_id, Cause(actor, reason, note), seen_version, action_key)
    except KeyTaken:
        return Booking.objects.get(pk=booking_id)
    if outcome.effect != CancelEffect.SKIPPED:
        wake_worker()
    return booking


@in_transaction("booking.cancel")
def _cancel_once(booking_id: int, cause: Cause, seen_version: int, action_key: str) -> tuple[Booking, CancelOutcome]:
    begin_staff_action("cancel", key=action_key, actor=cause.actor, row_id=booking_id)
    booking, now = lock_booking(booking_id, actor=cause.actor)
    refuse_if_changed(booking, seen=[seen_version])
    return booking, cancel_locked(booking, cause, now=now)
