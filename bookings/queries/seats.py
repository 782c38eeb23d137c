"""Seats flight by flight: what a comparison with the Flight Service needs to know of our side."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from bookings.conf import RECONCILED_AFTER_CANCELLATION
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, BookingEvent, FlightGate, Reconciliation, SeatCall
from bookings.models.booking_event import EventKind
from bookings.models.seat_call import SeatCallState

WITH_SEATS = (BookingStatus.INITIATED, BookingStatus.BOOKED)


@dataclass(frozen=True, slots=True)
class SeatsOfFlight:
    """
    Our side of one flight. Two that are equal say that nothing has happened in between.

    `bookings` counts all there ever were: one that was made and ended in between would leave the rest as it was.
    """

    held: int
    bookings: int
    under_way: int


def flights_to_compare(now: datetime) -> set[int]:
    """Flights on which seats are held, or on which a booking was cancelled lately."""
    held = Booking.objects.filter(status__in=WITH_SEATS)
    cancelled = BookingEvent.objects.filter(
        what=EventKind.CANCELLED, created_at__gte=now - RECONCILED_AFTER_CANCELLATION
    )
    return {
        *held.values_list("flight_id", flat=True).distinct(),
        *cancelled.values_list("booking__flight_id", flat=True).distinct(),
    }


def seats_of(flight_id: int) -> SeatsOfFlight:
    """Count the seats of a flight, and the calls about it that are not answered."""
    unanswered = Q(hold__in=[Hold.ASKING, Hold.STUCK]) | Q(hold=Hold.GIVING_BACK, give_back=None)
    mine = Booking.objects.filter(flight_id=flight_id).aggregate(
        held=Sum("no_of_seats", filter=Q(status__in=WITH_SEATS)),
        bookings=Count("pk"),
        under_way=Count("pk", filter=unanswered),
    )
    # After the bookings: what is put into a call between the two statements was counted there already.
    calls = SeatCall.objects.filter(flight_id=flight_id, state__in=[SeatCallState.OPEN, SeatCallState.DEAD])
    return SeatsOfFlight(mine["held"] or 0, mine["bookings"], mine["under_way"] + calls.count())


def known_capacity(flight_id: int) -> int | None:
    """All seats of a flight, of a Flight Service that does not show them and whose counter is ours alone."""
    return FlightGate.objects.filter(pk=flight_id).values_list("capacity", flat=True).first()


def last_reconciliation() -> Reconciliation | None:
    """The last comparison of all flights; None if there never was one."""
    return Reconciliation.objects.order_by("-finished_at", "-pk").first()
