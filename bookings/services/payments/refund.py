"""Give money back that was charged for bookings that ended."""

import uuid
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM, Cause
from bookings.conf import CALLS_PER_PASS, WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import ShownPayment
from bookings.models import Booking, Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import OWED, PaymentState
from bookings.ports import NotSent, RefundAwaits, Refunded, RefundFailed, RefundOrder, RefundOutcome, Unknown
from bookings.services.payments.gateways import NO_GATEWAY, Gateways, gateway_of, intent_of
from bookings.services.payments.settle import claim_payment, lock_with_booking
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import note_event, show_payment


def refund_payments(*, payments: Gateways, deadline: Deadline) -> int:
    """Refund what is due, each under its own key, and return how many were refunded."""
    rows = Payment.objects.filter(state=PaymentState.REFUND_DUE).due(database_time())

    def refund(payment_id: int) -> int:
        lease = uuid.uuid4()
        payment = claim_payment(payment_id, state=PaymentState.REFUND_DUE, lease=lease)
        if payment is None:
            return 0
        return refund_and_settle(payment, payments=payments, lease=lease)

    ids = rows.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, refund, deadline=deadline)


def refund_and_settle(payment: Payment, *, payments: Gateways, lease: UUID) -> int:
    """Ask the gateway to refund, outside any transaction, and record what it said. Returns how many were refunded."""
    gateway = gateway_of(payment, payments)
    outcome: RefundOutcome = NO_GATEWAY
    if gateway is not None:
        intent = intent_of(payment)
        order = RefundOrder(payment.refund_key, "", intent, payment.charge_id, payment.money, "")
        outcome = gateway.refund(order, seconds=WORKER_CALL_SECONDS)
    return _settle_refund(payment.pk, lease=lease, outcome=outcome)


@in_transaction("payment.refunded")
def _settle_refund(payment_id: int, *, lease: UUID, outcome: RefundOutcome) -> int:
    """
    Record how a refund ended. Changes nothing if it was recorded meanwhile.

    What the gateway knows for certain counts for a refund that was given up meanwhile, too.
    """
    booking, payment = lock_with_booking(payment_id)
    if payment.state not in OWED:
        return 0
    now = database_time()
    match outcome:
        case Refunded():
            record_refund(booking, payment, now=now)
            note_event(booking, EventKind.REFUNDED, Cause(SYSTEM), now=now)
            return 1
        case RefundFailed():
            leases.write(payment, {"state": PaymentState.REFUND_DEAD, **leases.over(outcome.why)})
            return 0
        case Unknown() | NotSent() | RefundAwaits():
            no_answer = Unknown(outcome.why) if isinstance(outcome, RefundAwaits) else outcome
            leases.try_later(payment, no_answer, lease=lease, now=now)
            return 0


def record_refund(booking: Booking, payment: Payment, *, now: datetime) -> None:
    """Put on record that the money of a payment went back. Both are locked."""
    leases.write(payment, {"state": PaymentState.REFUNDED, "refunded_at": now, **leases.over()})
    due = Payment.objects.filter(booking=booking, state__in=OWED).exclude(pk=payment.pk)
    # Clients see one refund: it is made once none is due.
    if booking.payment_state == ShownPayment.REFUND_DUE and not due.exists():
        show_payment(booking, ShownPayment.REFUNDED, now=now)
