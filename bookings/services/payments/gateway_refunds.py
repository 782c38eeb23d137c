"""Bring our refunds of a payment in step with those that its gateway lists, and take in those that were made there."""

import uuid
from collections.abc import Sequence

import structlog

from bookings.actor import SYSTEM, Cause
from bookings.conf import FIRST_LOOK_PAUSE
from bookings.db.clock import database_time
from bookings.db.rows import insert
from bookings.db.transactions import in_transaction
from bookings.lifecycle import RefundCause
from bookings.models import Payment, Refund
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import CHARGED
from bookings.models.refunds import RefundSource, RefundState
from bookings.ports import RefundAwaits, Refunded, RefundFailed, RefundsSeen, SeenRefund
from bookings.services.payments.owe import show_refunds
from bookings.services.payments.refund import settle_refund
from bookings.services.payments.settle import lock_with_booking
from bookings.services.shared import leases
from bookings.services.shared.transitions import note_event

log = structlog.get_logger(__name__)

MADE_THERE = "Made on the gateway's own pages."

# What a row says of a refund that stands so at the gateway.
STATES = {Refunded: RefundState.DONE, RefundAwaits: RefundState.SENT, RefundFailed: RefundState.FAILED}


def record_refunds(payment_id: int, seen: RefundsSeen) -> bool:
    """
    Record how each refund of a payment stands at the gateway. False: one of them cannot be taken in, or not yet.

    One that is not ours becomes a row of its own, unless it failed. Changes nothing where both sides agree.
    """
    recorded = [_record(payment_id, each) for each in seen.refunds]
    return all(recorded)


def row_of(payment_id: int, seen: SeenRefund) -> Refund | None:
    """Find our row of a refund: by our key, which is known before the gateway's name, or by that."""
    rows = Refund.objects.filter(payment_id=payment_id)
    by_key = rows.filter(key=seen.key).first() if seen.key is not None else None
    return by_key or rows.filter(gateway_id=seen.id).first()


def _record(payment_id: int, seen: SeenRefund) -> bool:
    row = row_of(payment_id, seen)
    if row is not None:
        if row.state != STATES[type(seen.outcome)]:
            settle_refund(row.pk, lease=None, outcome=seen.outcome)
        return True
    return isinstance(seen.outcome, RefundFailed) or _adopt(payment_id, seen)


@in_transaction("refund.adopted")
def _adopt(payment_id: int, seen: SeenRefund) -> bool:
    """
    Write down a refund that is at the gateway and not here; tell whether that could be done.

    It cannot while as much is on its way back already: that refund is refused by the gateway, and then it can. Nor can
    one in another currency, which is for operators.
    """
    booking, payment = lock_with_booking(payment_id)
    now = database_time()
    if row_of(payment_id, seen) is not None:
        return True
    is_too_much = seen.money.currency != payment.currency or seen.money.amount > payment.left.amount
    if payment.state not in CHARGED or is_too_much:
        log.warning("refund.not_adopted", booking=booking.reference, item=seen.id)
        return False
    is_made = isinstance(seen.outcome, Refunded)
    times = {"done_at": now} if is_made else {"sent_at": now, "next_at": now + FIRST_LOOK_PAUSE}
    insert(
        Refund(
            payment=payment,
            amount=seen.money.amount,
            currency=payment.currency,
            key=seen.key or uuid.uuid4(),
            gateway_id=seen.id,
            state=STATES[type(seen.outcome)],
            cause=RefundCause.OTHER,
            source=RefundSource.GATEWAY,
            note=MADE_THERE,
            created_at=now,
            **times,
        )
    )
    leases.write(payment, {"refunded": payment.refunded + seen.money.amount})
    show_refunds(booking, payment, now=now)
    what = EventKind.REFUNDED if is_made else EventKind.REFUND_ASKED
    note_event(booking, what, Cause(SYSTEM), now=now, amount=seen.money.amount)
    log.info("refund.adopted", booking=booking.reference, item=seen.id)
    return True


def all_agree(payment: Payment, listed: Sequence[SeenRefund]) -> bool:
    """
    Tell whether our refunds of a payment are those that the gateway lists. What is under way here is left out.

    One that failed there and is not known here moved no money.
    """
    rows = list(payment.refunds.all())
    settled = {row.pk: row for row in rows if row.state in (RefundState.DONE, RefundState.FAILED)}
    for seen in listed:
        row = next((row for row in rows if row.key == seen.key or row.gateway_id == seen.id), None)
        if row is None:
            if not isinstance(seen.outcome, RefundFailed):
                return False
        elif row.pk in settled and (row.state != STATES[type(seen.outcome)] or row.money != seen.money):
            return False
        settled.pop(row.pk if row is not None else 0, None)
    return not any(row.state == RefundState.DONE for row in settled.values())
