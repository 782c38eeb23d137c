"""Let staff decide about a refund that the worker has given up: whether it was made, or to ask again."""

import uuid
from uuid import UUID

from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import NothingToDecide, RefundNotFound
from bookings.lifecycle import Decision, RefundCause
from bookings.models import Booking, Payment, Refund
from bookings.models.bookings.booking_event import EventKind
from bookings.models.refunds import RefundDecision, RefundState
from bookings.services.payments.gateways import Gateways
from bookings.services.payments.owe import add_refund, show_refunds
from bookings.services.payments.refund import lock_refund, record_refund, refund_and_settle
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import leased, over, write
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.services.shared.transitions import note_event
from bookings.wake import wake_worker


def resolve_refund(*, refund_id: int, resolution: Resolution, payments: Gateways) -> Refund:
    """
    Carry out what staff decided about a dead refund, and return it as it is then.

    To retry sends the same request under the same key, once; without an answer it is dead again at the next pass.
    *Applied* and *not applied* take the place of the gateway's answer; nothing is sent. For a refund that was not made
    another one is due, under a key of its own. The same page sent twice decides once.

    :raises RefundNotFound: if there is no such refund
    :raises NothingToDecide: if it is not dead, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key is surely forgotten
    """
    lease = uuid.uuid4()
    try:
        if resolution.is_retry:
            refund = _claim(refund_id, lease=lease, resolution=resolution)
        else:
            refund = _decide(refund_id, resolution=resolution)
    except KeyTaken:
        refund = Refund.objects.get(pk=refund_id)
    if refund.lease == lease:
        refund_and_settle(refund, payments=payments, lease=lease)
        refund.refresh_from_db()
    else:
        wake_worker()  # there may be money to refund
    return refund


@in_transaction("refund.retry")
def _claim(refund_id: int, *, lease: UUID, resolution: Resolution) -> Refund:
    resolution.begin("refund", row_id=refund_id)
    booking, _payment, refund = _lock_dead(refund_id, about=resolution.about)
    now = database_time()
    refuse_to_count_twice(refund.first_sent_at, now, knows_keys=True)
    write(refund, {"state": RefundState.DUE, **leased(lease, now, before=refund)})
    note_event(booking, EventKind.REFUND_RETRIED, resolution.cause(), now=now)
    return refund


@in_transaction("refund.decide")
def _decide(refund_id: int, *, resolution: Resolution) -> Refund:
    resolution.begin("refund", row_id=refund_id)
    booking, payment, refund = _lock_dead(refund_id, about=resolution.about)
    now = database_time()
    is_made = resolution.decision is Decision.APPLIED
    cause, amount = resolution.cause(resolution.decision), refund.amount if is_made else 0
    note_event(booking, EventKind.REFUND_RESOLVED, cause, now=now, amount=amount)
    if is_made:
        record_refund(booking, payment, refund, {}, now=now)
        return refund
    # What was asked for under this key may still be found at the gateway: the row keeps it.
    failed = {"state": RefundState.FAILED, "decision": RefundDecision.AGAIN, **over(refund.last_error)}
    write(refund, failed)
    write(payment, {"refunded": payment.refunded - refund.amount})
    why = RefundCause(refund.cause)
    add_refund(payment, refund.amount, why, actor=resolution.actor, note=resolution.note, now=now)
    show_refunds(booking, payment, now=now)
    return refund


def _lock_dead(refund_id: int, *, about: str) -> tuple[Booking, Payment, Refund]:
    """Lock a refund that waits for a decision: the one that staff had before them."""
    if not Refund.objects.filter(pk=refund_id).exists():
        raise RefundNotFound
    booking, payment, refund = lock_refund(refund_id)
    if refund.state != RefundState.DEAD or about not in ("", refund.state):
        raise NothingToDecide(f"This refund does not wait for a decision: it is {refund.state}.")
    return booking, payment, refund
