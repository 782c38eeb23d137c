"""Give money back: send each refund once, and record what the gateway says of it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from bookings.actor import SYSTEM, Cause
from bookings.conf import CALLS_PER_PASS, FIRST_LOOK_PAUSE, LAST_LOOK_PAUSE, OFTEN_LOOKED_AT_FOR, PAYMENT_WORKER_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Booking, Payment, Refund
from bookings.models.bookings.booking_event import EventKind
from bookings.models.refunds import MOVING, UNFINISHED, RefundState
from bookings.ports import (
    NotSent,
    RefundAwaits,
    Refunded,
    RefundFailed,
    RefundOrder,
    RefundOutcome,
    Unknown,
)
from bookings.services.payments.gateways import NO_GATEWAY, Gateways, gateway_of, intent_of
from bookings.services.payments.owe import show_refunds
from bookings.services.payments.settle import lock_with_booking
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import note_event

log = structlog.get_logger(__name__)


def refund_payments(*, payments: Gateways, deadline: Deadline) -> int:
    """
    Refund what is due, each under its own key, and look at what the gateway has not made yet.

    None is claimed while its gateway is not available: a claim that sends nothing still counts as one. Returns how
    many refunds were made.
    """
    now = database_time()
    due = Refund.objects.filter(state=RefundState.DUE).due(now).order_by("next_at")
    sent = Refund.objects.to_look_at(now).order_by("next_at")

    rows = (row for found in (due, sent) for row in found.values_list("pk", "payment__gateway")[:CALLS_PER_PASS])
    gateway_names = dict(rows)

    def refund(refund_id: int) -> int:
        gateway = payments.get(gateway_names[refund_id])
        if gateway is not None and not gateway.is_available():
            return 0
        lease = uuid.uuid4()
        claimed = claim_refund(refund_id, lease=lease)
        return 0 if claimed is None else refund_and_settle(claimed, payments=payments, lease=lease)

    return for_each(list(gateway_names), refund, deadline=deadline)


@in_transaction("refund.claim")
def claim_refund(refund_id: int, *, lease: UUID) -> Refund | None:
    """Lease a refund, as `leases.claim` does. One that was first sent too long ago is dead."""

    def give_up(refund: Refund, now: datetime) -> None:
        leases.write(refund, {"state": RefundState.DEAD, **leases.over(refund.last_error)})

    return leases.claim(
        Refund, refund_id, lease=lease, is_unanswered=lambda refund: refund.state in MOVING, give_up=give_up
    )


def refund_and_settle(refund: Refund, *, payments: Gateways, lease: UUID) -> int:
    """
    Ask the gateway to refund, or how the refund stands, outside any transaction; record what it said.

    Returns how many were made by it.
    """
    payment = Payment.objects.get(pk=refund.payment_id)
    gateway = gateway_of(payment, payments)
    outcome: RefundOutcome = NO_GATEWAY
    if gateway is not None:
        intent = intent_of(payment)
        order = RefundOrder(
            refund.key, refund.gateway_id or "", intent, payment.charge_id, refund.money, str(refund.cause)
        )
        ask = gateway.look_at_refund if refund.state == RefundState.SENT else gateway.refund
        outcome = ask(order, seconds=PAYMENT_WORKER_SECONDS)
    return settle_refund(refund.pk, lease=lease, outcome=outcome)


@in_transaction("refund.settled")
def settle_refund(refund_id: int, *, lease: UUID | None, outcome: RefundOutcome) -> int:
    """
    Record what a gateway says of a refund, whether it was asked or has sent word. Returns 1 if it was made by that.

    What it knows for certain counts for a refund that was given up meanwhile, and a refund that was made can still
    fail. A refund about which staff have decided stays as it is.
    """
    booking, payment, refund = lock_refund(refund_id)
    now = database_time()
    match outcome:
        case Refunded():
            return _record_made(booking, payment, refund, outcome.id, now=now)
        case RefundFailed():
            _record_failure(booking, payment, refund, outcome, now=now)
        case RefundAwaits() if refund.state in UNFINISHED:
            _record_wait(refund, outcome, now=now)
        case NotSent() | Unknown() if refund.state == RefundState.SENT and refund.lease == lease:
            _look_later(refund, {"last_error": outcome.why[:200]}, now=now)
        case NotSent() | Unknown() if refund.state == RefundState.DUE:
            leases.try_later(refund, outcome, lease=lease, now=now)
    return 0


def lock_refund(refund_id: int) -> tuple[Booking, Payment, Refund]:
    """Lock a refund and, before it, its booking and its payment. Assumes an open transaction."""
    payment_id = Refund.objects.values_list("payment_id", flat=True).get(pk=refund_id)
    booking, payment = lock_with_booking(payment_id)
    return booking, payment, Refund.objects.select_for_update().get(pk=refund_id)


def record_refund(
    booking: Booking, payment: Payment, refund: Refund, columns: Mapping[str, Any], *, now: datetime
) -> None:
    """Put on record that the money of a refund went back. All three are locked."""
    leases.write(refund, {"state": RefundState.DONE, "done_at": now, **leases.over(), **columns})
    show_refunds(booking, payment, now=now)


def _record_made(booking: Booking, payment: Payment, refund: Refund, gateway_id: str, *, now: datetime) -> int:
    is_taken_back = refund.state == RefundState.FAILED and not refund.decision and refund.amount <= payment.left.amount
    if is_taken_back:
        leases.write(payment, {"refunded": payment.refunded + refund.amount})
    elif refund.state not in UNFINISHED:
        if refund.state != RefundState.DONE:
            # Staff said that it was not made, or made it on another way.
            log.error("refund.made_after_all", booking=booking.reference, refund=refund.pk, state=str(refund.state))
        return 0
    record_refund(booking, payment, refund, {"gateway_id": gateway_id or refund.gateway_id}, now=now)
    note_event(booking, EventKind.REFUNDED, Cause(SYSTEM), now=now, amount=refund.amount)
    return 1


def _record_failure(
    booking: Booking, payment: Payment, refund: Refund, outcome: RefundFailed, *, now: datetime
) -> None:
    """No money went back, or it came back again: staff decide. What it was to give back is left once more."""
    if refund.state not in (*UNFINISHED, RefundState.DONE):
        return
    gateway_id = outcome.id or refund.gateway_id
    failed = {"state": RefundState.FAILED, "done_at": None, "gateway_id": gateway_id}
    leases.write(refund, {**failed, **leases.over(outcome.why)})
    leases.write(payment, {"refunded": payment.refunded - refund.amount})
    show_refunds(booking, payment, now=now)
    # What the gateway says of it stands in the refund's row: it is for staff.
    note_event(booking, EventKind.REFUND_FAILED, Cause(SYSTEM), now=now)
    log.warning("refund.failed", booking=booking.reference, refund=refund.pk)


def _record_wait(refund: Refund, outcome: RefundAwaits, *, now: datetime) -> None:
    since = {"state": RefundState.SENT, "gateway_id": outcome.id or refund.gateway_id, "sent_at": refund.sent_at or now}
    refund.sent_at = since["sent_at"]
    _look_later(refund, {**since, "last_error": outcome.why[:200]}, now=now)


def _look_later(refund: Refund, columns: Mapping[str, Any], *, now: datetime) -> None:
    """
    Look at it again after a minute, and from the second hour on after an hour.

    A look changes nothing at the gateway, so it does not grow too old as a call does.
    """
    is_new = refund.sent_at is not None and now - refund.sent_at < OFTEN_LOOKED_AT_FOR
    pause = FIRST_LOOK_PAUSE if is_new else LAST_LOOK_PAUSE
    leases.write(refund, {**columns, "lease": None, "first_sent_at": None, "next_at": now + pause})
