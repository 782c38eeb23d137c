"""Move bookings that ended long ago out of their tables, each into one row of the archive."""

# Note [A booking is in one place]
# What moves a booking is one transaction: its row of the archive is inserted, and all its rows are deleted, or neither.
# It holds the booking's lock, and everything that changes what belongs to a booking takes that first, or inserts a row
# that names the booking, which waits for it. So what is read under the lock is all there is, and who comes later finds
# no such booking. A booking that is locked is left for the next round: it is not that old after all.

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any

import structlog
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import F

from bookings.conf import bookings_kept
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import (
    Announcement,
    ArchivedBooking,
    ArchiveRound,
    Booking,
    BookingCase,
    BookingEvent,
    BookingSeat,
    BulkCancel,
    BulkCancelRow,
    Contact,
    Dispute,
    GatewayNotice,
    Payment,
    Refund,
    SeatCall,
    SeatCallEvent,
    SeatExchange,
)
from bookings.models.bookings.archived_booking import ENDED
from bookings.models.bookings.bulk_cancel import BulkCancelState
from bookings.models.notices import GatewayNoticeState
from bookings.models.payments import CHARGED, PaymentState
from bookings.models.refunds import UNFINISHED
from bookings.models.seats.seat_call import SeatCallState
from bookings.observability import metrics
from bookings.queries.bookings.history import History, packed

log = structlog.get_logger(__name__)

# One transaction moves this many bookings at most, and locks them for a few tenths of a second.
ARCHIVE_BATCH = 500

# So many rows of the archive travel in one statement: with all that a client may keep with a booking, 4 MB.
ROWS_PER_INSERT = 100

# A walk over all that stays is begun once an hour at most: what became old meanwhile can wait for that.
ROUND_EVERY = timedelta(hours=1)

# Nothing tells when the flight of a booking departs that was made without it: airlines sell seats for a year ahead.
LONGEST_BEFORE_DEPARTURE = timedelta(days=366)

# The outcome of a payment that stands; its refunds are looked at one by one.
OVER = (PaymentState.SUCCEEDED, PaymentState.FAILED, PaymentState.REFUNDED)


def archive_bookings(*, deadline: Deadline, at_once: bool = False) -> int:
    """
    Move bookings that ended more than KEEP_MONTHS ago, and of which nothing is open, until the time is up.

    Returns how many were moved. Goes on where the last run stopped, in the order of their ids, and begins at the front
    again an hour after it came to the end; `at_once`, it begins there now. Moves nothing while the database's clock is
    in doubt. Safe to run beside itself: rows that others have locked stay. A batch that fails does not keep the others.

    :raises ExceptionGroup: at the end, if some batch failed
    """
    kept, now = bookings_kept(), database_time()
    if kept is None or not clock_is_proven():
        return 0
    walk = ArchiveRound.objects.first() or ArchiveRound(pk=1)
    if at_once or not walk.is_under_way:
        if not at_once and walk.finished_at and now - ROUND_EVERY < walk.finished_at <= now:
            return 0
        walk.position, walk.is_under_way = 0, True
    moved, failures = 0, list[Exception]()
    while deadline and walk.is_under_way:
        rows = Booking.objects.filter(pk__gt=walk.position).order_by("pk").values_list("pk", "created_at")
        found = list(rows[:ARCHIVE_BATCH])
        old = [booking_id for booking_id, created_at in found if created_at < now - kept]
        try:
            moved += _move(old, before=now - kept) if old else 0
        except Exception as error:
            log.exception("archive.batch_failed", item=f"bookings after {walk.position}")
            failures.append(error)
        walk.position = found[-1][0] if found else walk.position
        walk.is_under_way = len(old) == ARCHIVE_BATCH
    _note_position(walk, now=now)
    if moved:
        log.info("bookings.archived", bookings=moved, outcome="the time was up" if walk.is_under_way else "all")
    if failures:
        raise ExceptionGroup("some bookings could not be moved; the others were", failures)
    return moved


