"""Look at one flight for staff: what the Flight Service shows of it within a moment, or why it shows nothing."""

import enum
from dataclasses import dataclass

from bookings.conf import seats_have_numbers
from bookings.deadline import Deadline
from bookings.ports import Flight, FlightService, FlightsUnreachable, NoSeatMap, SeatMap, UnknownFlight, UnusableFlight

# The page has our own side to show: a person does not wait longer for the other one.
LOOK_SECONDS = 1.0


class Seen(enum.StrEnum):
    """What a look came to."""

    MAP = "map"
    # The flight is shown, and its seats have no numbers there, or are sold by count here.
    COUNT = "count"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class FlightLook:
    """What a look came to, and as far as it was shown the flight and the map of its seats."""

    seen: Seen
    flight: Flight | None = None
    seat_map: SeatMap | None = None


def look_at_flight(*, flight_id: int, flights: FlightService) -> FlightLook:
    """
    Ask the Flight Service for a flight and the map of its seats. Raises nothing: that it is away is an answer too.

    Takes a second at most, and none while the breaker is open.
    """
    deadline = Deadline(LOOK_SECONDS)
    try:
        if seats_have_numbers():
            try:
                shown = flights.get_seat_map(flight_id, seconds=deadline.left())
            except NoSeatMap:
                pass
            else:
                return FlightLook(Seen.MAP, shown.flight, shown)
        return FlightLook(Seen.COUNT, flights.get_flight(flight_id, seconds=deadline.left()))
    except UnknownFlight:
        return FlightLook(Seen.UNKNOWN)
    except UnusableFlight:
        return FlightLook(Seen.UNUSABLE)
    except FlightsUnreachable:
        return FlightLook(Seen.SILENT)
