"""The numbers of the start page: what happened today, and what is waiting."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from bookings.lifecycle import STAFF_REASONS, CancelReason
from bookings.models import Booking, BookingEvent, Payment, Reconciliation, SeatCall
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import DEAD
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.bookings.selection import midnight
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation


@dataclass(frozen=True, slots=True)
class Today:
    """How many bookings had their seats held, were paid, expired, and were cancelled by people, since midnight UTC."""

    held: int
    paid: int
    expired: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """How many of a kind wait for something, and since when the oldest does."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """What waits for an answer of the Flight Service or for staff."""

    open_calls: WaitingWork
    dead_calls: WaitingWork
    dead_payments: WaitingWork
    unknown_reservations: WaitingWork
    stuck_reservations: WaitingWork
    seats_owed: int
    compared: Reconciliation | None


def today(now: datetime) -> Today:
    """
    Count the bookings of this day, on two indexes alone.

    `held` is what was created and not turned away: to read each booking's `held_at` would cost sixty times as much.
    """
    created = Booking.objects.filter(created_at__gte=midnight(now)).count()
    moves = BookingEvent.objects.filter(
        what__in=[EventKind.BOOKED, EventKind.CANCELLED], created_at__gte=midnight(now)
    ).aggregate(
        paid=Count("pk", filter=Q(what=EventKind.BOOKED)),
        expired=Count("pk", filter=Q(reason=CancelReason.EXPIRED)),
        by_people=Count("pk", filter=Q(reason__in=STAFF_REASONS)),
        all=Count("pk"),
    )
    turned_away = moves["all"] - moves["paid"] - moves["expired"] - moves["by_people"]
    return Today(held=created - turned_away, paid=moves["paid"], expired=moves["expired"], cancelled=moves["by_people"])


def work() -> Work:
    """What is under way and what waits for staff: short ranges of the to-do indexes."""
    return Work(
        open_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.OPEN)),
        dead_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.DEAD)),
        dead_payments=_waiting(Payment.objects.filter(state__in=DEAD)),
        unknown_reservations=_waiting(Booking.objects.unanswered()),
        stuck_reservations=_waiting(Booking.objects.stuck()),
        seats_owed=owed.seats_still_owed(),
        compared=last_reconciliation(),
    )


def _waiting(rows: QuerySet[SeatCall] | QuerySet[Booking] | QuerySet[Payment]) -> WaitingWork:
    return WaitingWork(**rows.aggregate(count=Count("pk"), since=Min("created_at")))