@in_transaction("booking.archive")
def _move(ids: Sequence[int], *, before: datetime) -> int:
    """
    Move those of these bookings that may leave. See Note [A booking is in one place].

    Locks them by ascending id, those that are not locked, then the releases that gave their seats back.
    """
    rows = Booking.objects.filter(pk__in=ids, status__in=ENDED, updated_at__lt=before, announce_at=None, next_at=None)
    bookings = list(rows.select_for_update(skip_locked=True).order_by("pk"))
    histories = [each for each in _histories_of(bookings) if _is_over(each, before)]
    if not histories:
        return 0
    now = database_time()
    ArchivedBooking.objects.bulk_create([_archived(each, now) for each in histories], batch_size=ROWS_PER_INSERT)
    _delete(histories)
    transaction.on_commit(partial(metrics.ARCHIVED.inc, len(histories)))
    return len(histories)


def _histories_of(bookings: Collection[Booking]) -> list[History]:
    """Read all that belongs to bookings which are locked, without those that something else still needs."""
    ids = [booking.pk for booking in bookings]
    needed = {*_ids(Announcement.objects, ids), *_ids(Contact.objects, ids)}
    call_ids = {booking.give_back_id for booking in bookings if booking.give_back_id is not None}
    payments = list(Payment.objects.filter(booking__in=ids).order_by("pk"))
    owner = {payment.pk: payment.booking_id for payment in payments}
    needed |= _awaited(payments)
    histories = {booking.pk: History(booking) for booking in bookings if booking.pk not in needed}
    own = attrgetter("booking_id")

    def of_payment(row: Refund | Dispute) -> int:
        return owner[row.payment_id]

    _share(histories, "seats", BookingSeat.objects.filter(booking__in=ids), own)
    _share(histories, "exchanges", SeatExchange.objects.filter(booking__in=ids), own)
    _share(histories, "case", BookingCase.objects.filter(pk__in=ids), own)
    _share(histories, "bulk_rows", BulkCancelRow.objects.filter(booking__in=ids), own)
    _share(histories, "events", BookingEvent.objects.filter(booking__in=ids), own)
    _share(histories, "payments", payments, own)
    _share(histories, "refunds", Refund.objects.filter(payment__in=owner), of_payment)
    _share(histories, "disputes", Dispute.objects.filter(payment__in=owner), of_payment)
    # Last, as their locks come after all others. One that is locked is being decided about, or leaves just now.
    locked = SeatCall.objects.select_for_update(skip_locked=True).filter(pk__in=call_ids).order_by("pk").in_bulk()
    decisions = defaultdict(list)
    for decision in SeatCallEvent.objects.filter(seat_call__in=locked).order_by("pk"):
        decisions[decision.seat_call_id].append(decision)
    for history in histories.values():
        call = locked.get(history.booking.give_back_id or 0)
        history.calls, history.call_events = ([call], decisions[call.pk]) if call else ([], [])
    return list(histories.values())


def _ids(rows: Any, booking_ids: Sequence[int]) -> set[int]:
    return set(rows.filter(booking__in=booking_ids).values_list("booking_id", flat=True))


def _share(histories: dict[int, History], part: str, rows: Any, owner: Callable[[Any], int]) -> None:
    """Give each history its rows of one table."""
    for row in rows if isinstance(rows, list) else rows.order_by("pk"):
        if owner(row) in histories:
            getattr(histories[owner(row)], part).append(row)


def _awaited(payments: Sequence[Payment]) -> set[int]:
    """The bookings of payments that a gateway has just told something about: it was not looked into yet."""
    new = GatewayNotice.objects.filter(state=GatewayNoticeState.NEW)
    told = {name for names in new.values_list("payment_key", "object_id") for name in names if name is not None}
    return {
        payment.booking_id for payment in payments if not told.isdisjoint((payment.gateway_key, payment.gateway_id))
    }


