"""Let staff decide about a charge that the worker has given up: whether it was made, or to ask again."""

import uuid
from uuid import UUID

from bookings.conf import PAYMENT_LEASE
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import NothingToDecide, PaymentNotFound
from bookings.lifecycle import Decision
from bookings.models import Booking, Payment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.ports import Charged, ChargeOutcome, Closed
from bookings.services.payments.gateways import Gateways
from bookings.services.payments.look import ask_and_settle
from bookings.services.payments.settle import lock_with_booking, marked_closing, settle_locked
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.leases import leased, write
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import refuse_to_count_twice
from bookings.services.shared.transitions import note_event
from bookings.wake import wake_worker


def resolve_payment(*, payment_id: int, resolution: Resolution, payments: Gateways) -> Payment:
    """
    Carry out what staff decided about a dead charge, and return the payment as it is then.

    To retry is to ask the gateway to close the payment, once: that says as well whether it was made. Without an answer
    it is dead again at the next pass. *Applied* and *not applied* take the place of the gateway's answer; nothing is
    sent. The same page sent twice decides once.

    :raises PaymentNotFound: if there is no such payment
    :raises NothingToDecide: if it is not dead, or no longer
    :raises RetryTooLate: if it was first sent so long ago that its key is surely forgotten
    """
    lease = uuid.uuid4()
    try:
        if resolution.is_retry:
            payment = _claim(payment_id, lease=lease, resolution=resolution)
        else:
            payment = _decide(payment_id, resolution=resolution)
    except KeyTaken:
        payment = Payment.objects.get(pk=payment_id)
    if payment.lease == lease:
        ask_and_settle(payment, payments=payments, lease=lease)
        payment.refresh_from_db()
    else:
        wake_worker()  # there may be money to refund, or seats to release
    return payment


@in_transaction("payment.retry")
def _claim(payment_id: int, *, lease: UUID, resolution: Resolution) -> Payment:
    resolution.begin("payment", row_id=payment_id)
    booking, payment = _lock_dead(payment_id, about=resolution.about)
    now = database_time()
    refuse_to_count_twice(payment.first_sent_at, now, knows_keys=True)
    again = {"state": PaymentState.PROCESSING, **marked_closing(payment, now)}
    write(payment, {**again, **leased(lease, now, before=payment, term=PAYMENT_LEASE)})
    note_event(booking, EventKind.PAYMENT_RETRIED, resolution.cause(), now=now)
    return payment


@in_transaction("payment.decide")
def _decide(payment_id: int, *, resolution: Resolution) -> Payment:
    resolution.begin("payment", row_id=payment_id)
    booking, payment = _lock_dead(payment_id, about=resolution.about)
    now, is_applied = database_time(), resolution.decision is Decision.APPLIED
    note_event(booking, EventKind.PAYMENT_RESOLVED, resolution.cause(resolution.decision), now=now)
    outcome: ChargeOutcome = Charged(payment.money, payment.gateway_key) if is_applied else Closed()
    why = "not charged, as staff found out"
    settle_locked(booking, payment, lease=None, outcome=outcome, actor=resolution.actor, now=now, why=why)
    return payment


def _lock_dead(payment_id: int, *, about: str) -> tuple[Booking, Payment]:
    """Lock a payment whose charge waits for a decision: the one that staff had before them."""
    if not Payment.objects.filter(pk=payment_id).exists():
        raise PaymentNotFound
    booking, payment = lock_with_booking(payment_id)
    if payment.state != PaymentState.DEAD or about not in ("", payment.state):
        raise NothingToDecide(f"This payment does not wait for a decision: it is {payment.state}.")
    return booking, payment
