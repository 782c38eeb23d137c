"""Which bookings a list shows: the filters of the back office."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from django.db.models import F, Q, QuerySet

from bookings.lifecycle import STAFF_REASONS, UNPAID, BookingStatus, CancelReason, Hold
from bookings.models import Booking, BookingEvent, Refund, SeatCall
from bookings.models.bookings.booking_event import EventKind
from bookings.models.refunds import MOVING
from bookings.models.seats.seat_call import SeatCallKind, SeatCallState
from bookings.queries.bookings import cases
from bookings.text.flight_numbers import spellings_of

EXPIRING_WITHIN = timedelta(minutes=5)

# Releases without an answer that a list looks behind: far more than there are flights under way at once.
MOST_CALLS = 1_000

# Bookings with another one in their place that a list looks behind. Who pays for both does so within days.
MOST_REPLACED = 2_000


def midnight(now: datetime) -> datetime:
    """When the day of `now` began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


# What happened on the day, by view: each to a booking once at most.
OF_THE_DAY: Mapping[str, Q] = MappingProxyType(
    {
        "cancelled_today": Q(what=EventKind.CANCELLED),
        "paid_today": Q(what=EventKind.BOOKED),
        "expired_today": Q(what=EventKind.CANCELLED, reason=CancelReason.EXPIRED),
        "cancelled_by_people": Q(what=EventKind.CANCELLED, reason__in=STAFF_REASONS),
    }
)


def hours_of(day: date) -> tuple[datetime, datetime]:
    """When a day begins in UTC, and when the next one does."""
    return begin_of(day), begin_of(day + timedelta(days=1))


def _not_given_back(_: "Selection", now: datetime) -> Q:
    """In no call yet, or in one without an answer. The calls are read first: no index serves both in one query."""
    calls = SeatCall.objects.filter(state__in=[SeatCallState.OPEN, SeatCallState.DEAD], kind=SeatCallKind.RELEASE)
    unanswered = list(calls.values_list("pk", flat=True)[:MOST_CALLS])
    return Q(next_at__isnull=False, hold=Hold.GIVING_BACK) | Q(give_back__in=unanswered)


def _replaced_and_paid(_: "Selection", now: datetime) -> Q:
    """
    Paid, and so is one that replaces it: of the `MOST_REPLACED` bookings with the highest ids that were replaced.

    Those are read first, off the end of their index: to join all that ever were would take longer each month.
    """
    replacing = Booking.objects.filter(replaces_id__isnull=False).order_by("-replaces_id")
    newest = replacing.values_list("replaces_id", "status")[:MOST_REPLACED]
    return Q(status=BookingStatus.BOOKED, pk__in={older for older, status in newest if status == BookingStatus.BOOKED})


def _of_the_day(selection: "Selection", now: datetime) -> Q:
    events = BookingEvent.objects.filter(OF_THE_DAY[selection.view], created_at__gte=midnight(now))
    if selection.flight is None and not selection.flight_number and selection.user is None and not selection.reason:
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
        "refund_due": lambda _, now: Q(pk__in=Refund.objects.filter(state__in=MOVING).values("payment__booking_id")),
        "replaced_paid": _replaced_and_paid,
        "unsent": lambda _, now: Q(next_at__isnull=False, hold=Hold.GIVING_BACK),
        **dict.fromkeys(OF_THE_DAY, _of_the_day),
        "cases_due": lambda _, now: cases.is_due(now),
        "cases_free": lambda _, now: cases.of_owner(""),
    }
)
"""What a number leads to: each view is a short range of some index."""

QUICK_VIEWS = (
    *("awaiting_payment", "expiring", "not_given_back", "unknown", "refund_due", "replaced_paid", "cancelled_today"),
    *("cases_due", "cases_free"),
)
"""Those of them that every list offers, with their counts."""

# Of these all are cancelled.
_CANCELLED = ("cancelled_today", "expired_today", "cancelled_by_people")


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters of a list of bookings. None of them: all bookings."""

    flight: int | None = None
    # What people call a flight, as it was typed.
    flight_number: str = ""
    user: int | None = None
    status: str = ""
    reason: str = ""
    view: str = ""
    # Days of creation, in UTC, both of them included.
    since: date | None = None
    until: date | None = None
    # Whose open cases; empty: whether they are cases does not matter.
    owner: str = ""

    def rows(self, now: datetime) -> QuerySet[Booking]:
        """The bookings, in no order. `now` is database time."""
        rows = Booking.objects.all()
        if self.flight is not None:
            rows = rows.filter(flight_id=self.flight)
        if self.flight_number:
            rows = rows.filter(flight_number__in=spellings_of(self.flight_number))
        if self.user is not None:
            rows = rows.filter(user_id=self.user)
        if self.reason:
            rows = rows.filter(cancel_reason=self.reason)
        if self.reason or self.view in _CANCELLED:
            # What has a reason is cancelled, says a CHECK: to ask for the status as well would cost another index.
            rows = rows if self.status in ("", BookingStatus.CANCELLED) else rows.none()
        elif self.status:
            rows = rows.filter(status=self.status)
        if self.view:
            rows = rows.filter(VIEWS[self.view](self, now))
        if self.owner:
            rows = rows.filter(cases.of_owner(self.owner))
        if self.since is not None:
            rows = rows.filter(created_at__gte=begin_of(self.since))
        if self.until is not None and self.until < date.max:
            rows = rows.filter(created_at__lt=begin_of(self.until + timedelta(days=1)))
        return rows

    def events(self, now: datetime) -> QuerySet[BookingEvent] | None:
        """The events of the day that name exactly these bookings, each once; None where other filters count too."""
        status = self.status if self.status == BookingStatus.CANCELLED and self.view in _CANCELLED else ""
        if self.view not in OF_THE_DAY or self != Selection(view=self.view, status=status):
            return None
        return BookingEvent.objects.filter(OF_THE_DAY[self.view], created_at__gte=midnight(now))


def begin_of(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)