def _is_over(history: History, before: datetime) -> bool:
    """Whether a booking ended before this time, and nothing of it is still to be done, or to be decided."""
    booking = history.booking
    return (
        _ended_at(booking) < before
        and _seats_are_settled(booking, history.calls)
        and all(payment.state in OVER for payment in history.payments)
        and not any(refund.state in UNFINISHED or refund.needs_decision for refund in history.refunds)
        and all(dispute.closed_at is not None for dispute in history.disputes)
        and all(case.closed_at is not None for case in history.case)
        and all(row.state != BulkCancelState.WAITING for row in history.bulk_rows)
    )


def _seats_are_settled(booking: Booking, calls: Sequence[SeatCall]) -> bool:
    if booking.wanted_seats:
        return False
    if booking.status == BookingStatus.BOOKED:
        return not booking.cancel_requested
    if booking.hold == Hold.GIVING_BACK:
        return bool(calls) and calls[0].state == SeatCallState.DONE
    return booking.hold in (Hold.REFUSED, Hold.DROPPED)


def _ended_at(booking: Booking) -> datetime:
    """When the last thing happened to a booking: of one that is booked, that it has flown."""
    if booking.status == BookingStatus.CANCELLED:
        return booking.updated_at
    flown_at = booking.arrival_at or booking.departure_at or booking.updated_at + LONGEST_BEFORE_DEPARTURE
    return max(booking.updated_at, flown_at)


def _archived(history: History, now: datetime) -> ArchivedBooking:
    booking = history.booking
    charged = [payment.gateway_id for payment in history.payments if payment.state in CHARGED and payment.gateway_id]
    return ArchivedBooking(
        id=booking.pk,
        reference=booking.reference,
        user_id=booking.user_id,
        flight_id=booking.flight_id,
        no_of_seats=booking.no_of_seats,
        seat_numbers=booking.seat_numbers,
        status=booking.status,
        give_back_id=booking.give_back_id,
        charged_as=charged[-1] if charged else None,
        created_at=booking.created_at,
        ended_at=_ended_at(booking),
        archived_at=now,
        history=packed(history),
    )


def _delete(histories: Sequence[History]) -> None:
    """Delete the rows of bookings, those that name others first; and of their releases, those without a booking now."""
    for part in ("disputes", "refunds", "payments", "events", "bulk_rows", "case", "exchanges", "seats"):
        _remove([row for history in histories for row in getattr(history, part)])
    _remove([history.booking for history in histories])
    bulks = Counter(row.bulk_id for history in histories for row in history.bulk_rows)
    for bulk_id, count in sorted(bulks.items()):
        BulkCancel.objects.filter(pk=bulk_id).update(archived=F("archived") + count)
    calls = {call.pk: call for history in histories for call in history.calls}
    # Locked, and done: no booking is put into one of them any more.
    needed = set(Booking.objects.filter(give_back__in=calls).values_list("give_back_id", flat=True))
    done = [calls[call_id] for call_id in sorted(calls) if call_id not in needed]
    _remove([event for history in histories for event in history.call_events if event.seat_call_id not in needed])
    _remove(done)


def _remove(rows: Sequence[Any]) -> None:
    """Delete these rows by their keys, and nothing else: the database refuses it where another row names one."""
    if rows:
        found = type(rows[0])._default_manager.filter(pk__in={row.pk for row in rows})
        # Without Django's look for rows that name these: the foreign keys are in the database.
        found._raw_delete(DEFAULT_DB_ALIAS)


@in_transaction("archive.noted")
def _note_position(walk: ArchiveRound, *, now: datetime) -> None:
    """Write down how far the walk is. Of two at once the later one counts, until the next round."""
    ended = {} if walk.is_under_way else {"finished_at": now}
    ArchiveRound.objects.update_or_create(
        pk=1, defaults={"position": walk.position, "is_under_way": walk.is_under_way, **ended}
    )
