"""Let staff give back a part of a payment, or all of it, of a booking that goes on."""

from dataclasses import dataclass

from bookings.actor import Actor, Cause
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import InvalidRequest, NothingToRefund, PaymentNotFound, RefundTooLarge, StaffOnly
from bookings.lifecycle import STAFF_CAUSES, RefundCause, ShownPayment
from bookings.models import Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.payments.owe import add_refund
from bookings.services.payments.settle import lock_with_booking
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action, wrong_with_note
from bookings.services.shared.transitions import note_event, show_refund
from bookings.wake import wake_worker


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """
    What staff want: to give back `amount` minor units of a payment.

    `seen_version` is the booking's on the page that was shown, and `action_key` was made with that page.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note says nothing or too much, the cause is not one of theirs, or nothing goes back
    """

    payment_id: int
    amount: int
    cause: RefundCause
    note: str
    actor: Actor
    action_key: str
    seen_version: int

    def __post_init__(self) -> None:
        if not self.actor.is_staff:
            raise StaffOnly
        wrong = {}
        if said := wrong_with_note(self.note):
            wrong["note"] = said
        if self.cause not in STAFF_CAUSES:
            wrong["cause"] = "Only this service gives such a cause."
        if self.amount < 1:
            wrong["amount"] = "Say how much goes back."
        if wrong:
            raise InvalidRequest(fields=wrong)


def ask_refund(request: RefundRequest) -> None:
    """
    Write down a refund that the worker makes, in part or in full. The booking goes on.

    The same page sent again asks for nothing more. Does not call the gateway.

    :raises PaymentNotFound: if there is no such payment
    :raises BookingChanged: if the booking has changed since the page was shown
    :raises NothingToRefund: if its money is not kept for a booking that goes on
    :raises RefundTooLarge: if less is left of it
    """
    if not Payment.objects.filter(pk=request.payment_id).exists():
        raise PaymentNotFound
    try:
        _ask(request)
    except KeyTaken:
        return
    wake_worker()


@in_transaction("refund.ask")
def _ask(request: RefundRequest) -> None:
    begin_staff_action("refund", key=request.action_key, actor=request.actor, row_id=request.payment_id)
    booking, payment = lock_with_booking(request.payment_id)
    refuse_if_changed(booking, seen=[request.seen_version])
    now = database_time()
    if payment.state != PaymentState.SUCCEEDED:
        raise NothingToRefund
    if request.amount > payment.left.amount:
        raise RefundTooLarge
    add_refund(payment, request.amount, request.cause, now=now, actor=request.actor, note=request.note)
    show_refund(booking, ShownPayment.PART_DUE, payment.refunded, now=now)
    cause = Cause(request.actor, request.cause, request.note)
    note_event(booking, EventKind.REFUND_ASKED, cause, now=now, amount=request.amount)
