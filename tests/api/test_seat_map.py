"""GET /flights/{id}/seats: the map of a flight, as the Flight Service shows it."""

import pytest

from bookings.ports import Flight
from bookingsite.web.lanes import Kind, kind_of
from tests.support.api import refused, shown
from tests.support.bookings import states

pytestmark = pytest.mark.django_db

MAP = "/api/v1/flights/1/seats"


@pytest.fixture(autouse=True)
def with_numbers(settings, flights):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()


def test_the_map_is_shown_with_its_counter(api, flights):
    flights.set_flight(1, remaining=5, price=2500)
    api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": ["2A"]})

    answer = api.get(MAP)

    data = shown(answer)
    assert answer.status_code == 200
    assert {name: data[name] for name in ("flightId", "version", "seatPrice", "currency", "capacity", "seatsLeft")} == {
        "flightId": 1,
        "version": 1,
        "seatPrice": 2500,
        "currency": "XXX",
        "capacity": 5,
        "seatsLeft": 4,
    }
    assert data["cabins"] == [{"name": "economy", "columns": ["A", "B", None, "C", "D"]}]
    assert [(seat["number"], seat["status"]) for seat in data["seats"]] == [
        *(("1A", "blocked"), ("1B", "free"), ("1C", "free"), ("1D", "free"), ("2A", "taken"), ("2B", "free"))
    ]
    assert data["seats"][4] == {"number": "2A", "row": 2, "column": "A", "cabin": "economy", "status": "taken"}


def test_what_cannot_be_shown_says_why(api, flights, settings):
    answers = [api.get("/api/v1/flights/999/seats"), api.get("/api/v1/flights/x/seats")]
    flights.number_seats(version=None)
    answers.append(api.get(MAP))
    flights.number_seats()
    flights.unusable.add(1)
    answers.append(api.get(MAP))
    flights.down = True
    answers.append(api.get(MAP))
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    answers.append(api.get(MAP))

    assert [refused(answer) for answer in answers] == [
        *((404, "flight_not_found"), (404, "flight_not_found"), (409, "seat_selection_unavailable")),
        *((502, "flight_unusable"), (503, "flight_service_unavailable"), (409, "seat_selection_unavailable")),
    ]
    assert answers[4].headers["Retry-After"] == "5"


def test_a_map_waits_for_the_flight_service_where_creates_do():
    assert kind_of("GET", MAP) is Kind.CREATE
    assert kind_of("GET", "/api/v1/bookings/1") is Kind.READ


def test_a_booking_by_number_is_promised_only_where_the_flight_was_seen_with_a_map(api, flights):
    body = {"flightId": 1, "userId": 1001, "seatNumbers": ["2A"]}
    flights.get_flight(1, seconds=5)
    flights.shows_flights = False

    promised = api.create(body=body, headers={"Prefer": "respond-async"})
    flights.recall(Flight(1, 2000, 5))
    refused_one = api.create(body=body, headers={"Prefer": "respond-async"})

    assert (promised.status_code, shown(promised)["seatNumbers"]) == (202, ["2A"])
    assert refused(refused_one) == (409, "seat_selection_unavailable")
    assert states() == [("pending", "asking", "")]
