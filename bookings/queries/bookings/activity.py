"""
What happened to bookings on a day, and who did it; newest first, with what staff decided about calls.

A day is a range of an index: whatever else is asked, no more than the events of a day are read.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from bookings.actor import ActorKind
from bookings.lifecycle import CancelReason
from bookings.models import BookingEvent, SeatCallEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_call import SeatCallEventKind
from bookings.queries.bookings.selection import hours_of

PAGE = 50

# More than people do on a day; a bulk cancellation has an event for each booking.
MOST_COUNTED = 10_000

EVENT_KINDS = [kind for kind in EventKind if kind not in (EventKind.CREATED, EventKind.HELD)]
"""Those that have rows; what is not among them is a column of the booking."""

KINDS = [*EVENT_KINDS, *SeatCallEventKind]

Event = BookingEvent | SeatCallEvent
R = TypeVar("R", BookingEvent, SeatCallEvent)


class Place(NamedTuple):
    """Where an event stands among the others: what is older is less."""

    at: datetime
    is_decision: bool
    id: int


@dataclass(frozen=True, slots=True)
class Question:
    """
    Which events: of a day, or else of a booking or a request.

    `who` is an `ActorKind`, `name` that of who did it, `kind` one of `KINDS`; an empty one is any.
    """

    day: date | None = None
    reference: str = ""
    request_id: str = ""
    who: str = ""
    name: str = ""
    kind: str = ""

    def events(self) -> QuerySet[BookingEvent]:
        """The events of bookings, in no order."""
        kinds = [self.kind] if self.kind else EVENT_KINDS
        rows = self._common(BookingEvent.objects.filter(what__in=kinds))
        if self.reference:
            rows = rows.filter(booking__reference=self.reference)
        if self.who not in ("", ActorKind.SYSTEM):
            # No person lets a booking expire. The reason is in the index: of a day on which thousands expire, this
            # keeps their rows from being read.
            rows = rows.exclude(reason=CancelReason.EXPIRED)
        return rows

    def decisions(self) -> QuerySet[SeatCallEvent]:
        """The decisions about calls. They are few, as people write them, so no index has their time."""
        if self.reference:  # a call has the seats of many bookings
            return SeatCallEvent.objects.none()
        kinds = [self.kind] if self.kind else list(SeatCallEventKind)
        return self._common(SeatCallEvent.objects.filter(what__in=kinds))

    def _common(self, rows: QuerySet[R]) -> QuerySet[R]:
        if self.day is not None:
            begin, end = hours_of(self.day)
            rows = rows.filter(created_at__gte=begin, created_at__lt=end)
        asked = {"request_id": self.request_id, "actor_kind": self.who, "actor_name": self.name}
        return rows.filter(**{column: value for column, value in asked.items() if value})


@dataclass(frozen=True, slots=True)
class Activity:
    """A page of events, and behind which of them the next page begins; None on the last."""

    events: list[Event]
    older_than: Place | None


def place_of(event: Event) -> Place:
    """Where an event stands among the others."""
    return Place(event.created_at, isinstance(event, SeatCallEvent), event.pk)


def activity_of(
    question: Question, *, older_than: Place | None = None, with_decisions: bool = True, size: int = PAGE
) -> Activity:
    """Read the newest events, or those behind one of them: three statements at most."""
    # The ids are found on the index alone where it has all that is asked for.
    ids = _newest(question.events(), older_than, size).values_list("pk", flat=True)
    rows = BookingEvent.objects.filter(pk__in=list(ids)).select_related("booking")
    decisions = _newest(question.decisions(), older_than, size) if with_decisions else []
    found: list[Event] = [*rows, *decisions]
    events = sorted(found, key=place_of, reverse=True)
    return Activity(events[:size], place_of(events[size - 1]) if len(events) > size else None)


def counts_by_colleague(question: Question, *, with_decisions: bool = True) -> Mapping[str, Counter[str]]:
    """
    Count what each member of staff did, by kind; the busiest first. Two statements.

    Of events, and of decisions, `MOST_COUNTED` are counted.
    """
    asked = replace(question, who=ActorKind.STAFF)
    sources: list[QuerySet[Any]] = [asked.events(), *([asked.decisions()] if with_decisions else [])]
    counts: dict[str, Counter[str]] = {}
    for rows in sources:
        for name, what in rows.values_list("actor_name", "what")[:MOST_COUNTED]:
            counts.setdefault(name, Counter())[what] += 1
    return dict(sorted(counts.items(), key=lambda each: (-each[1].total(), each[0])))


def _newest(rows: QuerySet[R], older_than: Place | None, size: int) -> QuerySet[R]:
    """Give one more than a page has, so that it is known whether there is another."""
    if older_than is not None:
        behind = Q(created_at__lt=older_than.at)
        if older_than.is_decision == (rows.model is SeatCallEvent):
            behind |= Q(created_at=older_than.at, pk__lt=older_than.id)
        elif older_than.is_decision:  # events of the same time stand behind it
            behind |= Q(created_at=older_than.at)
        rows = rows.filter(behind)
    return rows.order_by("-created_at", "-pk")[: size + 1]
