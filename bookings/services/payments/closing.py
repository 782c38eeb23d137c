"""
Close a payment: see to it at its gateway that it cannot be paid any more.

A booking gives its seats up only when its payment is closed. The gateway decides between a payer and a close.
"""

import uuid
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Actor, Cause
from bookings.conf import NO_NEWS_FOR, PAYMENT_LEASE, PAYMENT_WORKER_SECONDS
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.lifecycle import BookingStatus, ShownPayment
from bookings.models import Booking, Payment
from bookings.models.payments import PaymentState, PaymentStep
from bookings.ports import PaymentGateway
from bookings.services.payments.gateways import Gateways, gateway_of, intent_of
from bookings.services.payments.settle import (
    Settled,
    fail,
    is_too_late,
    lock_with_booking,
    marked_closing,
    record_outcome,
)
from bookings.services.shared import idempotency, leases
from bookings.services.shared.leases import leased
from bookings.services.shared.retry_policy import is_too_old
from bookings.services.shared.transitions import show_payment
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)

# To close is one short call, and a client may be waiting.
CLOSE_SECONDS = 3.0


def close_waiting_payment(booking_id: int, *, payments: Gateways, seconds: float = CLOSE_SECONDS) -> bool:
    """
    Close the payment that a booking waits for, so that something else may be done with the booking.

    Tells whether it has ended: it cannot be paid any more, or it was paid first. One that a request is working
    on is left alone, and so is one that staff have to decide about.
    """
    waiting = {"active_booking_id": booking_id, "state": PaymentState.PROCESSING}
    payment = Payment.objects.filter(**waiting).first()
    gateway = None if payment is None else gateway_of(payment, payments)
    if payment is None or gateway is None or not gateway.is_available():
        return payment is None
    lease = uuid.uuid4()
    claimed = begin_closing(payment.pk, lease=lease, is_wanted=True)
    if claimed is not None:
        close_and_settle(claimed, gateway=gateway, lease=lease, seconds=seconds)
    return not Payment.objects.filter(**waiting, pk=payment.pk).exists()


def close_and_settle(
    payment: Payment,
    *,
    gateway: PaymentGateway,
    lease: UUID,
    actor: Actor = SYSTEM,
    seconds: float = PAYMENT_WORKER_SECONDS,
) -> Settled:
    """Ask the gateway to close a payment that is `closing`, outside any transaction, and record what it said."""
    outcome = gateway.close(intent_of(payment), seconds=seconds)
    return record_outcome(payment.pk, lease=lease, outcome=outcome, actor=actor)


def begin_closing(payment_id: int, *, lease: UUID, is_wanted: bool = False) -> Payment | None:
    """
    Write down that a payment is to be closed, and lease it: it is not charged from here on.

    `is_wanted`: by a caller who wants the booking for something else; otherwise `must_be_closed` says whether. One that
    was never opened cannot be paid, and fails at once. None: there is nothing to close, or another process has the
    payment.
    """
    claimed, is_cancelled = _begin_closing(payment_id, lease=lease, is_wanted=is_wanted)
    if is_cancelled:
        wake_worker()
    return claimed


@in_transaction("payment.closing")
def _begin_closing(payment_id: int, *, lease: UUID, is_wanted: bool) -> tuple[Payment | None, bool]:
    booking, payment = lock_with_booking(payment_id)
    now = database_time()
    if payment.state != PaymentState.PROCESSING:
        return None, False
    if payment.step == PaymentStep.CLOSING and payment.lease == lease:  # the COMMIT of the run before this was lost
        return payment, False
    if payment.lease not in (None, lease) and not payment.is_due(now):
        return None, False
    if not is_wanted and (not must_be_closed(booking, payment, now) or give_up_if_too_old(payment, now)):
        return None, False
    if payment.step == PaymentStep.STARTING:
        idempotency.forget_call(payment.gateway_key)
        return None, fail(booking, payment, Cause(SYSTEM, note="never opened"), now=now)
    columns = leased(lease, now, before=payment, term=PAYMENT_LEASE)
    leases.write(payment, {**marked_closing(payment, now), **columns})
    if booking.payment_state == ShownPayment.AWAITING_PAYER:
        show_payment(booking, ShownPayment.SETTLING, now=now)
    return payment, False


def ask_to_close(payment: Payment, *, now: datetime) -> None:
    """Let the worker close a locked payment now, as its booking is to end. A request that has leased it goes first."""
    if payment.state == PaymentState.PROCESSING and payment.lease is None:
        leases.write(payment, {"next_at": now})


def give_up_if_too_old(payment: Payment, now: datetime) -> bool:
    """
    Give a locked payment up that has had no outcome for a day, and tell whether it was: staff find out.

    It may have been charged, so its booking is closed to any other payment.
    """
    if not is_too_old(payment.first_sent_at, now) or not clock_is_proven():
        return False
    leases.write(payment, {"state": PaymentState.DEAD, "step": "", **leases.over(payment.last_error)})
    log.warning("call.given_up", item=f"payment {payment.pk}")
    return True


def must_be_closed(booking: Booking, payment: Payment, now: datetime) -> bool:
    """
    Tell whether the worker closes a payment, rather than looking at it.

    Its booking has ended, or is to end; its time is over; or the request that was charging it has gone. A clock that is
    in doubt ends nothing.
    """
    if payment.step == PaymentStep.CLOSING or booking.cancel_requested or booking.status != BookingStatus.INITIATED:
        return True
    if is_too_late(payment, now):
        return True
    is_left = payment.step in ("", PaymentStep.STARTING, PaymentStep.ASKED)
    sent_at = payment.first_sent_at or payment.created_at
    return is_left and clock_is_proven() and sent_at + NO_NEWS_FOR <= now
