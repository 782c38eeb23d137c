"""Show the seats of a flight by number, as the Flight Service shows them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bookings.conf import RETRY_AFTER_SECONDS, seats_have_numbers
from bookings.errors import FlightNotFound, FlightServiceUnavailable, FlightUnusable, SeatSelectionUnavailable
from bookings.ports import FlightService, FlightsUnreachable, NoSeatMap, SeatMap, UnknownFlight, UnusableFlight

# A client waits for it; it is asked for once.
SEAT_MAP_SECONDS = 2.0


@contextmanager
def in_our_words() -> Iterator[None]:
    """
    Say what a look at a flight may come to as this service's clients know it.

    :raises FlightNotFound: if there is no such flight
    :raises SeatSelectionUnavailable: if its seats have no numbers
    :raises FlightUnusable: if it is shown in a way that makes no sense
    :raises FlightServiceUnavailable: if the Flight Service does not answer
    """
    try:
        yield
    except UnknownFlight as error:
        raise FlightNotFound from error
    except NoSeatMap as error:
        raise SeatSelectionUnavailable from error
    except UnusableFlight as error:
        raise FlightUnusable from error
    except FlightsUnreachable as error:
        raise FlightServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error


def show_seat_map(*, flight_id: int, flights: FlightService) -> SeatMap:
    """
    Ask the Flight Service for the map of a flight. Nothing here is remembered: another seller may take any seat.

    :raises FlightNotFound: if there is no such flight
    :raises SeatSelectionUnavailable: if its seats have no numbers, or the settings say that none have
    :raises FlightUnusable: if its map makes no sense
    :raises FlightServiceUnavailable: if the Flight Service does not answer
    """
    if not seats_have_numbers():
        raise SeatSelectionUnavailable
    with in_our_words():
        return flights.get_seat_map(flight_id, seconds=SEAT_MAP_SECONDS)
