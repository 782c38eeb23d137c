"""End a booking because its customer or support staff want it to end."""

import functools
from collections.abc import Collection
from datetime import datetime

from bookings.actor import Actor, Cause
from bookings.answers.results import AlreadyDone, Cancelled, Refused
from bookings.db.rows import write_later
from bookings.db.transactions import in_transaction
from bookings.errors import AlreadyPaid, PaymentInProgress, Refusal
from bookings.lifecycle import BookingStatus, CancelEffect, CancelOutcome, CancelReason, cancel_outcome_of
from bookings.models import Booking
from bookings.models.access.idempotency import RecordState
from bookings.models.bookings.booking_event import EventKind
from bookings.queries.bookings.visible import refuse_if_changed
from bookings.services.payments.closing import ask_to_close, close_waiting_payment
from bookings.services.payments.gateways import Gateways
from bookings.services.payments.owe import owe_refund
from bookings.services.payments.settle import lock_payment
from bookings.services.shared import idempotency
from bookings.services.shared.idempotency import KeyedRequest, KeyTaken
from bookings.services.shared.transitions import cancel, lock_booking, note_event
from bookings.wake import wake_worker


def cancel_booking(
    *, booking_id: int, actor: Actor, reason: CancelReason, note: str = "", seen: Collection[int] | None = None
) -> Booking:
    """
    Cancel a booking; its seats and its money go on record as owed, and the worker gives them back.

    Locks the booking. A booking that is cancelled already is returned as it is. Support staff may cancel a
    paid booking, and may ask for it while a payment is being settled: then that payment's end decides.

    :param seen: the versions of the booking that the actor has seen; None if that does not matter
    :raises BookingChanged: if it is none of these, and is not cancelled
    :raises BookingNotFound: if there is no such booking, or it is not the actor's
    :raises UserMismatch: if it is not the actor's and only the request itself names the actor
    :raises AlreadyPaid: if it is booked and the actor is not support staff
    :raises PaymentInProgress: if a payment is being settled and the actor is not support staff
    """
    booking, outcome = _cancel(booking_id, Cause(actor, reason, note), seen)
    if outcome.effect != CancelEffect.SKIPPED:
        wake_worker()
    return booking


@in_transaction("booking.cancel")
def _cancel(booking_id: int, cause: Cause, seen: Collection[int] | None) -> tuple[Booking, CancelOutcome]:
    booking, now = _lock_as_seen(booking_id, cause.actor, seen)
    return booking, cancel_locked(booking, cause, now=now)


def _lock_as_seen(booking_id: int, actor: Actor, seen: Collection[int] | None) -> tuple[Booking, datetime]:
    """Lock a booking that is one of the versions seen, or cancelled: then what is asked for has been done."""
    booking, now = lock_booking(booking_id, actor=actor)
    if booking.status != BookingStatus.CANCELLED:
        refuse_if_changed(booking, seen=seen)
    return booking, now


def cancel_booking_for_client(
    *,
    booking_id: int,
    actor: Actor,
    reason: CancelReason,
    note: str,
    keyed: KeyedRequest | None,
    payments: Gateways,
    seen: Collection[int] | None = None,
) -> Cancelled | Refused | AlreadyDone:
    """
    Cancel a booking as `cancel_booking` does; with a key, once. A payment that waits is closed first.

    The rest is one transaction, so a second request under the same key waits for it. Without a key nothing is written
    down about a refusal, and it is raised.

    :raises IdempotencyKeyReused: if the key stands for another request
    """
    wanted = functools.partial(_cancel_for_client, booking_id, actor, reason, note, keyed)
    try:
        return wanted(seen)
    except PaymentInProgress:
        if not close_waiting_payment(booking_id, payments=payments):
            raise
    # Closing has changed the booking that the client has seen.
    return wanted(None)


def _cancel_for_client(
    booking_id: int,
    actor: Actor,
    reason: CancelReason,
    note: str,
    keyed: KeyedRequest | None,
    seen: Collection[int] | None,
) -> Cancelled | Refused | AlreadyDone:
    if keyed is None:
        booking = cancel_booking(booking_id=booking_id, actor=actor, reason=reason, note=note, seen=seen)
        return Cancelled(booking, booking.updated_at)
    try:
        result, is_news = _cancel_under_key(booking_id, Cause(actor, reason, note), seen, keyed=keyed)
    except KeyTaken as error:
        record = idempotency.find(keyed)
        if record is None or record.state != RecordState.DONE:
            raise AssertionError("a cancellation's record is committed with what it came to") from error
        return idempotency.replay(record)
    if is_news:
        wake_worker()
    return result


@in_transaction("booking.cancel")
def _cancel_under_key(
    booking_id: int, cause: Cause, seen: Collection[int] | None, *, keyed: KeyedRequest
) -> tuple[Cancelled | Refused, bool]:
    """Decide and store what it came to; tell as well whether the booking was cancelled here and now."""
    record = idempotency.begin(keyed, call_key=None)
    booking, now = _lock_as_seen(booking_id, cause.actor, seen)
    is_news = False
    result: Cancelled | Refused = Cancelled(booking, now)
    try:
        is_news = cancel_locked(booking, cause, now=now).effect == CancelEffect.CANCELLED
    except Refusal as problem:
        result = Refused("cancel", problem, cause.actor.request_id)
    idempotency.finish(record, result)
    return result, is_news


def cancel_locked(booking: Booking, cause: Cause, *, now: datetime) -> CancelOutcome:
    """
    Cancel a booking, as `cancel_booking` does, in the transaction that has locked it; return what it came to.

    Does not wake the worker.

    :raises AlreadyPaid: if it is booked and the actor is not support staff
    :raises PaymentInProgress: if a payment is being settled and the actor is not support staff
    """
    outcome = cancel_outcome_of(booking)
    if outcome.effect == CancelEffect.SKIPPED:
        return outcome
    if booking.status == BookingStatus.BOOKED and not cause.actor.is_staff:
        raise AlreadyPaid
    if outcome.effect == CancelEffect.REQUESTED:
        _ask_to_cancel(booking, cause, now=now)
        return outcome
    if booking.active_payment_id is not None:
        owe_refund(booking, lock_payment(booking.active_payment_id), actor=cause.actor, now=now)
    cancel(booking, cause, now=now)
    return outcome


def _ask_to_cancel(booking: Booking, cause: Cause, *, now: datetime) -> None:
    """Support staff's wish outlives a running charge: its end cancels, and refunds what was charged."""
    if not cause.actor.is_staff:
        raise PaymentInProgress(retry_after=1)
    if booking.cancel_requested:
        return
    booking.cancel_requested = True
    booking.version += 1
    if booking.active_payment_id is None:
        raise AssertionError("only a payment that runs makes a cancellation wait")
    ask_to_close(lock_payment(booking.active_payment_id), now=now)
    write_later(booking, ["cancel_requested", "version"])
    note_event(booking, EventKind.CANCEL_REQUESTED, cause, now=now)
