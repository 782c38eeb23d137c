"""A look at one flight for staff: whatever the Flight Service does, there is an answer within a moment."""

import pytest

from bookings.services.seats.look_at_flight import LOOK_SECONDS, look_at_flight
from tests.support.fakes import FakeFlights


@pytest.fixture
def flights(settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    return FakeFlights(capacity=8, seat_maps=True)


def looked(flights, flight_id=1):
    look = look_at_flight(flight_id=flight_id, flights=flights)
    return str(look.seen), look.flight and look.flight.seats_left, look.seat_map and len(look.seat_map.seats)


def test_a_look_shows_what_there_is(flights, settings):
    assert looked(flights) == ("map", 8, 9)
    assert looked(flights, 999) == ("unknown", None, None)
    flights.number_seats(version=None)
    assert looked(flights) == ("count", 8, None)
    flights.number_seats()
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    assert looked(flights) == ("count", 8, None)


@pytest.mark.parametrize("has_numbers", [True, False])
def test_a_look_in_vain_says_why(flights, settings, has_numbers):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = has_numbers
    flights.unusable.add(2)
    assert looked(flights, 2) == ("unusable", None, None)
    flights.resting = True
    assert looked(flights) == ("silent", None, None)
    flights.resting, flights.down = False, True
    assert looked(flights) == ("silent", None, None)


def test_map_and_count_together_have_a_second(flights, monkeypatch):
    asked = []
    for name in ("get_seat_map", "get_flight"):
        inner = getattr(flights, name)

        def noted(flight_id, *, seconds, inner=inner):
            asked.append(seconds)
            return inner(flight_id, seconds=seconds)

        monkeypatch.setattr(flights, name, noted)
    flights.number_seats(version=None)

    look_at_flight(flight_id=1, flights=flights)

    assert asked[0] <= LOOK_SECONDS
    assert asked == sorted(asked, reverse=True)
