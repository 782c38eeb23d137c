"""What the gateway makes of the answers to a GET of a flight."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bookings.ports import Flight, FlightsUnreachable, Leg, UnknownFlight, UnusableFlight
from tests.support.wire import HANG_UP

FLIGHT = "/api/v1/flights/7"


def failure(status, code=None):
    error = {"statusCode": status, "explanation": "no"} | ({"code": code} if code else {})
    return {"success": False, "message": "Something went wrong", "data": {}, "error": error}


def flight(**fields):
    return {"success": True, "data": {"id": 7, "price": 2000, "totalSeats": 5, **fields}, "error": {}}


HUGE = "a number of five thousand digits"


def written(content):
    """JSON as some write it: NaN, and numbers that Python would not turn into text, included."""
    return json.dumps(content).replace(f'"{HUGE}"', "1" + "0" * 5000).encode()


def test_a_flight_is_read(wire, service):
    wire.add("GET", FLIGHT, json=flight(capacity=100))

    assert service.get_flight(7, seconds=5) == Flight(id=7, price=2000, seats_left=5, capacity=100)


LEG = {
    "flightNumber": "UK 808",
    "departureAirportId": "DEL",
    "arrivalAirportId": "BLR",
    "departureTime": "2030-01-01T09:00:00.000Z",
    "arrivalTime": "2030-01-01T17:30:00+05:30",
}
NINE, NOON = datetime(2030, 1, 1, 9, tzinfo=UTC), datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_what_people_call_a_flight_is_read(wire, service):
    wire.add("GET", FLIGHT, json=flight(**LEG))

    assert service.get_flight(7, seconds=5).leg == Leg("UK 808", "DEL", "BLR", NINE, NOON)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEG)
@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "  ", 7, 0.5, True, [], ["DEL"], {}, {"a": 1}, HUGE, "A" * 17, "A" * 60_000),
        *("A\x00B", "A\nB", "\x1b[2J", "A\ud800", "\u202eLED", "\u200b", "\u2028"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_name_and_no_time_is_left_out_and_the_flight_is_sold(wire, service, name, value):
    wire.add("GET", FLIGHT, body=written(flight(**{**LEG, name: value})))
    fields = dict(
        zip(LEG, ("number", "departure_airport", "arrival_airport", "departure_at", "arrival_at"), strict=True)
    )

    shown = service.get_flight(7, seconds=5)

    whole = Leg("UK 808", "DEL", "BLR", NINE, NOON)
    assert shown == Flight(7, 2000, 5, leg=replace(whole, **{fields[name]: getattr(Leg(), fields[name])}))


@pytest.mark.parametrize(
    "text",
    [
        *("2030-01-01T09:00:00", "2030-01-01 09:00:00", "2030-01-01", "09:00", "20300101T090000Z", "1893488400"),
        *(
            "2030-13-01T09:00:00Z",
            "2030-02-30T09:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T25:00:00Z",
            "2030-01-01T09:00:60Z",
        ),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"),
        *(
            "2030-01-01T09:00:00+99:99",
            "\uff12030-01-01T09:00:00Z",
            "tomorrow",
            "2030-01-01T09:00:00Z; DROP TABLE booking",
        ),
    ],
)
def test_a_time_that_may_be_another_one_is_none(wire, service, text):
    wire.add("GET", FLIGHT, json=flight(departureTime=text))

    assert service.get_flight(7, seconds=5).leg.departure_at is None


@pytest.mark.parametrize("text", ["2030-01-01T09:00Z", "2030-01-01t09:00:00.000000z", "2030-01-01 14:30:00+0530"])
def test_a_time_may_be_written_in_several_ways(wire, service, text):
    wire.add("GET", FLIGHT, json=flight(departureTime=text))

    assert service.get_flight(7, seconds=5).leg.departure_at == NINE


@pytest.mark.parametrize("fields", [{}, {"capacity": None}, {"capacity": "9"}, {"capacity": True}, {"capacity": -1}])
def test_a_flight_whose_capacity_is_not_told_is_read_all_the_same(wire, service, fields):
    wire.add("GET", FLIGHT, json=flight(**fields))

    assert service.get_flight(7, seconds=5) == Flight(id=7, price=2000, seats_left=5, capacity=None)


def test_a_flight_may_be_priced_in_a_currency_of_its_own(wire, service):
    wire.add("GET", FLIGHT, json=flight(currency="INR"))

    assert service.get_flight(7, seconds=5) == Flight(id=7, price=2000, seats_left=5, currency="INR")


@pytest.mark.parametrize("fields", [{}, {"currency": None}])
def test_a_flight_without_a_currency_is_read_all_the_same(wire, service, fields):
    wire.add("GET", FLIGHT, json=flight(**fields))

    assert service.get_flight(7, seconds=5) == Flight(id=7, price=2000, seats_left=5, currency=None)


def test_a_flight_that_is_oversold_has_no_seats(wire, service):
    wire.add("GET", FLIGHT, json=flight(totalSeats=-3))

    assert service.get_flight(7, seconds=5).seats_left == 0


@pytest.mark.parametrize("code", ["flight_not_found", None])
def test_an_envelope_with_404_says_that_there_is_no_such_flight(wire, service, code):
    wire.add("GET", FLIGHT, status=404, json=failure(404, code))

    with pytest.raises(UnknownFlight):
        service.get_flight(7, seconds=5)


def test_a_404_of_somebody_else_says_nothing_about_the_flight(wire, service):
    wire.add("GET", FLIGHT, status=404, json={"detail": "no route"})

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)


@pytest.mark.parametrize(
    "fields",
    [
        {"price": "2000"},
        {"price": 2000.0},
        {"price": -1},
        {"price": None},
        {"price": True},
        {"price": 10**15},
        {"price": HUGE},
        {"price": float("nan")},
        {"price": float("inf")},
        {"price": [2000]},
        {"price": 19.99, "currency": "EUR"},
        {"price": "19.99", "currency": "EUR"},
        {"currency": "inr"},
        {"currency": "EURO"},
        {"currency": "QQQ"},
        {"currency": "XXX"},
        {"currency": "XAU"},
        {"currency": "€"},
        {"currency": "INR\n"},
        {"currency": ""},
        {"currency": 356},
        {"currency": True},
        {"currency": ["INR"]},
        {"currency": {"code": "INR"}},
        {"totalSeats": "5"},
        {"totalSeats": HUGE},
        {"totalSeats": 2**31},
        {"totalSeats": -(10**30)},
        {"totalSeats": float("-inf")},
        {"id": 8},
        {"id": "7"},
        {"id": 7.0},
        {"id": None},
        {"id": True},
        {"totalSeats": 5.5},
        {"totalSeats": None},
        {"totalSeats": False},
    ],
    ids=str,
)
def test_a_flight_that_cannot_be_sold_is_named_as_such_and_asked_for_once(wire, service, fields):
    wire.add("GET", FLIGHT, body=written(flight(**fields)))

    with pytest.raises(UnusableFlight):
        service.get_flight(7, seconds=5)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("content", [{}, {"data": None}, {"data": []}, {"data": {}}, {"data": "x"}], ids=str)
def test_an_envelope_without_a_flight_cannot_be_sold(wire, service, content):
    wire.add("GET", FLIGHT, json={"success": True, **content})

    with pytest.raises(UnusableFlight):
        service.get_flight(7, seconds=5)


@pytest.mark.parametrize("says", [{}, {"success": False}, {"success": "true"}, {"success": 1}], ids=str)
def test_a_flight_whose_envelope_does_not_say_success_is_no_answer(wire, service, says):
    content = flight()
    del content["success"]
    wire.add("GET", FLIGHT, json={**content, **says})

    with pytest.raises(FlightsUnreachable) as refused:
        service.get_flight(7, seconds=5)
    assert not isinstance(refused.value, UnusableFlight)


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 299])
def test_another_status_than_200_shows_no_flight(wire, service, status):
    wire.add("GET", FLIGHT, status=status, json=flight())

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)


@pytest.mark.parametrize("body", [b"", b"<html>gone</html>", b"{}", written(failure(410))], ids=str)
def test_410_says_that_there_is_no_such_flight_whatever_comes_with_it(wire, service, body):
    wire.add("GET", FLIGHT, status=410, body=body)

    with pytest.raises(UnknownFlight):
        service.get_flight(7, seconds=5)


def test_a_flight_is_asked_for_twice_if_need_be_and_no_more(wire, service):
    wire.add("GET", FLIGHT, status=500, json=failure(500))
    wire.add("GET", FLIGHT, json=flight())

    assert service.get_flight(7, seconds=5).price == 2000
    assert len(wire.calls) == 2


def test_two_failures_are_enough(wire, service):
    wire.say("GET", FLIGHT, HANG_UP)

    with pytest.raises(FlightsUnreachable):
        service.get_flight(7, seconds=5)
    assert len(wire.calls) == 2


def test_a_flight_is_recalled_for_five_minutes(wire, service, monkeypatch):
    now = [1000.0]
    wire.add("GET", FLIGHT, json=flight())
    monkeypatch.setattr("bookings.gateways.flight_service.http.time.monotonic", lambda: now[0])
    service.get_flight(7, seconds=5)

    now[0] = 1300.0
    within = service.recall_flight(7)
    now[0] = 1300.1
    beyond = service.recall_flight(7)

    assert within == Flight(id=7, price=2000, seats_left=5)
    assert beyond is None
