"""Let support staff give a customer longer to pay."""

from datetime import timedelta

from bookings.actor import Actor, Cause
from bookings.db.transactions import in_transaction
from bookings.errors import (
    AlreadyPaid,
    BookingCancelled,
    InvalidRequest,
    NotPayableYet,
    PaymentInProgress,
    PaymentWindowClosed,
    StaffOnly,
)
from bookings.lifecycle import BookingStatus, extensions_of
from bookings.models import Booking
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action, wrong_with_note
from bookings.services.shared.transitions import extend, lock_booking

CLOSED = {
    BookingStatus.PENDING: NotPayableYet,
    BookingStatus.BOOKED: AlreadyPaid,
    BookingStatus.CANCELLED: BookingCancelled,
}
"""Why a booking of a status has no payment window that could be longer."""


def extend_window(
    *, booking_id: int, minutes: int, actor: Actor, note: str, seen_version: int, action_key: str
) -> Booking:
    """
    Move the end of a payment window some minutes on, if the booking still is what the page showed; return it.

    The price stays, and the Flight Service is not called: the deadline is this service's alone. The same page sent
    again changes nothing more. What is past its deadline stays so, whether a pass has expired it or not.

    :raises StaffOnly: if the actor is not support staff
    :raises BookingNotFound: if there is no such booking
    :raises BookingChanged: if it has changed since the page was shown; nothing is changed
    :raises InvalidRequest: if the note says nothing or too much, or the window would be too long
    :raises NotPayableYet: if its seats are not confirmed; also AlreadyPaid and BookingCancelled, if it is that
    :raises PaymentInProgress: if a payment is being settled, which has an end of its own
    :raises PaymentWindowClosed: if the window has closed
    """
    if not actor.is_staff:
        raise StaffOnly
    if wrong := wrong_with_note(note):
        raise InvalidRequest(fields={"note": wrong})
    try:
        return _extend_once(booking_id, minutes, Cause(actor, note=note), seen_version, action_key)
    except KeyTaken:
        return Booking.objects.get(pk=booking_id)


@in_transaction("booking.extend")
def _extend_once(booking_id: int, minutes: int, cause: Cause, seen_version: int, action_key: str) -> Booking:
    begin_staff_action("extend", key=action_key, actor=cause.actor, row_id=booking_id)
    booking, now = lock_booking(booking_id, actor=cause.actor)
    refuse_if_changed(booking, seen=[seen_version])
    if booking.status in CLOSED:
        raise CLOSED[BookingStatus(booking.status)]
    if booking.active_payment_id is not None:
        raise PaymentInProgress
    if now >= booking.expires_at:
        raise PaymentWindowClosed
    if minutes not in extensions_of(booking.created_at, booking.expires_at):
        raise InvalidRequest(fields={"minutes": "The payment window cannot be that long."})
    extend(booking, timedelta(minutes=minutes), cause, now=now)
    return booking
