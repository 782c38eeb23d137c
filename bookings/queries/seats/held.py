"""Seats flight by flight: what a comparison with the Flight Service needs to know of our side."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Min, Q, Sum

from bookings.conf import RECONCILED_AFTER_CANCELLATION, counter_is_shared
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, BookingEvent, FlightGate, Reconciliation, SeatCall, SeatCallEvent
from bookings.models.bookings.booking_event import EventKind
from bookings.models.seats.seat_call import SeatCallState

WITH_SEATS = (BookingStatus.INITIATED, BookingStatus.BOOKED)


@dataclass(frozen=True, slots=True)
class SeatsOfFlight:
    """
    Our side of one flight. If two are equal, nothing has happened in between.

    `bookings` and `calls` count all there ever were: one that was made and ended in between would leave the
    rest as it was.
    """

    held: int
    bookings: int
    calls: int
    under_way: int


# PostgreSQL does not leap along an index by itself, and would read an entry of each booking.
FROM_FLIGHT_TO_FLIGHT = """
    WITH RECURSIVE flights(id) AS (
        SELECT MIN(flight_id) FROM booking WHERE status = %s
        UNION ALL
        SELECT (SELECT MIN(b.flight_id) FROM booking b WHERE b.status = %s AND b.flight_id > flights.id)
        FROM flights WHERE flights.id IS NOT NULL
    )
    SELECT id FROM flights WHERE id IS NOT NULL"""


def flights_to_compare(now: datetime) -> set[int]:
    """
    Flights on which seats are held, or on which a booking was cancelled or a call decided lately.

    The cost grows with flights, not bookings: `MIN(status)` is read at the start of each flight's index range, where
    `booked` sorts first. The few unpaid bookings are looked at one by one.
    """
    unpaid = Booking.objects.filter(status=BookingStatus.INITIATED)
    since = now - RECONCILED_AFTER_CANCELLATION
    kinds = [EventKind.CANCELLED, EventKind.RESERVATION_RESOLVED]
    ended = BookingEvent.objects.filter(what__in=kinds, created_at__gte=since)
    # Few: people write them, and a decision of theirs may be wrong.
    decided = SeatCallEvent.objects.filter(created_at__gte=since)
    return {
        *_flights_with_paid_bookings(),
        *unpaid.values_list("flight_id", flat=True).distinct(),
        *ended.values_list("booking__flight_id", flat=True).distinct(),
        *decided.values_list("seat_call__flight_id", flat=True).distinct(),
    }


def _flights_with_paid_bookings() -> Iterable[int]:
    if connection.vendor != "postgresql":
        paid = Booking.objects.values("flight_id").annotate(first=Min("status")).filter(first=BookingStatus.BOOKED)
        return paid.values_list("flight_id", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(FROM_FLIGHT_TO_FLIGHT, [BookingStatus.BOOKED, BookingStatus.BOOKED])
        return [flight_id for (flight_id,) in cursor.fetchall()]


def seats_of(flight_id: int, *, besides: int | None = None) -> SeatsOfFlight:
    """Count the seats of a flight, and the calls about it that are not answered; one call may be left out."""
    unanswered = Q(hold__in=[Hold.ASKING, Hold.STUCK]) | Q(hold=Hold.GIVING_BACK, give_back=None)
    mine = Booking.objects.filter(flight_id=flight_id).aggregate(
        held=Sum("no_of_seats", filter=Q(status__in=WITH_SEATS)),
        bookings=Count("pk"),
        under_way=Count("pk", filter=unanswered),
    )
    # After the bookings: what is put into a call between the two statements was counted there already.
    waiting = Q(state__in=[SeatCallState.OPEN, SeatCallState.DEAD])
    calls = SeatCall.objects.filter(~Q(pk=besides or 0), flight_id=flight_id).aggregate(
        all=Count("pk"), waiting=Count("pk", filter=waiting)
    )
    return SeatsOfFlight(mine["held"] or 0, mine["bookings"], calls["all"], mine["under_way"] + calls["waiting"])


def known_capacity(flight_id: int) -> int | None:
    """All seats of a flight, of a Flight Service that does not show them and whose counter is ours alone."""
    if counter_is_shared():
        return None
    return FlightGate.objects.filter(pk=flight_id).values_list("capacity", flat=True).first()


def last_reconciliation() -> Reconciliation | None:
    """The last comparison of all flights; None if there never was one."""
    return Reconciliation.objects.order_by("-finished_at", "-pk").first()
