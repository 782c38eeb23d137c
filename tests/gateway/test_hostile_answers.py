"""Answers that would do harm if the gateway believed or passed on what they say."""

import pytest

from bookings.ports import FlightsUnreachable, Mistake, SeatChange, Unknown
from tests.gateway.test_flights_over_http import FLIGHT, KEY, SEATS

TAKE = SeatChange(key=KEY, flight_id=7, seats=2, reserves=True)


@pytest.mark.parametrize(
    "envelope",
    [{}, {"success": False}, {"success": "true"}, {"success": 1}, {"error": {"code": "insufficient_seats"}}],
    ids=str,
)
def test_a_2xx_that_does_not_say_success_proves_nothing(wire, service, envelope):
    wire.add("PATCH", SEATS, status=200, json=envelope)

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


@pytest.mark.parametrize("code", ["\\ud800", "a" * 65, "two words", "line\\nbreak", "é"])
def test_a_code_that_is_no_word_is_not_passed_on(wire, service, code):
    wire.add("PATCH", SEATS, status=418, body=f'{{"success": false, "error": {{"code": "{code}"}}}}'.encode())

    assert service.change_seats(TAKE, seconds=5) == Mistake("418")


def test_a_header_that_makes_no_sense_is_unknown(wire, service):
    wire.add("PATCH", SEATS, status=302, headers={"Location": "http://[::bad"}, json={})

    assert isinstance(service.change_seats(TAKE, seconds=5), Unknown)


def test_another_flight_than_the_one_asked_for_is_no_answer(wire, service):
    envelope = {"success": True, "data": {"id": 8, "price": 2000, "totalSeats": 5}}
    wire.add("GET", FLIGHT, json=envelope)
    wire.add("GET", FLIGHT, json=envelope)

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)
