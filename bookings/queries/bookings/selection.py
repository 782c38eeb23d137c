"""Which bookings a list shows: the filters of the back office."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from django.db.models import F, Q, QuerySet

from bookings.lifecycle import UNPAID, BookingStatus, Hold
from bookings.models import Booking, BookingEvent, Payment, SeatCall
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.models.seats.seat_call import SeatCallKind, SeatCallState

EXPIRING_WITHIN = timedelta(minutes=5)

# Releases without an answer that a list looks behind: far more than there are flights under way at once.
MOST_CALLS = 1_000


def midnight(now: datetime) -> datetime:
    """When the day of `now` began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def cancelled_since(moment: datetime) -> QuerySet[BookingEvent]:
    """The events of what was cancelled since then; a booking is cancelled once."""
    return BookingEvent.objects.filter(what=EventKind.CANCELLED, created_at__gte=moment)


def _not_given_back(_: "Selection", now: datetime) -> Q:
    """In no call yet, or in one without an answer. The calls are read first: no index serves both in one query."""
    calls = SeatCall.objects.filter(state__in=[SeatCallState.OPEN, SeatCallState.DEAD], kind=SeatCallKind.RELEASE)
    unanswered = list(calls.values_list("pk", flat=True)[:MOST_CALLS])
    return Q(next_at__isnull=False, hold=Hold.GIVING_BACK) | Q(give_back__in=unanswered)


def _cancelled_today(selection: "Selection", now: datetime) -> Q:
    events = cancelled_since(midnight(now))
    if selection.flight is None and selection.user is None and not selection.reason:
        return Q(pk__in=events.values("booking_id"))
    # An expression, so that MariaDB reads the day once off its index. It would rather look up the events of each
    # booking of a flight, anywhere in the table: a second, when they are not in memory.
    return Q(pk__in=events.values_list(F("booking_id") + 0))


VIEWS: Mapping[str, Callable[["Selection", datetime], Q]] = MappingProxyType(
    {
        "awaiting_payment": lambda _, now: Q(status=BookingStatus.INITIATED),
        "expiring": lambda _, now: Q(status__in=UNPAID, expires_at__lte=now + EXPIRING_WITHIN),
        "not_given_back": _not_given_back,
        # A booking that is asking has a next try: with that condition it is a short range of the worker's to-do list.
        "unknown": lambda _, now: Q(next_at__isnull=False, hold=Hold.ASKING),
        "refund_due": lambda _, now: Q(
            pk__in=Payment.objects.filter(state=PaymentState.REFUND_DUE).values("booking_id")
        ),
        "cancelled_today": _cancelled_today,
    }
)
"""The quick views: each names a problem, and is a short range of some index."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters of a list of bookings. None of them: all bookings."""

    flight: int | None = None
    user: int | None = None
    status: str = ""
    reason: str = ""
    view: str = ""
    # Days of creation, in UTC, both of them included.
    since: date | None = None
    until: date | None = None

    def rows(self, now: datetime) -> QuerySet[Booking]:
        """The bookings, in no order. `now` is database time."""
        rows = Booking.objects.all()
        if self.flight is not None:
            rows = rows.filter(flight_id=self.flight)
        if self.user is not None:
            rows = rows.filter(user_id=self.user)
        if self.reason:
            rows = rows.filter(cancel_reason=self.reason)
        if self.reason or self.view == "cancelled_today":
            # What has a reason is cancelled, says a CHECK: to ask for the status as well would cost another index.
            rows = rows if self.status in ("", BookingStatus.CANCELLED) else rows.none()
        elif self.status:
            rows = rows.filter(status=self.status)
        if self.view:
            rows = rows.filter(VIEWS[self.view](self, now))
        if self.since is not None:
            rows = rows.filter(created_at__gte=_begin_of(self.since))
        if self.until is not None and self.until < date.max:
            rows = rows.filter(created_at__lt=_begin_of(self.until + timedelta(days=1)))
        return rows

    @property
    def is_cancelled_today(self) -> bool:
        """Whether it is what was cancelled today, all of it."""
        today = Selection(view="cancelled_today")
        return self in (today, replace(today, status=BookingStatus.CANCELLED))


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
