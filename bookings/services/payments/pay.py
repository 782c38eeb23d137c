"""Take the money for a booking, once."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM, Actor, Cause
from bookings.answers.results import AlreadyDone, Refused
from bookings.conf import RETRY_AFTER_SECONDS
from bookings.db.clock import clock_is_proven
from bookings.db.rows import insert
from bookings.db.transactions import in_transaction
from bookings.errors import (
    AlreadyPaid,
    AmountMismatch,
    BookingCancelled,
    CurrencyMismatch,
    NotPayableYet,
    PaymentInProgress,
    PaymentWindowClosed,
    Refusal,
    RequestInProgress,
    TemporarilyUnavailable,
)
from bookings.lifecycle import BookingStatus, CancelReason, ShownPayment
from bookings.models import Booking, IdempotencyRecord, Payment
from bookings.models.access.idempotency import RecordState
from bookings.models.payments import PaymentState
from bookings.ports import PaymentGateway
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.payments.gateways import Gateways, intent_of
from bookings.services.payments.settle import PaymentResult, charge_and_settle, claim_payment, result_of, settle_locked
from bookings.services.shared import idempotency
from bookings.services.shared.idempotency import KeyedRequest, KeyTaken
from bookings.services.shared.leases import leased
from bookings.services.shared.transitions import cancel, lock_booking, show_payment
from bookings.wake import wake_worker


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """
    What a client wants: to pay `total_cost` minor units for a booking.

    `currency` is what these are of, as far as the client knows; None: the booking's, whatever that is. `seen` are the
    versions of the booking that it has seen; None: it does not mind.
    """

    booking_id: int
    total_cost: int
    currency: str | None = None
    seen: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request to pay; its keys are made before its transaction, so that a repeated block knows its own rows."""

    order: PaymentOrder
    actor: Actor
    keyed: KeyedRequest
    payments: PaymentGateway
    gateways: Gateways
    gateway_key: UUID = field(default_factory=uuid.uuid4)
    refund_key: UUID = field(default_factory=uuid.uuid4)
    lease: UUID = field(default_factory=uuid.uuid4)


def pay_booking(
    *, order: PaymentOrder, actor: Actor, keyed: KeyedRequest, payments: PaymentGateway, gateways: Gateways
) -> PaymentResult | AlreadyDone:
    """
    Pay a booking within its payment window.

    A charge whose outcome is unknown is pending: the worker settles it, and a repeat with the same key asks
    again. The client's key is kept here; the gateway gets one of ours. `payments` takes new payments; one that has
    begun stays at that of `gateways` where it began.

    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    :raises UserMismatch: if it is not the actor's and only the request itself names the actor
    :raises BookingChanged: if it is none of the versions that the client has seen
    :raises NotPayableYet: if its seats are not confirmed
    :raises TemporarilyUnavailable: if the database's clock has jumped past the payment window
    :raises PaymentInProgress: if another payment for it is being settled
    :raises RequestInProgress: if the same key is being worked on
    :raises IdempotencyKeyReused: if the key stands for another request
    """
    attempt = _Attempt(order, actor, keyed, payments, gateways)
    try:
        started, is_cancelled = _start(attempt)
    except KeyTaken:
        record = idempotency.find(keyed)
        if record is None:
            raise RequestInProgress(retry_after=1) from None
        return _go_on(record, attempt)
    if is_cancelled:
        wake_worker()
    if isinstance(started, Payment):
        return charge_and_settle(started, payments=gateways, lease=attempt.lease, actor=actor)
    return started


@in_transaction("payment.begin")
def _start(attempt: _Attempt) -> tuple[PaymentResult | Payment, bool]:
    """
    Start a payment, or decide against it. Where the gateway is this database, settle it as well.

    Tells as well whether the booking was cancelled on the way.
    """
    order, actor, payments = attempt.order, attempt.actor, attempt.payments
    record = idempotency.begin(attempt.keyed, call_key=attempt.gateway_key)
    booking, now = lock_booking(order.booking_id, actor=actor)
    refuse_if_changed(booking, seen=order.seen)
    was_cancelled = booking.status == BookingStatus.CANCELLED
    try:
        _refuse_unless_payable(booking, order, now)
    except Refusal as problem:
        refused = Refused("pay", problem, actor.request_id)
        idempotency.finish(record, refused)
        return refused, booking.status == BookingStatus.CANCELLED and not was_cancelled
    payment = Payment(
        booking=booking,
        amount=order.total_cost,
        currency=booking.currency,
        gateway=payments.name,
        gateway_key=attempt.gateway_key,
        refund_key=attempt.refund_key,
        active_booking_id=booking.pk,
        request_id=actor.request_id,
        created_at=now,
        **leased(attempt.lease, now),
    )
    insert(payment)
    booking.active_payment_id = payment.pk
    if not payments.settles_here:
        show_payment(booking, ShownPayment.PENDING, now=now)
        return payment, False
    outcome = payments.charge(intent_of(payment, booking.reference), payer_token="", seconds=0)  # nosec B106
    is_cancelled = settle_locked(booking, payment, lease=attempt.lease, outcome=outcome, actor=actor, now=now)
    return result_of(booking, payment, actor=actor, at=now), is_cancelled


def _refuse_unless_payable(booking: Booking, order: PaymentOrder, now: datetime) -> None:
    """
    Look at a locked booking, and cancel it on the way if its window has closed.

    :raises Refusal: for what will not change
    :raises NotPayableYet, PaymentInProgress: for what may
    :raises TemporarilyUnavailable: if its window has closed by a clock that is in doubt
    """
    if booking.status == BookingStatus.BOOKED:
        raise AlreadyPaid
    if booking.status == BookingStatus.CANCELLED:
        raise PaymentWindowClosed if booking.cancel_reason == CancelReason.EXPIRED else BookingCancelled
    if booking.active_payment_id is not None:
        raise PaymentInProgress(retry_after=1)
    if now >= booking.expires_at:
        if not clock_is_proven():
            raise TemporarilyUnavailable(retry_after=RETRY_AFTER_SECONDS)
        cancel(booking, Cause(SYSTEM, CancelReason.EXPIRED), now=now)
        raise PaymentWindowClosed
    if booking.status == BookingStatus.PENDING:
        raise NotPayableYet(retry_after=1)
    if order.currency not in (None, booking.currency):
        raise CurrencyMismatch
    if order.total_cost != booking.total_cost:
        raise AmountMismatch


def _go_on(record: IdempotencyRecord, attempt: _Attempt) -> PaymentResult | AlreadyDone:
    """Replay a decided request, or ask again about a charge whose lease is over."""
    if record.state == RecordState.DONE:
        return idempotency.replay(record)
    payment = Payment.objects.filter(gateway_key=record.call_key).first() if record.call_key else None
    if payment is None:
        raise RequestInProgress(retry_after=1)
    lease = uuid.uuid4()
    claimed = claim_payment(payment.pk, state=PaymentState.PROCESSING, lease=lease)
    if claimed is None:
        raise RequestInProgress(retry_after=1)
    return charge_and_settle(claimed, payments=attempt.gateways, lease=lease, actor=attempt.actor)
