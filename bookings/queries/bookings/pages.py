"""Pages of a list of bookings, newest first. A page starts at a booking, never at a count of bookings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import F, Q, QuerySet

from bookings.db.replica import read_list
from bookings.models import Booking, BookingEvent
from bookings.queries.bookings.selection import Selection

PAGE = 50

# An export reads so many at a time.
CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """
    Bookings, and where its neighbors begin: the ids for `older_than` and `newer_than`, or None.

    `count` is that of the whole selection, as far as it was counted.
    """

    bookings: list[Booking]
    older_than: int | None
    newer_than: int | None
    count: int


def page_of(
    selection: Selection,
    *,
    now: datetime,
    older_than: int | None = None,
    newer_than: int | None = None,
    size: int = PAGE,
    counting: int = 0,
) -> Page:
    """
    Read the newest bookings of a selection, or those next to one of them, and count it up to `counting`.

    `now` is database time.
    """
    is_backwards = newer_than is not None and older_than is None
    begin = newer_than if is_backwards else older_than
    # The first page is the beginning of what is counted: once found, it costs nothing more.
    limit = size + 1 if begin is not None else max(size + 1, counting)
    found = _ids(selection, now, begin, limit, backwards=is_backwards)
    is_counted = begin is None or not counting
    counted = found if is_counted else _ids(selection, now, None, counting, backwards=False)
    has_more, ids = len(found) > size, found[:size]
    if is_backwards:
        ids.reverse()
    has_older, has_newer = (True, has_more) if is_backwards else (has_more, begin is not None)
    return Page(
        bookings=_in_order(ids),
        older_than=ids[-1] if ids and has_older else None,
        newer_than=ids[0] if ids and has_newer else None,
        count=min(len(counted), counting),
    )


def every(selection: Selection, *, now: datetime) -> Iterator[Booking]:
    """Give all bookings of a selection, newest first; they are read in chunks, so memory stays small."""
    begin = None
    while chunk := read_list(partial(_chunk, selection, now, begin)):
        yield from chunk
        begin = chunk[-1].pk


def _chunk(selection: Selection, now: datetime, begin: int | None) -> list[Booking]:
    return _in_order(_ids(selection, now, begin, CHUNK, backwards=False))


def count_up_to(highest: int, rows: QuerySet[Any]) -> int:
    """Count rows, and stop at `highest`: no reader needs a larger number."""
    return rows.order_by().values("pk")[:highest].count()


def made_at(booking_id: int) -> datetime | None:
    """When a booking was made; where there is none of this id, the next older one."""
    return Booking.objects.filter(pk__lte=booking_id).order_by("-pk").values_list("created_at", flat=True).first()


def _ids(selection: Selection, now: datetime, begin: int | None, limit: int, *, backwards: bool) -> list[int]:
    """
    Find the ids alone, on an index; their rows are read by primary key.

    Days are walked by the time of creation, everything else by id.
    """
    events = selection.events(now)
    if events is not None:
        return _ids_of_events(events, begin, limit, backwards=backwards)
    rows = selection.rows(now)
    compare = "gt" if backwards else "lt"
    by_day = selection.since is not None or selection.until is not None
    if begin is not None and by_day:
        at = made_at(begin)
        if at is None:
            return []
        rows = rows.filter(
            Q(**{f"created_at__{compare}e": at}),
            Q(**{f"created_at__{compare}": at}) | Q(**{f"pk__{compare}": begin}),
        )
    elif begin is not None:
        rows = rows.filter(**{f"pk__{compare}": begin})
    sign = "" if backwards else "-"
    if by_day:
        rows = rows.order_by(f"{sign}created_at", f"{sign}pk")
    elif selection.view or selection.owner or selection.flight is not None or selection.flight_number:
        # See Note [Sorted on purpose]
        place = F("pk") + 0
        rows = rows.order_by(place.asc() if backwards else place.desc())
    else:
        rows = rows.order_by(f"{sign}pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def _ids_of_events(rows: QuerySet[BookingEvent], begin: int | None, limit: int, *, backwards: bool) -> list[int]:
    """The same off the index of events alone: the join would look at each of many thousand bookings."""
    if begin is not None:
        rows = rows.filter(**{"booking__gt" if backwards else "booking__lt": begin})
    place = F("booking_id") + 0
    return list(rows.order_by(place.asc() if backwards else place.desc()).values_list("booking_id", flat=True)[:limit])


# Note [Sorted on purpose]
# A page of a flight, or of a quick view, is a few ids out of a short range of its index. MariaDB may find it cheaper
# to walk all bookings from the newest on until it has met enough of them. That would be right if they were spread
# evenly, but those of a flight that left last month all lie at the far end. No index has the order of an expression,
# so sorting by one makes MariaDB read the short range, and sort that.


def _in_order(ids: list[int]) -> list[Booking]:
    rows = Booking.objects.filter(pk__in=ids).select_related("give_back").in_bulk()
    return [rows[booking_id] for booking_id in ids]
