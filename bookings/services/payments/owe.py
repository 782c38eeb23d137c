"""
Put money on record that goes back to a customer, and keep what is said of it true.

Every function here assumes an open transaction that has locked the booking and, after it, the payment.
"""

import uuid
from datetime import datetime

from bookings.actor import SYSTEM, Actor
from bookings.db.packets import later
from bookings.db.rows import insert_later, update
from bookings.lifecycle import BookingStatus, RefundCause, ShownPayment
from bookings.models import Booking, Payment, Refund
from bookings.models.payments import PaymentState
from bookings.models.refunds import UNFINISHED, RefundDecision, RefundState
from bookings.services.shared import leases
from bookings.services.shared.transitions import show_refund


def owe_refund(booking: Booking, payment: Payment, *, now: datetime, actor: Actor = SYSTEM) -> None:
    """
    Put all of a payment's money on record as owed to the customer: what is left of it is one refund.

    The booking has ended or is about to, or it does not want this money.
    """
    cause = RefundCause.BOOKING_ENDED if booking.status == BookingStatus.BOOKED else RefundCause.PAID_TOO_LATE
    if payment.state == PaymentState.SUCCEEDED:
        # Refunds that failed while the booking went on: what they were to give back is in the new one.
        failed = {"payment_id": payment.pk, "state": RefundState.FAILED, "decision": ""}
        later(*update(Refund, {"decision": RefundDecision.REPLACED}, where=failed))
    left = payment.left.amount
    state = PaymentState.REFUND_DUE if left or not _is_all_back(payment) else PaymentState.REFUNDED
    owed = {"state": state, "step": "", "active_booking_id": None, "settled_at": payment.settled_at or now}
    leases.write(payment, {**owed, "refunded": payment.amount, **leases.over()})
    if left:
        _insert_refund(payment, left, cause, actor=actor, now=now)
    if booking.active_payment_id not in (None, payment.pk):
        return  # another payment counts: this one was taken for failed
    if booking.status != BookingStatus.BOOKED:
        booking.active_payment_id = None
    show_refund(booking, ShownPayment(state), payment.amount, now=now)
    # A booked one names its payment until it is cancelled, which is next.
    booking.active_payment_id = None


def add_refund(
    payment: Payment, amount: int, cause: RefundCause, *, now: datetime, actor: Actor, note: str = ""
) -> Refund:
    """
    Write down a refund that the worker makes: due at once, under a key of its own. The payment counts it.

    The caller has looked that so much is left; a CHECK refuses more.
    """
    leases.write(payment, {"refunded": payment.refunded + amount})
    return _insert_refund(payment, amount, cause, now=now, actor=actor, note=note)


def _insert_refund(
    payment: Payment, amount: int, cause: RefundCause, *, now: datetime, actor: Actor, note: str = ""
) -> Refund:
    refund = Refund(
        payment=payment,
        amount=amount,
        currency=payment.currency,
        key=uuid.uuid4(),
        cause=cause,
        asked_by=actor.name[:150] if actor.is_staff else "",
        note=note,
        request_id=actor.request_id,
        created_at=now,
        **leases.not_sent_yet(now),
    )
    insert_later(refund)
    return refund


def show_refunds(booking: Booking, payment: Payment, *, now: datetime) -> None:
    """
    Show clients how the refunds of a payment stand, once one of them has changed; end the payment if all is back.

    Of a booking that goes on, clients see the sum of what goes back. Of one that ended, they see all that was paid: as
    due, until the last of it is back.
    """
    if payment.state == PaymentState.REFUNDED and payment.left.amount:
        leases.write(payment, {"state": PaymentState.REFUND_DUE})
        if booking.payment_state == ShownPayment.REFUNDED:
            show_refund(booking, ShownPayment.REFUND_DUE, payment.amount, now=now)
    elif payment.state == PaymentState.REFUND_DUE and _is_all_back(payment):
        leases.write(payment, {"state": PaymentState.REFUNDED})
        due = Payment.objects.filter(booking=booking, state=PaymentState.REFUND_DUE).exclude(pk=payment.pk)
        # Clients see one refund: it is made once none is due.
        if booking.payment_state == ShownPayment.REFUND_DUE and not due.exists():
            show_refund(booking, ShownPayment.REFUNDED, payment.amount, now=now)
    elif payment.state == PaymentState.SUCCEEDED:
        is_due = Refund.objects.filter(payment=payment, state__in=UNFINISHED).exists()
        going_on = ShownPayment.PART_DUE if is_due else ShownPayment.PART_REFUNDED
        shown = going_on if payment.refunded else ShownPayment.SUCCEEDED
        show_refund(booking, shown, payment.refunded, now=now)


def _is_all_back(payment: Payment) -> bool:
    """Whether nothing of its money is left, nor on its way back."""
    return not payment.left.amount and not Refund.objects.filter(payment=payment, state__in=UNFINISHED).exists()
