"""End the bookings whose payment window has closed."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from bookings.actor import SYSTEM, Cause
from bookings.conf import CALLS_PER_PASS, CLOCK_TOLERANCE, EXPIRY_BATCH, PAYMENT_ANSWER_LIMIT
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import UNPAID, BookingStatus, CancelReason
from bookings.models import Booking, Payment
from bookings.models.payments import UNANSWERED
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import EXPIRING, cancel, expire_all, lock_booking, redate
from bookings.wake import wake_worker

# Due bookings that one look finds: a look passes over what has just expired, whose entries the database keeps for a
# while, so it is taken for each ten transactions.
DUE_AT_ONCE = 5_000


def expire_bookings(*, deadline: Deadline, limit: int | None = None) -> int:
    """
    Cancel what is due, in small transactions, until nothing is due; return how many.

    Nothing expires while the database's clock is in doubt, and what was made by a clock that was ahead gets its
    window from now on. Rows that another transaction has locked are left for the next pass. The Flight Service is not
    called here: seats are owed back. A booking whose payment is being settled does not expire,
    unless the gateway has been silent for half an hour since the time to charge was over.
    """
    for_each(_made_ahead(), _bring_back, deadline=deadline)
    expired = 0
    while deadline and (limit is None or expired < limit):
        wanted = DUE_AT_ONCE if limit is None else min(DUE_AT_ONCE, limit - expired)
        ids = _due_ids(wanted)
        changed = _expire_in_batches(ids, deadline=deadline)
        expired += changed
        if not changed or len(ids) < wanted:  # one locked row does not hold up the others
            break
        if limit is None and expired == changed:
            wake_worker()  # once: this is more than one pass should do alone, so another begins beside it
    unanswered = _unanswered_payments()[: None if limit is None else limit - expired]
    return expired + for_each(unanswered, _expire_unanswered, deadline=deadline)


def _made_ahead() -> list[int]:
    """Unpaid bookings that were made in what is still to come: they would hold their seats until then."""
    now = database_time()
    if not clock_is_proven():
        return []
    rows = Booking.objects.filter(created_at__gt=now + CLOCK_TOLERANCE, status__in=UNPAID)
    return list(rows.order_by("created_at").values_list("pk", flat=True)[:EXPIRY_BATCH])


@in_transaction("booking.redate")
def _bring_back(booking_id: int) -> int:
    booking = Booking.objects.select_for_update(skip_locked=True).filter(pk=booking_id).first()
    now = database_time()
    if booking is not None and booking.status in UNPAID and booking.created_at > now + CLOCK_TOLERANCE:
        redate(booking, now=now)
    return 0


def _due_ids(wanted: int) -> list[int]:
    """Find what is due, the oldest, by ascending id: one short range of the deadline index for each status."""
    now = database_time()
    if not clock_is_proven():
        return []
    ids: list[int] = []
    for status in (BookingStatus.INITIATED, BookingStatus.PENDING):
        due = Booking.objects.past_deadline(now).filter(status=status).order_by("expires_at")
        ids += due.values_list("pk", flat=True)[: wanted - len(ids)]
    return sorted(ids)


def _expire_in_batches(ids: Sequence[int], *, deadline: Deadline) -> int:
    expired = 0
    for first in range(0, len(ids), EXPIRY_BATCH):
        if not deadline:
            break
        expired += _expire_batch(ids[first : first + EXPIRY_BATCH])
    return expired


@in_transaction("booking.expire")
def _expire_batch(ids: Sequence[int]) -> int:
    now = database_time()
    rows = Booking.objects.past_deadline(now).filter(pk__in=ids).order_by("pk")
    rows = rows.select_for_update(skip_locked=True).only(*EXPIRING)
    bookings = list(rows) if clock_is_proven() else []
    if bookings:
        expire_all(bookings, now=now)
    return len(bookings)


def _unanswered_payments() -> list[int]:
    now = database_time()
    if not clock_is_proven():
        return []
    ids: list[int] = []
    for state in UNANSWERED:  # a range of the to-do list each
        payments = Payment.objects.filter(
            Q(act_until__lte=now - PAYMENT_ANSWER_LIMIT) | Q(created_at__gt=now + CLOCK_TOLERANCE),
            state=state,
            booking__status=BookingStatus.INITIATED,
            booking__expires_at__lte=now,
        )
        ids += payments.order_by("booking_id").values_list("booking_id", flat=True)[:CALLS_PER_PASS]
    return ids


def _is_silent(payment: Payment, now: datetime) -> bool:
    is_over = payment.act_until is not None and payment.act_until <= now - PAYMENT_ANSWER_LIMIT
    return is_over or payment.created_at > now + CLOCK_TOLERANCE


@in_transaction("booking.expire")
def _expire_unanswered(booking_id: int) -> int:
    """The gateway has kept silent too long: other passengers get the seats, a late success gets refunded."""
    booking, _ = lock_booking(booking_id, actor=SYSTEM)
    payment = Payment.objects.select_for_update().filter(active_booking_id=booking_id).first()
    now = database_time()
    if booking.status != BookingStatus.INITIATED or payment is None or now < booking.expires_at:
        return 0
    if not clock_is_proven():
        return 0
    # One that was made by a clock that was ahead has waited, too: its booking's window is over.
    if payment.state not in UNANSWERED or not _is_silent(payment, now):
        return 0
    cancel(booking, Cause(SYSTEM, CancelReason.EXPIRED, "the payment was never answered"), now=now)
    return 1
