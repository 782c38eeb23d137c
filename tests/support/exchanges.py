"""Bookings by number, and the exchanges of their seats for others."""

import uuid

from bookings.lifecycle import CancelReason
from bookings.models import BookingSeat, SeatExchange
from bookings.ports import SeatChange
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.seats.resolve_exchange import resolve_exchange
from tests.support.api import shown
from tests.support.bookings import STAFF
from tests.support.calls import a_resolution


def a_booking(api, *numbers):
    """A booking of these seats, as its client sees it."""
    return shown(api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": [*numbers]}))


def rows():
    """The seats that bookings have here."""
    return sorted(BookingSeat.objects.values_list("seat_number", flat=True))


def exchanged(flights):
    """What exchanges the Flight Service was sent: numbers, and how many in the place of which."""
    return [(c.numbers, c.in_place_of.seats, c.in_place_of.numbers) for c in flights.arrived if c.in_place_of]


def given(flights):
    """What it was given back: how many, and which of them by number."""
    return [(change.seats, change.numbers) for change in flights.arrived if not change.reserves]


def states():
    """The states of all exchanges, the oldest first."""
    return list(SeatExchange.objects.order_by("pk").values_list("state", flat=True))


def cancel(booking):
    """Cancel a booking, as staff do."""
    cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.OTHER)


def take_there(flights, *numbers, reserves=True):
    """Another seller takes seats, or gives them back."""
    flights.change_seats(SeatChange(uuid.uuid4(), 1, len(numbers), reserves=reserves, numbers=numbers), seconds=5)


def decide(decision, flights, **said):
    """Let staff decide about the newest exchange."""
    exchange = SeatExchange.objects.latest("pk")
    return resolve_exchange(exchange_id=exchange.pk, resolution=a_resolution(decision, **said), flights=flights)
