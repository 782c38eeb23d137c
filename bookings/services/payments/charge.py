"""
Lead a payment on from where it is, for the request of its customer: open it, charge it, look at it, or close it.

Only this module asks for money. Between two calls stands a transaction that looks whether the money is still wanted.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from bookings.actor import Actor
from bookings.conf import LOOK_EVERY, PAYMENT_CHARGE_SECONDS, PAYMENT_LEASE, PAYMENT_OPEN_SECONDS, RETRY_NEEDS_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import BookingStatus, ShownPayment
from bookings.models import Booking, Payment
from bookings.models.payments import PaymentState, PaymentStep
from bookings.ports import (
    AwaitsPayer,
    ChargeOutcome,
    Intent,
    Mistake,
    NotSent,
    Opened,
    PaymentGateway,
    Unknown,
)
from bookings.services.payments.closing import begin_closing, close_and_settle
from bookings.services.payments.gateways import intent_of
from bookings.services.payments.settle import (
    PaymentResult,
    lock_with_booking,
    record_outcome,
    result_of,
    settle_payment,
)
from bookings.services.shared import leases
from bookings.services.shared.leases import leased
from bookings.services.shared.transitions import show_payment

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One request's work on a payment that it has leased: with what, where, for whom, and until when."""

    lease: UUID
    gateway: PaymentGateway
    actor: Actor
    deadline: Deadline
    payer_token: str = field(default="", repr=False)


def lead_on(payment: Payment, run: Run) -> PaymentResult:
    """
    Do what a leased payment needs next, until it has an outcome, waits for others, or the time is up.

    :raises PaymentGatewayUnavailable: if nothing was sent: the key is free again
    """
    match payment.step:
        case PaymentStep.STARTING:
            return _open(payment, run)
        case PaymentStep.CLOSING:
            return _close(payment, run)
        case _:
            return _look(payment, run)


def _open(payment: Payment, run: Run) -> PaymentResult:
    """Open a payment, twice if need be, and charge it if the payer has nothing to do."""
    intent = intent_of(payment)
    outcome = run.gateway.open(intent, seconds=min(PAYMENT_OPEN_SECONDS, run.deadline.left()))
    if isinstance(outcome, Unknown) and run.deadline.left() > PAYMENT_CHARGE_SECONDS / 2:
        outcome = run.gateway.open(intent, seconds=min(PAYMENT_OPEN_SECONDS, run.deadline.left()))
    if not isinstance(outcome, Opened):
        return _not_opened(payment, run, outcome)
    opened = mark_opened(payment.pk, lease=run.lease, opened=outcome)
    if opened is None:
        return _give_way(payment, run)
    if opened.step == PaymentStep.PAYER:
        booking = Booking.objects.get(pk=opened.booking_id)
        return result_of(booking, opened, actor=run.actor, at=database_time(), action=outcome.action)
    return _charge(opened, run)


def _not_opened(payment: Payment, run: Run, outcome: NotSent | Unknown | Mistake) -> PaymentResult:
    """Record that a payment was not opened. To open takes no money, so whatever became of it, it cannot be paid."""
    if isinstance(outcome, Mistake):
        log.error("payment.mistake", item=f"payment {payment.pk}", reason=outcome.why[:200])
    return settle_payment(payment.pk, lease=run.lease, outcome=outcome, actor=run.actor)


@in_transaction("payment.opened")
def mark_opened(payment_id: int, *, lease: UUID, opened: Opened | None) -> Payment | None:
    """
    Let a charge be sent, or the payer pay, if the money is still wanted: what follows cannot be taken back.

    Only under the own lease, within the time to charge, and for a booking that still waits for its money.
    `opened` is what the gateway has just said; None counts another charge of a payment that it knows. Gives the
    payment as it is then; None: do not go on.
    """
    booking, payment = lock_with_booking(payment_id)
    now = database_time()
    if not _is_wanted(booking, payment, now) or payment.lease != lease:
        return None
    if opened is None:
        columns = {"step": PaymentStep.ASKED, **leased(lease, now, before=payment, term=PAYMENT_LEASE)}
        leases.write(payment, columns)
        return payment
    if payment.step == PaymentStep.ASKED and payment.gateway_id == opened.id:
        return payment  # the COMMIT of the run before this was lost
    if payment.step != PaymentStep.STARTING:
        return None
    columns = {"gateway_id": opened.id or None, "by_payer": opened.action is not None, "step": PaymentStep.ASKED}
    if opened.action is not None:
        columns |= {"step": PaymentStep.PAYER, "lease": None, "next_at": now + LOOK_EVERY}
        show_payment(booking, ShownPayment.AWAITING_PAYER, now=now)
    leases.write(payment, columns)
    return payment


