"""Record the gateway's final word on a payment."""

import uuid
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Actor, ActorKind, Cause
from bookings.answers.results import Paid, PaymentPending, Refused
from bookings.conf import CALLS_PER_PASS, WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import BookingCancelled, PaymentDeclined
from bookings.lifecycle import BookingStatus, CancelReason, ShownPayment
from bookings.models import Booking, BookingEvent, Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import UNANSWERED, PaymentState
from bookings.ports import (
    AwaitsBank,
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    Declined,
    Mistake,
    NotSent,
    Unknown,
)
from bookings.services.payments.gateways import NO_GATEWAY, Gateways, gateway_of, intent_of
from bookings.services.shared import idempotency, leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import book, cancel, lock_booking, note_event, show_payment
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)

GIVEN_UP = {PaymentState.PROCESSING: PaymentState.DEAD, PaymentState.REFUND_DUE: PaymentState.REFUND_DEAD}

PaymentResult = Paid | PaymentPending | Refused


def settle_payment(payment_id: int, *, lease: UUID, outcome: ChargeOutcome, actor: Actor = SYSTEM) -> PaymentResult:
    """
    Record how a charge ended, in a transaction of its own, and return what the payment came to.

    Locks the booking, then the payment. What the gateway knows for certain counts for a charge that was given up
    meanwhile, too. A charge that counted as failed and was made is refunded. Changes nothing otherwise.
    """
    result, is_cancelled = _settle(payment_id, lease=lease, outcome=outcome, actor=actor)
    if is_cancelled:
        wake_worker()
    return result


@in_transaction("payment.settled")
def _settle(payment_id: int, *, lease: UUID, outcome: ChargeOutcome, actor: Actor) -> tuple[PaymentResult, bool]:
    booking, payment = lock_with_booking(payment_id)
    now, is_cancelled = database_time(), False
    if payment.state in UNANSWERED:
        is_cancelled = settle_locked(booking, payment, lease=lease, outcome=outcome, actor=actor, now=now)
    elif payment.state == PaymentState.FAILED and isinstance(outcome, Charged):
        # Staff said that it was not made, and were wrong. The booking may be paid by another payment by now.
        log.error("payment.charged_after_all", booking=booking.reference)
        owe_refund(booking, payment, now=now)
    return result_of(booking, payment, actor=actor, at=now), is_cancelled


def lock_with_booking(payment_id: int) -> tuple[Booking, Payment]:
    """Lock a payment and, before it, the booking it belongs to. Assumes an open transaction."""
    booking_id = Payment.objects.values_list("booking_id", flat=True).get(pk=payment_id)
    booking, _ = lock_booking(booking_id, actor=SYSTEM)
    return booking, lock_payment(payment_id)


def lock_payment(payment_id: int) -> Payment:
    """Lock a payment, after the booking that it belongs to."""
    return Payment.objects.select_for_update().get(pk=payment_id)


def settle_locked(
    booking: Booking, payment: Payment, *, lease: UUID | None, outcome: ChargeOutcome, actor: Actor, now: datetime
) -> bool:
    """
    Record how a charge ended. Booking and payment are locked, and the charge has no outcome yet.

    Tells whether the booking was cancelled by it. Does not wake the worker.

    A charge that succeeds after its booking ended, or after staff asked to cancel it, is refunded.
    """
    is_cancelled = False
    match outcome:
        case Charged() if booking.status == BookingStatus.INITIATED and not booking.cancel_requested:
            _end(payment, PaymentState.SUCCEEDED, now)
            book(booking, actor=actor, now=now)
        case Charged():
            owe_refund(booking, payment, now=now)
            is_cancelled = _carry_out_cancellation(booking, now)
        case Declined() | Closed():
            why = outcome.code if isinstance(outcome, Declined) else "not paid"
            _end(payment, PaymentState.FAILED, now, why=why)
            booking.active_payment_id = None
            show_payment(booking, ShownPayment.FAILED, now=now)
            note_event(booking, EventKind.PAYMENT_FAILED, Cause(actor, note=why[:500]), now=now)
            is_cancelled = _carry_out_cancellation(booking, now)
        case AwaitsPayer() | AwaitsBank():
            leases.try_later(payment, Unknown(type(outcome).__name__), lease=lease, now=now)
            return False
        case Unknown() | NotSent() | Mistake():
            no_answer = Unknown(outcome.why) if isinstance(outcome, Mistake) else outcome
            leases.try_later(payment, no_answer, lease=lease, now=now)
            return False
    idempotency.finish_call(payment.gateway_key, result_of(booking, payment, actor=actor, at=now))
    return is_cancelled


