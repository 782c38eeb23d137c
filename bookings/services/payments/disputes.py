"""Keep what a gateway says of a dispute. Never moves the booking: people decide what becomes of it."""

from datetime import datetime

import structlog

from bookings.actor import SYSTEM, Cause
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import Dispute, Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.ports import Disputed
from bookings.services.payments.settle import lock_with_booking
from bookings.services.shared.transitions import note_event

log = structlog.get_logger(__name__)


@in_transaction("dispute.seen")
def record_dispute(payment_id: int, *, seen: Disputed, looked_at: datetime) -> bool:
    """
    Write down how a dispute stands, as a look showed it that began at `looked_at`; tell whether anything is new.

    Locks the booking and the payment, so that two looks at once come one after the other. What an earlier look has
    shown does not replace what a later one has.
    """
    booking, payment = lock_with_booking(payment_id)
    now = database_time()
    row = Dispute.objects.select_for_update().filter(gateway=payment.gateway, gateway_id=seen.id).first()
    if row is not None and row.looked_at >= looked_at:
        return False
    was_open = row is not None and row.closed_at is None
    is_new = row is None
    row = row or Dispute(payment=payment, gateway=payment.gateway, gateway_id=seen.id)
    _show(row, seen, now=now)
    row.looked_at = looked_at
    row.save()
    if is_new:
        note_event(booking, EventKind.DISPUTED, Cause(SYSTEM, note=f"{row.money}: {row.reason}"), now=now)
        log.warning("dispute.opened", booking=booking.reference, reason=row.reason)
    if row.closed_at is not None and (is_new or was_open):
        said = Cause(SYSTEM, note=f"{row.money}: {row.outcome or row.standing}")
        note_event(booking, EventKind.DISPUTE_CLOSED, said, now=now)
        log.info("dispute.closed", booking=booking.reference, outcome=row.outcome)
    return True


def payment_of(seen: Disputed, *, gateway: str) -> Payment | None:
    """Find the payment that a dispute is about."""
    return Payment.objects.filter(gateway=gateway, gateway_id=seen.payment_id).first()


def _show(row: Dispute, seen: Disputed, *, now: datetime) -> None:
    row.amount, row.currency = seen.money.amount, seen.money.currency
    row.reason, row.standing, row.outcome = seen.reason[:64], seen.status[:32], seen.outcome[:32]
    row.refundable, row.answer_by, row.opened_at = seen.refundable, seen.answer_by, seen.opened_at
    row.closed_at = None if seen.is_open else row.closed_at or now
