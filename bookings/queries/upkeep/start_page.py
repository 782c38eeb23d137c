"""The numbers of the start page: what happened within a day, and what is waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Value

from bookings.lifecycle import STAFF_REASONS, CancelReason
from bookings.models import Booking, BookingEvent, Reconciliation, SeatCall
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.bookings.selection import midnight
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.upkeep import background

HOURS = 24

# Rows that begin with the number of their hour; their types are beyond the checker.
Counts = Any


@dataclass(slots=True)
class Hour:
    """How many bookings had their seats held, were paid, expired, and were cancelled by people."""

    begin: datetime
    held: int = 0
    paid: int = 0
    expired: int = 0
    cancelled: int = 0

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """How many of a kind wait for something, and since when the oldest does."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """What the background work has before it, and when it last went through."""

    finished_at: datetime | None
    open_calls: WaitingWork
    dead_calls: WaitingWork
    unknown_takes: WaitingWork
    stuck_takes: WaitingWork
    seats_owed: int
    compared: Reconciliation | None


def hours_until(now: datetime) -> list[Hour]:
    """
    The last 24 hours of the clock, the oldest first and the one that is running last.

    Counted on two indexes alone, hour by hour: grouping by a function of the time would cost four times as much,
    and looking at each booking's `held_at` sixty times. So `held` is what was made and not turned away.
    """
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [Hour(last - timedelta(hours=HOURS - 1 - number)) for number in range(HOURS)]
    for number, count in _for_each(hours, _made):
        hours[number].held += count
    for number, count in _for_each(hours, _paid):
        hours[number].paid = count
    for number, cancelled, expired, by_people in _for_each(hours, _cancelled):
        hour = hours[number]
        hour.expired, hour.cancelled = expired, by_people
        hour.held -= cancelled - expired - by_people
    return hours


def today_of(hours: list[Hour], now: datetime) -> Hour:
    """The sum of the hours since midnight, UTC."""
    today = Hour(midnight(now))
    for hour in hours:
        if hour.begin >= today.begin:
            today.held += hour.held
            today.paid += hour.paid
            today.expired += hour.expired
            today.cancelled += hour.cancelled
    return today


def work() -> Work:
    """What is under way and what waits for staff: short ranges of the to-do indexes."""
    return Work(
        finished_at=background.last_pass_finished_at(),
        open_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.OPEN)),
        dead_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.DEAD)),
        unknown_takes=_waiting(Booking.objects.unanswered()),
        stuck_takes=_waiting(Booking.objects.stuck()),
        seats_owed=owed.seats_still_owed(),
        compared=last_reconciliation(),
    )


def _waiting(rows: QuerySet[SeatCall] | QuerySet[Booking]) -> WaitingWork:
    return WaitingWork(**rows.aggregate(count=Count("pk"), since=Min("created_at")))


def _made(hour: Hour, number: int) -> Counts:
    rows = Booking.objects.filter(created_at__gte=hour.begin, created_at__lt=hour.end)
    return _of_hour(rows, number).annotate(rows=Count("pk"))


def _paid(hour: Hour, number: int) -> Counts:
    return _events(EventKind.BOOKED, hour, number).annotate(rows=Count("pk"))


def _cancelled(hour: Hour, number: int) -> Counts:
    return _events(EventKind.CANCELLED, hour, number).annotate(
        rows=Count("pk"),
        expired=Count("pk", filter=Q(reason=CancelReason.EXPIRED)),
        by_people=Count("pk", filter=Q(reason__in=STAFF_REASONS)),
    )


def _events(what: EventKind, hour: Hour, number: int) -> Counts:
    rows = BookingEvent.objects.filter(what=what, created_at__gte=hour.begin, created_at__lt=hour.end)
    return _of_hour(rows, number)


def _of_hour(rows: QuerySet[Any, Any], number: int) -> Counts:
    return rows.annotate(hour=Value(number)).values_list("hour")


def _for_each(hours: list[Hour], rows_of: Callable[[Hour, int], Counts]) -> Counts:
    """One statement for all hours, each a range of its own."""
    first, *others = (rows_of(hour, number) for number, hour in enumerate(hours))
    return first.union(*others, all=True)