def result_of(booking: Booking, payment: Payment, *, actor: Actor, at: datetime) -> PaymentResult:
    """
    What the request that started this payment came to.

    A refusal names the actor's request; where the worker or support staff settle, the one that made the booking.
    """
    if payment.state in UNANSWERED:
        return PaymentPending(booking, at)
    if payment.state == PaymentState.SUCCEEDED:
        return Paid(booking, at)
    problem = (
        PaymentDeclined()
        if payment.state == PaymentState.FAILED
        else BookingCancelled("This booking was cancelled before the payment ended; the money is refunded.")
    )
    request_id = "" if actor.is_staff else actor.request_id
    return Refused("pay", problem, request_id or booking.request_id)


def owe_refund(booking: Booking, payment: Payment, *, now: datetime) -> None:
    """Put a payment's money on record as owed to the customer; the worker refunds it. Both are locked."""
    due = {"state": PaymentState.REFUND_DUE, "active_booking_id": None, "settled_at": payment.settled_at or now}
    leases.write(payment, {**due, **leases.not_sent_yet(now)})
    if booking.active_payment_id not in (None, payment.pk):
        return  # another payment counts: this one was taken for failed
    if booking.status != BookingStatus.BOOKED:
        booking.active_payment_id = None
    show_payment(booking, ShownPayment.REFUND_DUE, now=now)
    # A booked one names its payment until it is cancelled, which is next.
    booking.active_payment_id = None


def settle_due_payments(*, payments: Gateways, deadline: Deadline) -> int:
    """
    Ask the gateway, under the same key, about charges whose outcome is unknown. Returns how many were asked.
    """
    rows = Payment.objects.filter(state=PaymentState.PROCESSING).due(database_time())

    def ask(payment_id: int) -> int:
        lease = uuid.uuid4()
        payment = claim_payment(payment_id, state=PaymentState.PROCESSING, lease=lease)
        if payment is None:
            return 0
        charge_and_settle(payment, payments=payments, lease=lease, actor=SYSTEM)
        return 1

    ids = rows.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, ask, deadline=deadline)


def charge_and_settle(payment: Payment, *, payments: Gateways, lease: UUID, actor: Actor) -> PaymentResult:
    """Ask the gateway for the money, outside any transaction, and record what it said."""
    gateway = gateway_of(payment, payments)
    outcome: ChargeOutcome = NO_GATEWAY
    if gateway is not None:
        outcome = gateway.charge(intent_of(payment), payer_token="", seconds=WORKER_CALL_SECONDS)  # nosec B106
    return settle_payment(payment.pk, lease=lease, outcome=outcome, actor=actor)


@in_transaction("payment.claim")
def claim_payment(payment_id: int, *, state: PaymentState, lease: UUID) -> Payment | None:
    """
    Lease a payment that waits for the gateway, as `leases.claim` does. One that was first sent too long ago is dead.

    A dead charge keeps its booking from being paid again, as one that is being settled does: it may have been made.
    """

    def give_up(payment: Payment, now: datetime) -> None:
        leases.write(payment, {"state": GIVEN_UP[state], **leases.over(payment.last_error)})

    return leases.claim(
        Payment, payment_id, lease=lease, is_unanswered=lambda payment: payment.state == state, give_up=give_up
    )


def _end(payment: Payment, state: PaymentState, now: datetime, why: str = "") -> None:
    active = payment.booking_id if state == PaymentState.SUCCEEDED else None
    leases.write(payment, {"state": state, "active_booking_id": active, "settled_at": now, **leases.over(why)})


def _carry_out_cancellation(booking: Booking, now: datetime) -> bool:
    """Cancel what staff asked to cancel while the charge was running, in their name; tell whether they did."""
    if booking.status != BookingStatus.INITIATED or not booking.cancel_requested:
        return False
    wish = BookingEvent.objects.filter(booking=booking, what=EventKind.CANCEL_REQUESTED).order_by("pk")[0]
    actor = Actor(kind=ActorKind(wish.actor_kind), name=wish.actor_name, request_id=wish.request_id)
    cancel(booking, Cause(actor, CancelReason(wish.reason), wish.note), now=now)
    return True
