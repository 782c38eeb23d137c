"""Which flights are compared with the Flight Service, and in which order: by how lately they changed, and by turns."""

# Note [Busy flights first, and each in its turn]
# A comparison has so many seconds, and each look at a flight is a call. Where there are more flights than it can look
# at, those go first that changed last, as only a change can go wrong, and a busy flight is the one that is sold beyond
# its seats. Every fifth look goes to the flights that hold seats by their number, from where the comparison before
# stopped: so each has its turn after a known time, whatever happens on others. What changed is read backwards from the
# newest rows, only as far as there is time to look; it needs no column, no index and no statement of a create.

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Min, QuerySet

from bookings.conf import RECONCILED_AFTER_CANCELLATION
from bookings.lifecycle import BookingStatus
from bookings.models import Booking, BookingEvent, SeatCall, SeatCallEvent
from bookings.queries.seats.held import WITH_SEATS

# Rows that are read at once, and of each table at most: on flights that change all the time there are many for one.
READ_AT_ONCE = 500
READ_AT_MOST = 20_000

# Of so many looks one goes to a flight whose turn it is.
QUIET_SHARE = 5

# PostgreSQL does not leap along an index by itself, and would read an entry of each booking.
FROM_FLIGHT_TO_FLIGHT = """
    WITH RECURSIVE flights(id) AS (
        SELECT MIN(flight_id) FROM booking WHERE status = %s AND flight_id > %s
        UNION ALL
        SELECT (SELECT MIN(b.flight_id) FROM booking b WHERE b.status = %s AND b.flight_id > flights.id)
        FROM flights WHERE flights.id IS NOT NULL
    )
    SELECT id FROM flights WHERE id IS NOT NULL LIMIT %s"""


def in_turn(now: datetime, *, after: int) -> Iterator[tuple[int, bool]]:
    """
    Give each flight once, and whether it was its turn: flights with a row of the last day, and those that hold seats.

    See Note [Busy flights first, and each in its turn].

    :param after: the flight whose turn came last
    """
    seen: set[int] = set()

    def new(flights: Iterable[int]) -> Iterator[int]:
        for flight_id in flights:
            if flight_id not in seen:
                seen.add(flight_id)
                yield flight_id

    changed, by_turns = new(changed_lately(now)), new(holding_seats(after=after))
    while first := list(islice(changed, QUIET_SHARE - 1)):
        yield from ((flight_id, False) for flight_id in first)
        yield from ((flight_id, True) for flight_id in islice(by_turns, 1))
    # With none left of the one kind, all looks are for the other.
    yield from ((flight_id, True) for flight_id in by_turns)


def changed_lately(now: datetime) -> Iterator[int]:
    """
    Give flights by what was written about them last, newest first, some of them again and again.

    A booking that is made, an event of it, a call that gives seats back or corrects, what staff decided about one.
    """
    since = now - RECONCILED_AFTER_CANCELLATION
    newest = [
        _newest_first(Booking.objects.all(), "flight_id", since),
        _newest_first(BookingEvent.objects.all(), "booking__flight_id", since),
        _newest_first(SeatCall.objects.all(), "flight_id", since),
        _newest_first(SeatCallEvent.objects.all(), "seat_call__flight_id", since),
    ]
    for _at, flight_id in heapq.merge(*newest, reverse=True):
        yield flight_id


def _newest_first(rows: QuerySet[Any], flight: str, since: datetime) -> Iterator[tuple[datetime, int]]:
    """Read rows backwards by their keys, which are given out as time goes, until they are too old or too many."""
    before, read = None, 0
    while read < READ_AT_MOST:
        older = rows if before is None else rows.filter(pk__lt=before)
        found = list(older.order_by("-pk").values_list("created_at", flight, "pk")[:READ_AT_ONCE])
        for at, flight_id, _ in found:
            if at < since:
                return
            yield at, flight_id
        if len(found) < READ_AT_ONCE:
            return
        before, read = found[-1][2], read + len(found)


def holding_seats(*, after: int) -> Iterator[int]:
    """Give the flights with paid bookings by their numbers, those beyond `after` first, then those up to it."""
    for low, high in ((after, None), (0, after)):
        begin: int | None = low
        while begin is not None:
            found = _with_paid_bookings(beyond=begin)
            for flight_id in found:
                if high is not None and flight_id > high:
                    return
                yield flight_id
            begin = found[-1] if len(found) == READ_AT_ONCE else None


def _with_paid_bookings(*, beyond: int) -> list[int]:
    """
    Read the next flights by their numbers.

    The cost grows with flights, not bookings: `MIN(status)` is read at the start of each flight's index range, where
    `booked` sorts first.
    """
    if connection.vendor != "postgresql":
        flights = Booking.objects.filter(flight_id__gt=beyond).values("flight_id").annotate(first=Min("status"))
        paid = flights.filter(first=BookingStatus.BOOKED).order_by("flight_id")
        return list(paid.values_list("flight_id", flat=True)[:READ_AT_ONCE])
    booked = BookingStatus.BOOKED
    with connection.cursor() as cursor:
        cursor.execute(FROM_FLIGHT_TO_FLIGHT, [booked, beyond, booked, READ_AT_ONCE])
        return [flight_id for (flight_id,) in cursor.fetchall()]


def is_wanted(flight_id: int, now: datetime) -> bool:
    """Tell whether a flight is compared at all: seats of it are held, or something was written about it lately."""
    since = now - RECONCILED_AFTER_CANCELLATION
    return (
        Booking.objects.filter(flight_id=flight_id, status__in=WITH_SEATS).exists()
        or BookingEvent.objects.filter(booking__flight_id=flight_id, created_at__gte=since).exists()
        or SeatCall.objects.filter(flight_id=flight_id, created_at__gte=since).exists()
        or SeatCallEvent.objects.filter(seat_call__flight_id=flight_id, created_at__gte=since).exists()
    )
