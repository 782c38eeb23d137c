"""What a client wants of a flight, and why it cannot be sold as the flight is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bookings.conf import HIGHEST_NUMBER, currency, seats_have_numbers
from bookings.errors import (
    AmountNotPayable,
    BookingNotFound,
    InvalidRequest,
    PriceChanged,
    SeatSelectionUnavailable,
    SeatsUnavailable,
)
from bookings.ports import Flight
from bookings.queries.bookings.archived import is_booking_of
from bookings.services.messages.contacts import GivenContact
from bookings.text.money import Money


@dataclass(frozen=True, slots=True)
class SeatOrder:
    """
    What a client wants: seats on a flight, for a user.

    `expected_price` is what a seat costs as far as the client knows, in minor units; None: whatever it costs. What the
    client calls the booking, and what it keeps with it, is kept as it is, and read by nothing here. The contact is the
    traveler's, to be told what happens. Seats by number are as many as seats; none: any seats. It may name a booking of
    the user that this one replaces, which is a link and no more.
    """

    flight_id: int
    user_id: int
    no_of_seats: int
    expected_price: int | None = None
    client_reference: str = ""
    metadata: Mapping[str, str] | None = None
    contact: GivenContact | None = None
    seat_numbers: tuple[str, ...] = ()
    replaces_id: int | None = None


def refuse_the_flight(order: SeatOrder, flight: Flight, refuses: Callable[[Money], str]) -> None:
    """
    Refuse a flight that cannot be sold as it is shown.

    :raises SeatsUnavailable: if it has fewer seats than wanted
    :raises SeatSelectionUnavailable: see `refuse_the_numbers`
    :raises PriceChanged: see `refuse_the_price`, and for the other refusals
    """
    if order.seat_numbers:
        refuse_the_numbers(flight)
    if flight.seats_left < order.no_of_seats:
        raise SeatsUnavailable
    refuse_the_price(order, price_of(flight), refuses)


def refuse_the_numbers(flight: Flight) -> None:
    """
    Refuse seats by number on a flight whose seats have none, or where the settings say that none have.

    :raises SeatSelectionUnavailable: then
    """
    if flight.seat_map is None or not seats_have_numbers():
        raise SeatSelectionUnavailable


def refuse_what_is_not_of(user_id: int, booking_id: int) -> None:
    """
    Refuse to replace a booking that is not this user's. Whose a booking is never changes, so no lock is needed.

    :raises BookingNotFound: if there is none, or it is another user's, which no caller can tell apart
    """
    if not is_booking_of(user_id, booking_id):
        raise BookingNotFound(fields={"replaces": "There is no such booking of this user."})


def price_of(flight: Flight) -> Money:
    """What one seat costs."""
    return Money(flight.price, flight.currency or currency())


def refuse_the_price(order: SeatOrder, price: Money, refuses: Callable[[Money], str]) -> None:
    """
    Refuse a price that the client does not expect, or whose total not every client reads exactly, or cannot be paid.

    :raises PriceChanged: see `create_booking` for what each means
    :raises InvalidRequest: likewise
    :raises AmountNotPayable: likewise
    """
    total = price.amount * order.no_of_seats
    if total > HIGHEST_NUMBER:
        text = f"At {price.amount} a seat these cost more in all than can be paid at once, {HIGHEST_NUMBER}."
        raise InvalidRequest(fields={"noOfSeats": f"{text} Ask for fewer."})
    if order.expected_price not in (None, price.amount):
        raise PriceChanged(
            f"A seat costs {price.amount} now, and {order.expected_price} was expected. Nothing is held.",
            fields={"expectedPrice": f"A seat costs {price.amount} now."},
            details={"seatPrice": price.amount, "totalCost": total, "currency": price.currency},
        )
    why = refuses(Money(total, price.currency)) if total else ""
    if why:
        raise AmountNotPayable(why)
