"""A booking says which flight it is for as people say it: as the Flight Service showed it when it was made."""

from datetime import UTC, datetime

import pytest

from bookings.models import Booking
from bookings.ports import Leg
from tests.support.api import BOOKINGS, shown

pytestmark = pytest.mark.django_db

NINE, NOON = datetime(2030, 1, 1, 9, tzinfo=UTC), datetime(2030, 1, 1, 12, tzinfo=UTC)
SAID = {
    "number": "UK 808",
    "departure": "2030-01-01T09:00:00.000Z",
    "arrival": "2030-01-01T12:00:00.000Z",
    "departureAirport": "DEL",
    "arrivalAirport": "BLR",
}
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def leg(flights):
    flights.set_flight(1, leg=Leg("UK 808", "DEL", "BLR", NINE, NOON))


def test_a_booking_names_its_flight_wherever_it_is_shown(api, leg):
    booking = shown(api.create())

    read, listed = shown(api.get(f"{BOOKINGS}/{booking['id']}")), shown(api.get(BOOKINGS))["results"][0]

    assert [each["flight"] for each in (booking, read, listed)] == [SAID] * 3
    assert booking["flightId"] == 1


def test_a_flight_that_is_changed_later_changes_no_booking(api, flights, leg):
    booking = shown(api.create())
    flights.set_flight(1, leg=Leg("UK 809", "DEL", "HYD", NOON, None))

    assert shown(api.pay(booking))["flight"] == SAID
    assert shown(api.create())["flight"]["number"] == "UK 809"


def test_a_flight_without_a_name_is_sold_by_its_id(api):
    booking = shown(api.create())

    assert (booking["flightId"], booking["flight"]) == (1, dict.fromkeys(SAID))


def test_a_flight_is_named_as_it_is_remembered(api, flights, leg):
    api.create()
    flights.remembers = True
    flights.shows_flights = False

    assert shown(api.create())["flight"] == SAID


def test_a_promise_names_the_flight_as_it_was_seen_last(api, flights, leg):
    api.create()
    flights.shows_flights = False

    answer = api.create(headers=ASYNC)

    assert (answer.status_code, shown(answer)["flight"]) == (202, SAID)


def test_a_repetition_shows_what_the_first_answer_showed(api, flights, leg):
    first = api.create(key="k")
    flights.set_flight(1, leg=Leg("UK 809"))

    assert api.create(key="k").content == first.content
    assert Booking.objects.get().flight_number == "UK 808"
