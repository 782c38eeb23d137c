"""Let staff decide about a refund that failed: ask for another one, say where the money went, or leave it."""

from dataclasses import dataclass
from datetime import datetime

from bookings.actor import Actor, Cause
from bookings.conf import LONGEST_NOTE, LONGEST_REFUND_REFERENCE
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import InvalidRequest, MoneyIsOwed, NothingToDecide, RefundNotFound, RefundTooLarge, StaffOnly
from bookings.lifecycle import AfterFailure, RefundCause
from bookings.models import Booking, Payment, Refund
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.models.refunds import RefundDecision, RefundState
from bookings.services.payments.owe import add_refund, show_refunds
from bookings.services.payments.refund import lock_refund
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import write
from bookings.services.shared.staff_actions import begin_staff_action, wrong_with_note
from bookings.services.shared.transitions import note_event
from bookings.text.legible import is_legible, is_orderly
from bookings.wake import wake_worker


@dataclass(frozen=True, slots=True)
class FailureResolution:
    """
    What staff decided about a refund that failed: who, why, and on which page.

    `reference` says where the money went on another way: the number of a bank transfer, or the like.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note or a reference that is needed says nothing, or too much
    """

    decision: AfterFailure
    actor: Actor
    note: str
    action_key: str
    reference: str = ""

    def __post_init__(self) -> None:
        if not self.actor.is_staff:
            raise StaffOnly
        if wrong := wrong_with_note(self.note):
            raise InvalidRequest(fields={"note": wrong})
        is_readable = is_legible(self.reference) and is_orderly(self.reference)
        if self.decision is AfterFailure.ELSEWHERE and not (
            is_readable and len(self.reference) <= LONGEST_REFUND_REFERENCE
        ):
            said = f"Say by what it can be found, in at most {LONGEST_REFUND_REFERENCE} characters."
            raise InvalidRequest(fields={"reference": said})


def decide_failed_refund(*, refund_id: int, resolution: FailureResolution) -> Refund:
    """
    Carry out what staff decided about a refund that failed, and return it as it is then.

    *Again*: another refund of the same amount is due, under a key of its own. *Elsewhere*: the money counts as gone
    back. *Leave it*: it stays here, which is only possible while the booking goes on. The same page sent twice
    decides once.

    :raises RefundNotFound: if there is no such refund
    :raises NothingToDecide: if it has not failed, or has been decided about
    :raises RefundTooLarge: if less is left of its payment by now
    :raises MoneyIsOwed: if it is to be left, and the customer must have the money
    """
    if not Refund.objects.filter(pk=refund_id).exists():
        raise RefundNotFound
    try:
        refund = _decide(refund_id, resolution)
    except KeyTaken:
        return Refund.objects.get(pk=refund_id)
    if resolution.decision is AfterFailure.AGAIN:
        wake_worker()
    return refund


@in_transaction("refund.decide_failed")
def _decide(refund_id: int, resolution: FailureResolution) -> Refund:
    begin_staff_action("decide failed refund", key=resolution.action_key, actor=resolution.actor, row_id=refund_id)
    booking, payment, refund = lock_refund(refund_id)
    if refund.state != RefundState.FAILED or refund.decision:
        raise NothingToDecide(f"This refund does not wait for a decision: it is {refund.standing}.")
    now = database_time()
    if resolution.decision is AfterFailure.LEAVE:
        _leave(booking, payment, refund, resolution, now=now)
        return refund
    if refund.amount > payment.left.amount:
        raise RefundTooLarge
    if resolution.decision is AfterFailure.AGAIN:
        write(refund, {"decision": RefundDecision.AGAIN})
        cause = RefundCause(refund.cause)
        add_refund(payment, refund.amount, cause, now=now, actor=resolution.actor, note=resolution.note)
        note_event(booking, EventKind.REFUND_RETRIED, Cause(resolution.actor, note=resolution.note), now=now)
    else:
        elsewhere = {"state": RefundState.ELSEWHERE, "reference": resolution.reference, "done_at": now}
        write(refund, elsewhere)
        write(payment, {"refunded": payment.refunded + refund.amount})
        said = f"{resolution.reference}: {resolution.note}"[:LONGEST_NOTE]
        note_event(
            booking, EventKind.REFUND_ELSEWHERE, Cause(resolution.actor, note=said), now=now, amount=refund.amount
        )
    show_refunds(booking, payment, now=now)
    return refund


def _leave(booking: Booking, payment: Payment, refund: Refund, resolution: FailureResolution, *, now: datetime) -> None:
    if payment.state != PaymentState.SUCCEEDED:
        raise MoneyIsOwed
    write(refund, {"decision": RefundDecision.LEFT})
    cause = Cause(resolution.actor, RefundDecision.LEFT, resolution.note)
    note_event(booking, EventKind.REFUND_RESOLVED, cause, now=now)
