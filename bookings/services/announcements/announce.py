"""
Write down what others are told: announcements of what has happened to bookings, and of what is about to.

See Note [What is told is flagged on the booking] in `bookings.services.shared.transitions`.
"""

import functools
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet

from bookings.conf import ANNOUNCEMENT_RESTS, remind_before
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.rows import insert_many
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import BookingStatus, News
from bookings.models import Announcement, Booking, BookingEvent, Heartbeat, Payment
from bookings.observability import metrics
from bookings.queries.announced import facts_of
from bookings.queries.announcements import due_bookings
from bookings.services.announcements.news import Item, may_be_several, news_of, reminder
from bookings.services.messages.fan_out import fan_out as tell_travelers
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import end_telling, tell
from bookings.services.webhooks.fan_out import fan_out as tell_receivers

log = structlog.get_logger(__name__)

# The row that the announcer locks. One at a time: the order of the announcements is that in which they are seen.
ANNOUNCER = "announcer"

FanOut = Callable[[Sequence[Announcement], datetime], None]
"""Writes what carries announcements to some who are told, in the transaction that writes these. Locks no booking."""

FAN_OUTS: tuple[FanOut, ...] = (tell_receivers, tell_travelers)


def announce_news(*, deadline: Deadline) -> int:
    """
    Write announcements of what has happened to flagged bookings, until none is due; return how many.

    Safe to run beside itself: one announcer writes at a time, and others leave at once. Bookings that another
    transaction has locked are left for the next look. Nothing is sent here.

    :raises ExceptionGroup: at the end, if there is a booking about which nothing can be told; it rests for a minute
    """
    told = 0
    while deadline and (ids := due_bookings(database_time())):
        _make_place()
        written = _announce_or_each_alone(ids, deadline=deadline)
        told += written
        if not written:  # another announcer is at it, or all of these are locked
            break
    return told


def _make_place() -> None:
    """Make the row that the announcer locks, where it is not there yet."""
    if not Heartbeat.objects.filter(pk=ANNOUNCER).exists():
        Heartbeat.objects.bulk_create([Heartbeat(name=ANNOUNCER, finished_at=database_time())], ignore_conflicts=True)


def _announce_or_each_alone(ids: Sequence[int], *, deadline: Deadline) -> int:
    """Announce what is due of some bookings together; if that fails, of each alone."""
    try:
        return _announce(ids)
    except (OperationalError, InterfaceError):
        raise  # the database's fault, and no booking's
    except Exception:
        log.exception("news.batch_failed", bookings=len(ids))
    return for_each(ids, _announce_alone, deadline=deadline)


def _announce_alone(booking_id: int) -> int:
    try:
        return _announce([booking_id])
    except Exception:
        log.warning("news.rest", item=f"booking {booking_id}")
        _let_rest(booking_id)
        raise


@in_transaction("news.rest")
def _let_rest(booking_id: int) -> None:
    """Let a booking about which nothing can be told wait, so that it does not hold up the others."""
    booking = Booking.objects.select_for_update(skip_locked=True).filter(pk=booking_id).first()
    now = database_time()
    if booking is not None and booking.announce_at is not None and booking.announce_at <= now:
        tell(booking, at=now + ANNOUNCEMENT_RESTS)


@in_transaction("news.announced")
def _announce(ids: Sequence[int]) -> int:
    """
    Write what there is to tell about some bookings, and when there is more to tell; return how many bookings were done.

    Locks the announcer's row, then the bookings by ascending id, and leaves what others have locked.
    """
    if not Heartbeat.objects.select_for_update(skip_locked=True).filter(pk=ANNOUNCER).exists():
        return 0
    rows = Booking.objects.select_for_update(skip_locked=True).filter(pk__in=ids, announce_at__isnull=False)
    locked = list(rows.order_by("pk"))
    now = database_time()
    bookings = [booking for booking in locked if booking.announce_at is not None and booking.announce_at <= now]
    if not bookings:
        return 0
    written: list[Announcement] = []
    for booking, items, again_at, last_event in _looked_at(bookings, now):
        written += _rows_of(booking, items, now)
        announced = booking.announced + len(items)
        end_telling(booking, announced=announced, event_id=last_event, again_at=again_at)
    _write(written, now)
    return len(bookings)


