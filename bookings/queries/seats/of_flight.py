"""The seats of one flight as this service knows them: who has which, and which are on their way."""

from dataclasses import dataclass

from django.db.models import F, Q

from bookings.lifecycle import BookingStatus, Hold
from bookings.models import ArchivedBooking, Booking, BookingSeat, SeatExchange
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.seats.seat_exchange import UNFINISHED
from bookings.queries.seats.held import WITH_SEATS, SeatsOfFlight, seats_of
from bookings.text.seat_numbers import numbers_in

# Of bookings without numbers, the newest.
MOST_WITHOUT_NUMBERS = 20

# Of bookings whose seats are on their way: an aeroplane has fewer, a flight whose Flight Service is away may have more.
MOST_MOVING = 1_000


@dataclass(frozen=True, slots=True)
class Holder:
    """The booking that has a seat."""

    booking_id: int
    reference: str
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class FlightHere:
    """
    Our side of one flight.

    `moving` are seats that are asked for, exchanged or given back, without an answer yet. `newest` is the newest
    booking there is: it knows what people call the flight. Of `without_numbers` there may be one more than are shown.
    """

    count: SeatsOfFlight
    holders: dict[str, Holder]
    moving: dict[str, Holder]
    newest: Booking | None
    without_numbers: list[Booking]


def holders_of(flight_id: int) -> dict[str, Holder]:
    """Who has which seat by number, bookings of the archive included. Two statements."""
    flown = ArchivedBooking.objects.filter(flight_id=flight_id, status=BookingStatus.BOOKED).exclude(seat_numbers="")
    found = {
        number: Holder(booking_id, reference, is_archived=True)
        for booking_id, reference, numbers in flown.values_list("pk", "reference", "seat_numbers")
        for number in numbers_in(numbers)
    }
    rows = BookingSeat.objects.filter(flight_id=flight_id)
    for number, booking_id, reference in rows.values_list("seat_number", "booking_id", "booking__reference"):
        found[number] = Holder(booking_id, reference)
    return found


def flight_here(flight_id: int) -> FlightHere:
    """Read our side of a flight, in a fixed number of statements."""
    of_flight = Booking.objects.filter(flight_id=flight_id)
    # Sorted on purpose: see the note in `bookings.queries.bookings.pages`.
    newest_first = (F("pk") + 0).desc()
    counted = of_flight.filter(status__in=WITH_SEATS, seat_numbers="").order_by(newest_first)
    return FlightHere(
        count=seats_of(flight_id),
        moving=_moving(flight_id),
        # After those that are on their way: what arrives between the two statements is seen twice, and never lost.
        holders=holders_of(flight_id),
        newest=of_flight.order_by(newest_first).first(),
        without_numbers=list(counted.select_related("give_back")[: MOST_WITHOUT_NUMBERS + 1]),
    )


def _moving(flight_id: int) -> dict[str, Holder]:
    """The seats by number of calls that are not answered, or wait for staff."""
    is_owed = Q(give_back=None) | Q(give_back__state__in=[SeatCallState.OPEN, SeatCallState.DEAD])
    waiting = Q(hold__in=[Hold.ASKING, Hold.STUCK]) | Q(hold=Hold.GIVING_BACK) & is_owed
    rows = Booking.objects.filter(waiting, flight_id=flight_id).exclude(seat_numbers="")
    found = [
        (Holder(booking_id, reference), numbers)
        for booking_id, reference, numbers in rows.values_list("pk", "reference", "seat_numbers")[:MOST_MOVING]
    ]
    exchanges = SeatExchange.objects.filter(flight_id=flight_id, state__in=UNFINISHED)
    columns = ("booking_id", "booking__reference", "take_numbers", "give_numbers")
    for booking_id, reference, *both in exchanges.values_list(*columns)[:MOST_MOVING]:
        found += [(Holder(booking_id, reference), numbers) for numbers in both]
    return {number: holder for holder, numbers in found for number in numbers_in(numbers)}