def _is_wanted(booking: Booking, payment: Payment, now: datetime) -> bool:
    """Tell whether a payment may still be charged. A lease that is over counts, until another process takes it."""
    is_open = payment.state == PaymentState.PROCESSING and payment.step != PaymentStep.CLOSING
    in_time = payment.act_until is None or now < payment.act_until
    return is_open and in_time and booking.status == BookingStatus.INITIATED and not booking.cancel_requested


def _give_way(payment: Payment, run: Run) -> PaymentResult:
    """End a payment that must not be charged, if it is still this request's; tell what has become of it."""
    claimed = begin_closing(payment.pk, lease=run.lease, is_wanted=True)
    if claimed is not None:
        return _close(claimed, run)
    left = Payment.objects.select_related("booking").get(pk=payment.pk)
    return result_of(left.booking, left, actor=run.actor, at=database_time())


def _charge(payment: Payment, run: Run) -> PaymentResult:
    """Ask for the money; where that has no answer, look, and ask once more if nothing has happened."""
    intent = intent_of(payment)
    outcome = _ask(intent, run)
    if isinstance(outcome, Unknown) and run.deadline.left() > RETRY_NEEDS_SECONDS:
        outcome = _ask_again(payment, intent, run, outcome)
    return _settle(payment, run, outcome)


def _ask(intent: Intent, run: Run) -> ChargeOutcome:
    seconds = min(PAYMENT_CHARGE_SECONDS, run.deadline.left())
    return run.gateway.charge(intent, payer_token=run.payer_token, seconds=seconds)


def _ask_again(payment: Payment, intent: Intent, run: Run, unknown: Unknown) -> ChargeOutcome:
    """
    Look at a charge without an answer, and send it once more if the gateway has not seen it. It is counted first.

    That a second one was not sent proves nothing: the first may still be under way.
    """
    seen = run.gateway.look(intent, seconds=min(PAYMENT_OPEN_SECONDS, run.deadline.left()))
    if isinstance(seen, Unknown | NotSent | Mistake):
        return unknown
    if not is_untouched(seen):
        return seen
    if run.deadline.left() < RETRY_NEEDS_SECONDS or mark_opened(payment.pk, lease=run.lease, opened=None) is None:
        return unknown
    again = _ask(intent, run)
    return unknown if isinstance(again, NotSent) else again


def is_untouched(outcome: ChargeOutcome) -> bool:
    """Tell whether only a charge by us moves a payment: none came in yet, or the payer has done what was to do."""
    return isinstance(outcome, AwaitsPayer) and outcome.action is None


def _look(payment: Payment, run: Run) -> PaymentResult:
    """Look at a payment that was opened by an earlier request, and charge it if only that moves it."""
    outcome = run.gateway.look(intent_of(payment), seconds=min(PAYMENT_OPEN_SECONDS, run.deadline.left()))
    if is_untouched(outcome) and run.deadline.left() > RETRY_NEEDS_SECONDS:
        counted = mark_opened(payment.pk, lease=run.lease, opened=None)
        return _give_way(payment, run) if counted is None else _charge(counted, run)
    return _settle(payment, run, outcome)


def _settle(payment: Payment, run: Run, outcome: ChargeOutcome) -> PaymentResult:
    """Record an outcome. If the payment is to be closed now, and there is time, close it in this very request."""
    settled = record_outcome(payment.pk, lease=run.lease, outcome=outcome, actor=run.actor)
    left = settled.payment
    if left.step == PaymentStep.CLOSING and left.lease == run.lease and run.deadline.left() > RETRY_NEEDS_SECONDS:
        return _close(left, run)
    return settled.result


def _close(payment: Payment, run: Run) -> PaymentResult:
    seconds = min(PAYMENT_OPEN_SECONDS, run.deadline.left())
    return close_and_settle(payment, gateway=run.gateway, lease=run.lease, actor=run.actor, seconds=seconds).result