def _looked_at(bookings: Sequence[Booking], now: datetime) -> list[tuple[Booking, list[Item], datetime | None, int]]:
    """Give for each locked booking what there is to tell, when to look again, and the last event that was seen."""
    since = _by_booking(_events_since(), bookings)
    several = [booking for booking in bookings if may_be_several(booking, since.get(booking.pk, []))]
    whole = _by_booking(BookingEvent.objects.all(), several)
    payments = _payments_of(several)
    reminded, found = _reminded(bookings), []
    for booking in bookings:
        new = since.get(booking.pk, [])
        items = news_of(booking, whole.get(booking.pk, new), payments=payments, now=now)
        is_reminder_due, again_at = (False, None) if booking.pk in reminded else _reminder_of(booking, items, now)
        if is_reminder_due:
            items.append(reminder(booking, now=now))
        last_event = max([booking.announced_event_id, *(event.pk for event in new)])
        found.append((booking, items, again_at, last_event))
    return found


def _events_since() -> QuerySet[BookingEvent]:
    """The events that come after the last one that was looked at, of each booking."""
    return BookingEvent.objects.filter(pk__gt=F("booking__announced_event_id"))


def _by_booking(events: QuerySet[BookingEvent], bookings: Sequence[Booking]) -> dict[int, list[BookingEvent]]:
    found: dict[int, list[BookingEvent]] = {}
    if bookings:
        for event in events.filter(booking__in=bookings).order_by("pk"):
            found.setdefault(event.booking_id, []).append(event)
    return found


def _payments_of(bookings: Sequence[Booking]) -> dict[tuple[int, datetime | None], int]:
    if not bookings:
        return {}
    rows = Payment.objects.filter(booking__in=bookings).values_list("booking_id", "settled_at", "pk")
    return {(booking_id, settled_at): pk for booking_id, settled_at, pk in rows}


def _reminded(bookings: Sequence[Booking]) -> set[int]:
    """Tell whose customers were reminded already. Of a booking that was never told about none was."""
    told = [booking.pk for booking in bookings if booking.announced and _waits_for_payment(booking)]
    if not told:
        return set()
    reminders = Announcement.objects.filter(booking_id__in=told, type=News.EXPIRING)
    return set(reminders.values_list("booking_id", flat=True))


def _waits_for_payment(booking: Booking) -> bool:
    return booking.status == BookingStatus.INITIATED and booking.active_payment_id is None


def _reminder_of(booking: Booking, items: Sequence[Item], now: datetime) -> tuple[bool, datetime | None]:
    """
    Tell whether a reminder is due now, and when one is due later: once, while no payment is under way.

    Not where the payment window is no longer than the time of the reminder, nor beside other news, which says the
    same: pay until then. Not while the database's clock is in doubt: it would remind all customers at once.
    """
    before, is_due = remind_before(), False
    remind_at = booking.expires_at - before
    if not before or booking.status != BookingStatus.INITIATED:
        return False, None
    if remind_at > now:
        return False, remind_at
    if booking.held_at is not None and not items and _waits_for_payment(booking):
        is_due = booking.held_at < remind_at and now < booking.expires_at
    if is_due and not clock_is_proven():
        return False, now + ANNOUNCEMENT_RESTS
    return is_due, None


def _rows_of(booking: Booking, items: Sequence[Item], now: datetime) -> list[Announcement]:
    return [
        Announcement(
            key=f"evt_{uuid.uuid4().hex}",
            booking=booking,
            sequence=sequence,
            type=item.type,
            occurred_at=item.occurred_at,
            facts=facts_of(item.shown, item.change),
            created_at=now,
        )
        for sequence, item in enumerate(items, start=booking.announced + 1)
    ]


def _write(announcements: Sequence[Announcement], now: datetime) -> None:
    """Insert announcements, and what carries them; count them once they are committed."""
    if not announcements:
        return
    insert_many(announcements, known_by="key")
    for write_for_some in FAN_OUTS:
        write_for_some(announcements, now)
    for news, times in Counter(str(each.type) for each in announcements).items():
        transaction.on_commit(functools.partial(metrics.ANNOUNCED.labels(news).inc, times))
