"""Seats flight by flight: what a comparison with the Flight Service needs to know of our side."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from bookings.conf import counter_is_shared
from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, BookingSeat, FlightGate, Reconciliation, SeatCall, SeatExchange
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.seats.seat_exchange import UNFINISHED
from bookings.queries.bookings.archived import archived_numbers_of, archived_seats_of

WITH_SEATS = (BookingStatus.INITIATED, BookingStatus.BOOKED)


@dataclass(frozen=True, slots=True)
class SeatsOfFlight:
    """
    Our side of one flight. If two are equal, nothing has happened in between.

    `bookings` counts all there ever were, those of the archive included, and `calls`, with exchanges, all that have not
    left for it: one that was made and ended in between would leave the rest as it was.
    """

    held: int
    bookings: int
    calls: int
    under_way: int


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
    exchanges = SeatExchange.objects.filter(flight_id=flight_id).aggregate(
        all=Count("pk"), waiting=Count("pk", filter=Q(state__in=UNFINISHED))
    )
    under_way = mine["under_way"] + calls["waiting"] + exchanges["waiting"]
    # After them, too: a booking that leaves for the archive in between is counted twice, and the next reading differs.
    seats, bookings = archived_seats_of(flight_id)
    return SeatsOfFlight(
        (mine["held"] or 0) + seats, mine["bookings"] + bookings, calls["all"] + exchanges["all"], under_way
    )


def numbers_held(flight_id: int) -> set[str]:
    """The seats by number that bookings of a flight have, those of the archive included."""
    held = set(BookingSeat.objects.filter(flight_id=flight_id).values_list("seat_number", flat=True))
    return held | archived_numbers_of(flight_id)


def known_capacity(flight_id: int) -> int | None:
    """All seats of a flight, of a Flight Service that does not show them and whose counter is ours alone."""
    if counter_is_shared():
        return None
    return FlightGate.objects.filter(pk=flight_id).values_list("capacity", flat=True).first()


def last_reconciliation() -> Reconciliation | None:
    """The last comparison of all flights; None if there never was one."""
    return Reconciliation.objects.order_by("-finished_at", "-pk").first()
