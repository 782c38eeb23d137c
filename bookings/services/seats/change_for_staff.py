"""Give a booking other seats from a page of the back office."""

from collections.abc import Iterable

from bookings.actor import Actor
from bookings.ports import FlightService
from bookings.services.seats.change_seats import Result, SeatWish, change_seats
from bookings.services.shared.staff_actions import staff_request
from bookings.text.seat_numbers import in_order


def change_seats_for_staff(
    *,
    booking_id: int,
    numbers: Iterable[str],
    actor: Actor,
    note: str,
    seen_version: int,
    action_key: str,
    flights: FlightService,
) -> Result:
    """
    Exchange the seats of a booking as `change_seats` does, if it still is what the page showed.

    The same page sent again goes on where the first one stood, as a client's repeat under its key does.

    :raises BookingChanged: if it has changed since the page was shown; nothing is changed
    :raises IdempotencyKeyReused: if the same page was sent before with other seats; nothing is changed
    :raises BookingError: for what else `change_seats` raises
    """
    wanted = in_order(numbers)
    keyed = staff_request("seats", key=action_key, actor=actor, id=booking_id, seats=wanted)
    wish = SeatWish(booking_id, wanted, actor, seen=[seen_version], note=note)
    return change_seats(wish=wish, keyed=keyed, flights=flights)
