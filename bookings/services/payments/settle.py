"""Record what the gateway says of a payment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Actor, ActorKind, Cause
from bookings.answers.results import Paid, PaymentPending, Refused
from bookings.conf import CLOCK_TOLERANCE, LOOK_EVERY, RETRY_AFTER_SECONDS
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.errors import (
    BookingCancelled,
    PaymentDeclined,
    PaymentGatewayUnavailable,
    PaymentNotCompleted,
    PaymentTokenInvalid,
    Refusal,
)
from bookings.lifecycle import BookingStatus, CancelReason, ShownPayment
from bookings.models import Booking, BookingEvent, Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import UNANSWERED, PaymentState, PaymentStep
from bookings.observability import metrics
from bookings.ports import (
    TOKEN_INVALID,
    Action,
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
from bookings.services.payments.owe import owe_refund
from bookings.services.shared import idempotency, leases
from bookings.services.shared.retry_policy import next_try
from bookings.services.shared.transitions import book, cancel, end_payment, lock_booking, show_payment
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)

PaymentResult = Paid | PaymentPending | Refused


@dataclass(frozen=True, slots=True)
class Settled:
    """A payment as it is once an outcome is recorded, and what the request that began it came to."""

    payment: Payment
    result: PaymentResult
    is_cancelled: bool = False
    # Nothing was sent, so nothing was decided: the key is free again.
    is_unsent: bool = False


def settle_payment(
    payment_id: int, *, lease: UUID | None, outcome: ChargeOutcome, actor: Actor = SYSTEM
) -> PaymentResult:
    """
    Record what the gateway says of a payment, and return what it came to. See `record_outcome`.

    :raises PaymentGatewayUnavailable: if that is that nothing was sent: the key is free again
    """
    return record_outcome(payment_id, lease=lease, outcome=outcome, actor=actor).result


def record_outcome(payment_id: int, *, lease: UUID | None, outcome: ChargeOutcome, actor: Actor = SYSTEM) -> Settled:
    """
    Record what the gateway says of a payment, in a transaction of its own.

    Locks the booking, then the payment. What the gateway knows for certain counts under any lease, and
    for one that was given up meanwhile, too. One that counted as failed and was charged is refunded.

    :raises PaymentGatewayUnavailable: as `settle_payment` does
    """
    settled = _settle(payment_id, lease=lease, outcome=outcome, actor=actor)
    if settled.is_cancelled:
        wake_worker()
    if settled.is_unsent:
        raise PaymentGatewayUnavailable(retry_after=RETRY_AFTER_SECONDS)
    return settled


@in_transaction("payment.settled")
def _settle(payment_id: int, *, lease: UUID | None, outcome: ChargeOutcome, actor: Actor) -> Settled:
    booking, payment = lock_with_booking(payment_id)
    now, is_cancelled, is_unsent = database_time(), False, False
    if payment.state in UNANSWERED:
        is_unsent = _is_unsent(payment, outcome, lease)
        is_cancelled = settle_locked(booking, payment, lease=lease, outcome=outcome, actor=actor, now=now)
    elif payment.state == PaymentState.FAILED and isinstance(outcome, Charged):
        # Staff said that it was not made, and were wrong. The booking may be paid by another payment by now.
        log.error("payment.charged_after_all", booking=booking.reference)
        owe_refund(booking, payment, now=now)
    action = outcome.action if isinstance(outcome, AwaitsPayer) else None
    result = result_of(booking, payment, actor=actor, at=now, action=action)
    return Settled(payment, result, is_cancelled, is_unsent)


def lock_with_booking(payment_id: int) -> tuple[Booking, Payment]:
    """Lock a payment and, before it, the booking it belongs to. Assumes an open transaction."""
    booking_id = Payment.objects.values_list("booking_id", flat=True).get(pk=payment_id)
    booking, _ = lock_booking(booking_id, actor=SYSTEM)
    return booking, lock_payment(payment_id)


def lock_payment(payment_id: int) -> Payment:
    """Lock a payment, after the booking that it belongs to."""
    return Payment.objects.select_for_update().get(pk=payment_id)


def settle_locked(
    booking: Booking,
    payment: Payment,
    *,
    lease: UUID | None,
    outcome: ChargeOutcome,
    actor: Actor,
    now: datetime,
    why: str = "",
) -> bool:
    """
    Record what the gateway says of a payment. Booking and payment are locked, and it has no outcome yet.

    Tells whether the booking was cancelled by it. Does not wake the worker.

    A charge that succeeds after its booking ended, or after staff asked to cancel it, is refunded. `why` is what is
    noted of a payment that fails.
    """
    if _is_unsent(payment, outcome, lease):
        idempotency.forget_call(payment.gateway_key)
        return fail(booking, payment, Cause(actor, note="the payment gateway was not reached"), now=now)
    match outcome:
        case Charged():
            is_cancelled = _take_in(booking, payment, outcome, actor=actor, now=now)
        case Closed():
            is_cancelled = fail(booking, payment, Cause(actor, note=why or payment.decline_code or "not paid"), now=now)
        case Declined() if _is_final(payment, lease):
            payment.decline_code = outcome.code[:64]
            is_cancelled = fail(booking, payment, Cause(actor, note=payment.decline_code), now=now)
        case _:
            _go_on_waiting(booking, payment, outcome, lease=lease, now=now)
            return False
    if payment.state != PaymentState.DEAD:
        idempotency.finish_call(payment.gateway_key, result_of(booking, payment, actor=actor, at=now))
    return is_cancelled


def _is_mine(payment: Payment, lease: UUID | None) -> bool:
    return lease is not None and payment.lease == lease


def _is_unsent(payment: Payment, outcome: ChargeOutcome, lease: UUID | None) -> bool:
    """
    Tell whether nothing of a payment was ever sent that could take money, for certain.

    To open takes none, whatever became of it. A charge that was not sent proves nothing about one before it.
    """
    if not _is_mine(payment, lease) or payment.state != PaymentState.PROCESSING:
        return False
    if payment.step == PaymentStep.STARTING:
        return isinstance(outcome, NotSent | Unknown | Mistake)
    return payment.step == PaymentStep.ASKED and payment.claims == 1 and isinstance(outcome, NotSent)


def _is_final(payment: Payment, lease: UUID | None) -> bool:
    """
    Tell whether a decline ends a payment: only if the one charge that was ever sent was declined.

    A second one may still be under way, and a payer who has the secret may try once more: then it is closed first.
    """
    return payment.step == PaymentStep.ASKED and payment.claims == 1 and _is_mine(payment, lease)


def _take_in(booking: Booking, payment: Payment, charged: Charged, *, actor: Actor, now: datetime) -> bool:
    """Record that money came in: for the booking, or to be given back, or for staff to look at."""
    if (charged.money, charged.key) != (payment.money, payment.gateway_key):
        metrics.MONEY_DIFFERS.inc()
        log.error("payment.money_differs", booking=booking.reference, item=f"payment {payment.pk}")
        _write(payment, {"state": PaymentState.DEAD, **leases.over("what came in is not what was asked for")})
        _show(booking, payment, now=now)
        return False
    if booking.status == BookingStatus.INITIATED and not booking.cancel_requested:
        columns = {"state": PaymentState.SUCCEEDED, "charge_id": charged.charge_id, "settled_at": now}
        _write(payment, {**columns, **leases.over()})
        book(booking, actor=actor, now=now)
        return False
    _write(payment, {"charge_id": charged.charge_id})
    owe_refund(booking, payment, now=now)
    return _carry_out_cancellation(booking, now)


def fail(booking: Booking, payment: Payment, cause: Cause, *, now: datetime) -> bool:
    """
    Record that a payment ended without its money, and cannot be paid any more. Both are locked.

    Tells whether the booking was cancelled: staff asked for that, or its payment window has closed meanwhile.
    """
    columns = {"state": PaymentState.FAILED, "active_booking_id": None, "settled_at": now}
    _write(payment, {**columns, "decline_code": payment.decline_code, **leases.over(cause.note)})
    end_payment(booking, cause, now=now)
    return _carry_out_cancellation(booking, now) or _expire(booking, now)


def _go_on_waiting(
    booking: Booking, payment: Payment, outcome: ChargeOutcome, *, lease: UUID | None, now: datetime
) -> None:
    """Record that a payment has no outcome yet: who has to do something, and when it is looked at again."""
    if payment.state != PaymentState.PROCESSING:
        return
    if isinstance(outcome, Mistake):
        log.error("payment.mistake", booking=booking.reference, reason=outcome.why[:200])
    step, is_mine = _next_step(booking, payment, outcome, now), _is_mine(payment, lease)
    columns: dict[str, object] = {"step": step}
    if isinstance(outcome, Declined | Mistake) and outcome.code:
        columns["decline_code"] = outcome.code[:64]
    if step == PaymentStep.CLOSING and payment.step != PaymentStep.CLOSING:
        columns |= marked_closing(payment, now)
        # Who has the lease closes it now; without one the worker does.
        columns["next_at"] = payment.next_at if payment.lease is not None else now
    elif is_mine:
        columns |= {"lease": None, "next_at": _next_look(payment, outcome, step, now), "last_error": _said(outcome)}
    leases.write(payment, columns)
    _show(booking, payment, now=now)


def marked_closing(payment: Payment, now: datetime) -> leases.Columns:
    """What to write of a payment that is to be closed from now on, or was so before."""
    is_so_already = payment.step == PaymentStep.CLOSING
    return {"step": PaymentStep.CLOSING, "closing_since": payment.closing_since if is_so_already else now}


def _next_step(booking: Booking, payment: Payment, outcome: ChargeOutcome, now: datetime) -> str:
    """Say what a payment without an outcome waits for. Once it is to be closed, that stays so."""
    unwanted = booking.cancel_requested or booking.status != BookingStatus.INITIATED or is_too_late(payment, now)
    match outcome:
        case _ if payment.step in (PaymentStep.STARTING, PaymentStep.CLOSING):
            return payment.step  # only its request knows that it is open
        case AwaitsPayer() | AwaitsBank() | Declined() if unwanted:
            return PaymentStep.CLOSING
        case AwaitsPayer(action=Action()):
            return PaymentStep.PAYER
        case AwaitsBank():
            return PaymentStep.BANK
        case Declined():
            return PaymentStep.PAYER if payment.by_payer else PaymentStep.CLOSING
        case Mistake() if payment.step == PaymentStep.ASKED:
            return PaymentStep.CLOSING
    return payment.step


def is_too_late(payment: Payment, now: datetime) -> bool:
    """Tell whether the time to charge is over. A payment that a clock made that was ahead is too old."""
    if not clock_is_proven():
        return False
    is_over = payment.act_until is not None and payment.act_until <= now
    return is_over or payment.created_at > now + CLOCK_TOLERANCE


def _next_look(payment: Payment, outcome: ChargeOutcome, step: str, now: datetime) -> datetime:
    """Say when the worker looks again: at the end of the time to pay at the latest."""
    if step == PaymentStep.PAYER:
        wanted = now + LOOK_EVERY
    elif isinstance(outcome, AwaitsBank) and step != PaymentStep.CLOSING:
        wanted = now + min(LOOK_EVERY, timedelta(seconds=2.0 ** min(payment.claims, 10)))
    else:
        wanted = next_try(now, claims=payment.claims, asked_for=getattr(outcome, "retry_after", None))
    return (
        wanted if payment.act_until is None or step == PaymentStep.CLOSING else min(wanted, max(payment.act_until, now))
    )


def _said(outcome: ChargeOutcome) -> str:
    return str(getattr(outcome, "why", ""))[:200]


def _show(booking: Booking, payment: Payment, *, now: datetime) -> None:
    """Show clients whether the payer has something to do; write nothing if they see that already."""
    waits_for_payer = payment.step == PaymentStep.PAYER
    shown = ShownPayment.AWAITING_PAYER if waits_for_payer else ShownPayment.SETTLING
    if booking.active_payment_id == payment.pk and booking.payment_state != shown:
        show_payment(booking, shown, now=now)


def _write(payment: Payment, columns: leases.Columns) -> None:
    """Set columns of a payment that is not processing any more, or stays what it is: it has no step."""
    leases.write(payment, {"step": "", **columns})


def result_of(
    booking: Booking, payment: Payment, *, actor: Actor, at: datetime, action: Action | None = None
) -> PaymentResult:
    """
    What the request that started this payment came to.

    A refusal names the actor's request; where the worker or support staff settle, the one that made the booking.
    """
    if payment.state in UNANSWERED:
        return PaymentPending(booking, payment, at, action if payment.step == PaymentStep.PAYER else None)
    if payment.state == PaymentState.SUCCEEDED:
        return Paid(booking, at)
    request_id = "" if actor.is_staff else actor.request_id
    return Refused("pay", _problem_of(payment), request_id or booking.request_id)


def _problem_of(payment: Payment) -> Refusal:
    if payment.state != PaymentState.FAILED:
        return BookingCancelled("This booking was cancelled before the payment ended; the money is refunded.")
    if not payment.decline_code:
        return PaymentNotCompleted()
    if payment.decline_code == TOKEN_INVALID:
        return PaymentTokenInvalid()
    return PaymentDeclined(details={"reason": payment.decline_code})


def _carry_out_cancellation(booking: Booking, now: datetime) -> bool:
    """Cancel what staff asked to cancel while the charge was running, in their name; tell whether they did."""
    if booking.status != BookingStatus.INITIATED or not booking.cancel_requested:
        return False
    wish = BookingEvent.objects.filter(booking=booking, what=EventKind.CANCEL_REQUESTED).order_by("pk")[0]
    actor = Actor(kind=ActorKind(wish.actor_kind), name=wish.actor_name, request_id=wish.request_id)
    cancel(booking, Cause(actor, CancelReason(wish.reason), wish.note), now=now)
    return True


def _expire(booking: Booking, now: datetime) -> bool:
    """Cancel a booking whose window closed while it was being paid; tell whether it did. It cannot be paid any more."""
    if booking.status != BookingStatus.INITIATED or now < booking.expires_at or not clock_is_proven():
        return False
    cancel(booking, Cause(SYSTEM, CancelReason.EXPIRED), now=now)
    return True
