"""Take the money for a booking, once."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from bookings.actor import SYSTEM, Actor, Cause
from bookings.answers.results import AlreadyDone, Refused
from bookings.conf import PAYER_HAS_AT_LEAST, PAYMENT_LEASE, PAYMENT_REQUEST_SECONDS, RETRY_AFTER_SECONDS
from bookings.db.clock import clock_is_proven
from bookings.db.rows import insert
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import (
    AlreadyPaid,
    AmountMismatch,
    AmountNotPayable,
    BookingCancelled,
    CurrencyMismatch,
    NotPayableYet,
    PaymentGatewayUnavailable,
    PaymentInProgress,
    PaymentWindowClosed,
    Refusal,
    RequestInProgress,
    TemporarilyUnavailable,
)
from bookings.lifecycle import BookingStatus, CancelReason, ShownPayment
from bookings.models import Booking, IdempotencyRecord, Payment
from bookings.models.access.idempotency import RecordState
from bookings.models.payments import SETTLED_HERE, PaymentState, PaymentStep
from bookings.ports import Charged, PaymentGateway
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.payments.charge import Run, lead_on
from bookings.services.payments.closing import close_waiting_payment
from bookings.services.payments.gateways import Gateways, gateway_of
from bookings.services.payments.look import claim_look
from bookings.services.payments.settle import PaymentResult, result_of, settle_locked
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
    versions of the booking that it has seen; None: it does not mind. `payer_token` is what the gateway has given the
    payer's client, for the charge; without one the payer's client confirms the payment itself. It is written nowhere.
    """

    booking_id: int
    total_cost: int
    currency: str | None = None
    seen: frozenset[int] | None = None
    payer_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request to pay; its keys are made before its transaction, so that a repeated block knows its own rows."""

    order: PaymentOrder
    actor: Actor
    keyed: KeyedRequest
    payments: PaymentGateway
    gateways: Gateways
    deadline: Deadline
    gateway_key: UUID = field(default_factory=uuid.uuid4)
    lease: UUID = field(default_factory=uuid.uuid4)


class _AnotherWaits(Exception):
    """The booking waits for another payment, which has to be closed before this one begins."""


def pay_booking(
    *, order: PaymentOrder, actor: Actor, keyed: KeyedRequest, payments: PaymentGateway, gateways: Gateways
) -> PaymentResult | AlreadyDone:
    """
    Pay a booking within its payment window, or lead a payment on that an earlier request under the same key began.

    Within ten seconds in all. A payment that has no outcome by then, or waits for its payer, is pending: a repetition
    goes on where it is, and the worker looks at it. Another payment that the booking waits for is closed first. The
    client's key is kept here; the gateway gets one of ours. `payments` takes new payments; one that has begun stays at
    that of `gateways` where it began.

    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    :raises UserMismatch: if it is not the actor's and only the request itself names the actor
    :raises BookingChanged: if it is none of the versions that the client has seen
    :raises NotPayableYet: if its seats are not confirmed
    :raises TemporarilyUnavailable: if the database's clock has jumped past the payment window
    :raises AmountNotPayable: if the gateway cannot charge such an amount
    :raises PaymentGatewayUnavailable: if the gateway was not reached; nothing was charged, and the key is free
    :raises PaymentInProgress: if another payment for it is being settled
    :raises RequestInProgress: if the same key is being worked on
    :raises IdempotencyKeyReused: if the key stands for another request
    """
    attempt = _Attempt(order, actor, keyed, payments, gateways, Deadline(PAYMENT_REQUEST_SECONDS))
    try:
        started, is_cancelled = _start_alone(attempt)
    except KeyTaken:
        record = idempotency.find(keyed)
        if record is None:
            raise RequestInProgress(retry_after=1) from None
        return _go_on(record, attempt)
    if is_cancelled:
        wake_worker()
    if isinstance(started, Payment):
        return lead_on(started, _run(attempt, payments, attempt.lease))
    return started


def _run(attempt: _Attempt, gateway: PaymentGateway, lease: UUID) -> Run:
    return Run(lease, gateway, attempt.actor, attempt.deadline, attempt.order.payer_token)


def _start_alone(attempt: _Attempt) -> tuple[PaymentResult | Payment, bool]:
    """Start a payment; where the booking waits for another one, close that one first, and start once more."""
    try:
        return _start(attempt)
    except _AnotherWaits:
        close_waiting_payment(attempt.order.booking_id, payments=attempt.gateways)
    try:
        return _start(attempt)
    except _AnotherWaits as error:
        raise PaymentInProgress(retry_after=1) from error


@in_transaction("payment.begin")
def _start(attempt: _Attempt) -> tuple[PaymentResult | Payment, bool]:
    """
    Start a payment, or decide against it. Where the gateway is this database, settle it as well.

    Tells as well whether the booking was cancelled on the way.
    """
    order, actor = attempt.order, attempt.actor
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
    # Nothing is what every gateway takes, and none of them charges it.
    settles_here = attempt.payments.settles_here or order.total_cost == 0
    payment = _new_payment(attempt, booking, now, settles_here=settles_here)
    if not settles_here:
        _refuse_what_cannot_be_charged(attempt.payments, payment)
    insert(payment)
    booking.active_payment_id = payment.pk
    if not settles_here:
        show_payment(booking, ShownPayment.SETTLING, now=now)
        return payment, False
    came_in = Charged(payment.money, payment.gateway_key)
    is_cancelled = settle_locked(booking, payment, lease=attempt.lease, outcome=came_in, actor=actor, now=now)
    return result_of(booking, payment, actor=actor, at=now), is_cancelled


def _new_payment(attempt: _Attempt, booking: Booking, now: datetime, *, settles_here: bool) -> Payment:
    """Make the row of a payment that is not saved yet."""
    elsewhere = {
        "gateway": attempt.payments.name,
        "step": PaymentStep.STARTING,
        "by_payer": not attempt.order.payer_token,
        "act_until": max(booking.expires_at, now + PAYER_HAS_AT_LEAST),
    }
    return Payment(
        booking=booking,
        amount=attempt.order.total_cost,
        currency=booking.currency,
        **({"gateway": SETTLED_HERE} if settles_here else elsewhere),
        gateway_key=attempt.gateway_key,
        active_booking_id=booking.pk,
        request_id=attempt.actor.request_id,
        created_at=now,
        **leased(attempt.lease, now, term=PAYMENT_LEASE),
    )


def _refuse_what_cannot_be_charged(gateway: PaymentGateway, payment: Payment) -> None:
    """
    Refuse a payment that its gateway would not take, or cannot be asked for now. Nothing is written.

    :raises AmountNotPayable: if the gateway cannot charge such an amount
    :raises PaymentGatewayUnavailable: if no calls are sent to it now
    """
    why = gateway.refuses(payment.money)
    if why:
        raise AmountNotPayable(why)
    if not gateway.is_available():
        raise PaymentGatewayUnavailable(retry_after=RETRY_AFTER_SECONDS)


def _refuse_unless_payable(booking: Booking, order: PaymentOrder, now: datetime) -> None:
    """
    Look at a locked booking, and cancel it on the way if its window has closed.

    :raises Refusal: for what will not change
    :raises NotPayableYet, PaymentInProgress: for what may
    :raises _AnotherWaits: if all is well but for another payment
    :raises TemporarilyUnavailable: if its window has closed by a clock that is in doubt
    """
    if booking.status == BookingStatus.BOOKED:
        raise AlreadyPaid
    if booking.status == BookingStatus.CANCELLED:
        raise PaymentWindowClosed if booking.cancel_reason == CancelReason.EXPIRED else BookingCancelled
    is_paying = booking.active_payment_id is not None
    if is_paying and (now >= booking.expires_at or booking.cancel_requested):
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
    if is_paying:
        raise _AnotherWaits


def _go_on(record: IdempotencyRecord, attempt: _Attempt) -> PaymentResult | AlreadyDone:
    """Replay a decided request, or lead its payment on, unless another request is doing that."""
    if record.state == RecordState.DONE:
        return idempotency.replay(record)
    payment = Payment.objects.filter(gateway_key=record.call_key).first() if record.call_key else None
    if payment is None or payment.state != PaymentState.PROCESSING:
        raise RequestInProgress(retry_after=1)
    gateway = gateway_of(payment, attempt.gateways)
    if gateway is None or not gateway.is_available():
        raise PaymentGatewayUnavailable(retry_after=RETRY_AFTER_SECONDS)
    lease = uuid.uuid4()
    claimed = claim_look(payment.pk, lease=lease, at_once=True)
    if claimed is None:
        raise RequestInProgress(retry_after=1)
    return lead_on(claimed, _run(attempt, gateway, lease))
