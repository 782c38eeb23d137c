"""What the gateway sends about seats by number, and what it believes of the answers."""

import json
from dataclasses import replace

import pytest

from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.ports import (
    Applied,
    Cabin,
    CountedNotNamed,
    Flight,
    FlightsUnreachable,
    InPlaceOf,
    Mistake,
    NoFlight,
    NoSeatMap,
    NoSeats,
    Seat,
    SeatChange,
    SeatMap,
    SeatRefusal,
    SeatsTaken,
    SeatStatus,
    Unknown,
    UnknownFlight,
    UnusableFlight,
)
from tests.gateway.test_flights_over_http import FLIGHT, KEY, SEATS, TAKE, failure
from tests.support.fakes import FakeFlights
from tests.support.wire import HANG_UP

NAMED = SeatChange(KEY, 7, 2, reserves=True, numbers=("12A", "12B"))
GIVE = SeatChange(KEY, 7, 7, reserves=False, numbers=("12A", "12B"))
EXCHANGE = replace(NAMED, in_place_of=InPlaceOf(2, ("14C",)))
A_MAP = {
    "flightId": 7,
    "version": 3,
    "price": 2000,
    "capacity": 4,
    "totalSeats": 2,
    "cabins": [{"name": "business", "columns": ["A", None, "F"]}, {"name": "economy", "columns": ["A", "B"]}],
    "seats": [
        {"number": "1A", "row": 1, "column": "A", "cabin": "business", "status": "blocked"},
        {"number": "1F", "row": 1, "column": "F", "cabin": "business", "status": "taken"},
        {"number": "12B", "cabin": "economy", "status": "free"},
    ],
}


def outcome(wire, service, change, status=200, content=None):
    wire.add("PATCH", SEATS, status=status, json=content)
    return service.change_seats(change, seconds=5)


def done(**data):
    return {"success": True, "data": {"id": 7, **data}, "error": {}}


def refused(listed):
    answer = failure(409, "seats_taken")
    answer["error"]["seatNumbers"] = listed
    return answer


def test_what_is_named_stands_behind_what_is_counted_and_a_plain_change_stays_as_it_is(wire, service):
    for change, sent in (
        (TAKE, b'{"seats": 2, "dec": 1}'),
        (NAMED, b'{"seats": 2, "dec": 1, "seatNumbers": ["12A", "12B"]}'),
        (GIVE, b'{"seats": 7, "dec": 0, "seatNumbers": ["12A", "12B"]}'),
        (
            replace(EXCHANGE, in_place_of=InPlaceOf(2, ())),
            b'{"seats": 2, "dec": 1, "seatNumbers": ["12A", "12B"], "inPlaceOf": {"seats": 2, "seatNumbers": []}}',
        ),
        (
            replace(NAMED, numbers=(), in_place_of=InPlaceOf(2, ("14C", "14D"))),
            b'{"seats": 2, "dec": 1, "inPlaceOf": {"seats": 2, "seatNumbers": ["14C", "14D"]}}',
        ),
    ):
        outcome(wire, service, change, content=done())
        assert wire.calls[-1].body == sent
        assert json.loads(sent)["seats"] == change.seats

    with pytest.raises(ValueError, match="no numbers of seats"):
        service.change_seats(replace(NAMED, numbers=('1A", "x',)), seconds=5)


def test_only_an_answer_that_repeats_all_numbers_and_no_other_is_applied(wire, service):
    repeated = ["12B", "12A"]
    for change, data, expected in (
        (NAMED, {"seatNumbers": repeated}, Applied()),
        (NAMED, {}, CountedNotNamed()),
        (NAMED, {"seatNumbers": ["12A"]}, CountedNotNamed()),
        (NAMED, {"seatNumbers": ["12A", "12A"]}, CountedNotNamed()),
        (NAMED, {"seatNumbers": ["12A", "12B", "12C"]}, CountedNotNamed()),
        (NAMED, {"seatNumbers": ["12A", ["12B"]]}, CountedNotNamed()),
        (NAMED, {"seatNumbers": {"12A": 1, "12B": 1}}, CountedNotNamed()),
        (NAMED, {"seatNumbers": "12A,12B"}, CountedNotNamed()),
        (NAMED, {"seatNumbers": repeated, "inPlaceOf": {"seats": 1, "seatNumbers": []}}, CountedNotNamed()),
        (GIVE, {"seatNumbers": repeated}, Applied()),
        (GIVE, {}, CountedNotNamed()),
        (EXCHANGE, {"seatNumbers": repeated, "inPlaceOf": {"seats": 2, "seatNumbers": ["14C"]}}, Applied()),
        (EXCHANGE, {"seatNumbers": repeated}, CountedNotNamed()),
        (EXCHANGE, {"seatNumbers": repeated, "inPlaceOf": {"seats": 2, "seatNumbers": []}}, CountedNotNamed()),
        (EXCHANGE, {"seatNumbers": repeated, "inPlaceOf": {"seats": True, "seatNumbers": ["14C"]}}, CountedNotNamed()),
        (EXCHANGE, {"seatNumbers": repeated, "inPlaceOf": ["14C"]}, CountedNotNamed()),
        (NAMED, {"seatNumbers": repeated, "id": 8}, Unknown("answer about another flight")),
        (TAKE, {"seatNumbers": repeated}, Applied()),
    ):
        wire.forget("PATCH", SEATS)
        assert outcome(wire, service, change, content=done(**data)) == expected, data
    wire.forget("PATCH", SEATS)
    assert outcome(wire, service, NAMED, content={"success": True, "data": None}) == CountedNotNamed()


def test_of_a_refusal_only_seats_that_were_asked_for_and_words_that_mean_something_are_believed(wire, service):
    taken = ("12A", SeatRefusal.TAKEN)
    for listed, seats in (
        ({"12A": "taken", "12B": "unknown"}, (taken, ("12B", SeatRefusal.UNKNOWN))),
        ({"12A": "taken", "14C": "taken", "<b>": "blocked"}, (taken,)),
        ({"12A": "sold", "12B": ["taken"]}, ()),
        *((nothing, ()) for nothing in ({}, [], None, "12A", 7)),
    ):
        wire.forget("PATCH", SEATS)
        assert outcome(wire, service, NAMED, 409, refused(listed)) == SeatsTaken(seats)
    wire.forget("PATCH", SEATS)
    assert outcome(wire, service, EXCHANGE, 409, {"error": "no", "success": False}) == Mistake("409")
    wire.forget("PATCH", SEATS)
    assert outcome(wire, service, NAMED, 409, {"code": "x", "error": {"code": "seats_taken"}}) == SeatsTaken(())
    for change, status, code, expected in (
        (GIVE, 409, "seats_taken", Mistake("409 seats_taken")),
        (NAMED, 409, "seats_not_taken", Mistake("409 seats_not_taken")),
        (NAMED, 422, "idempotency_key_reused", Mistake("422 idempotency_key_reused")),
        (NAMED, 400, "invalid_request", Mistake("400 invalid_request")),
        (NAMED, 409, "insufficient_seats", NoSeats()),
        (NAMED, 404, "flight_not_found", NoFlight()),
        (NAMED, 503, "seats_taken", Unknown("503 seats_taken")),
        (TAKE, 409, "seats_taken", Mistake("409 seats_taken")),
    ):
        wire.forget("PATCH", SEATS)
        assert outcome(wire, service, change, status, failure(status, code)) == expected


def test_a_map_is_read(wire, service):
    wire.add("GET", SEATS, json={"success": True, "data": A_MAP, "error": {}})

    assert service.get_seat_map(7, seconds=5) == SeatMap(
        flight=Flight(7, 2000, 2, 4),
        version=3,
        cabins=(Cabin("business", ("A", None, "F")), Cabin("economy", ("A", "B"))),
        seats=(
            Seat("1A", "business", SeatStatus.BLOCKED),
            Seat("1F", "business", SeatStatus.TAKEN),
            Seat("12B", "economy", SeatStatus.FREE),
        ),
    )


def test_a_map_that_makes_no_sense_is_shown_to_nobody(wire, service):
    seat, cabin = A_MAP["seats"][2], A_MAP["cabins"][0]
    hostile = [
        *(None, [], "map", {}),
        *({**A_MAP, "flightId": value} for value in (8, "7", None, True)),
        {name: value for name, value in A_MAP.items() if name != "flightId"},
        *({**A_MAP, "version": value} for value in (None, "3", -1, 1.5, True, 2**31)),
        *({**A_MAP, "price": value} for value in (None, -1, "2000")),
        *({**A_MAP, "totalSeats": value} for value in (None, "2", 2**40)),
        *({**A_MAP, "cabins": value} for value in (None, {}, [], [cabin] * 11, [cabin, cabin], [None], ["economy"])),
        *({**A_MAP, "cabins": [{**cabin, "name": value}]} for value in (None, "", "\x1b[2J", "\u202eeco", "x" * 17)),
        *(
            {**A_MAP, "cabins": [{**cabin, "columns": value}]}
            for value in (None, [], "AB", [None], ["a"], ["A", "A"], ["AA"], [1], [[]], [None] * 21)
        ),
        *({**A_MAP, "seats": value} for value in (None, {}, [None], ["12B"], [seat, seat], [seat] * 1001)),
        *(
            {**A_MAP, "seats": [{**seat, "number": value}]}
            for value in (None, 12, "12", "B12", "012B", "1000B", "12b", "12B ", "\u0661B", "12C", "<b>", "")
        ),
        *({**A_MAP, "seats": [{**seat, "status": value}]} for value in (None, "Free", "unknown", 1, [], {})),
        *({**A_MAP, "seats": [{**seat, "cabin": value}]} for value in (None, "first", 1, [])),
        *({**A_MAP, "seats": [{**seat, **other}]} for other in ({"row": 13}, {"row": "12"}, {"column": "A"})),
    ]
    for data in hostile:
        wire.forget("GET", SEATS)
        wire.add("GET", SEATS, json={"success": True, "data": data, "error": {}})
        with pytest.raises(UnusableFlight):
            service.get_seat_map(7, seconds=5)


def test_no_map_no_flight_and_no_answer_are_told_apart(wire, service):
    for status, content, error in (
        (404, failure(404, "no_seat_map"), NoSeatMap),
        (405, failure(405, "method_not_allowed"), NoSeatMap),
        (404, failure(404, "flight_not_found"), UnknownFlight),
        (404, failure(404), UnknownFlight),
        (410, failure(410), UnknownFlight),
        (404, {"detail": "no route"}, FlightsUnreachable),
        (500, failure(500), FlightsUnreachable),
        (200, {"success": False, "data": A_MAP}, FlightsUnreachable),
        (200, {"success": True, "data": {"flightId": 7}, "seats": "x" * 70_000}, FlightsUnreachable),
    ):
        wire.forget("GET", SEATS)
        wire.add("GET", SEATS, status=status, json=content)
        with pytest.raises(error) as raised:
            service.get_seat_map(7, seconds=5)
        assert type(raised.value) is error
    wire.forget("GET", SEATS)
    wire.say("GET", SEATS, HANG_UP)
    with pytest.raises(FlightsUnreachable):
        service.get_seat_map(7, seconds=5)


def test_a_flight_says_by_a_version_that_its_seats_have_numbers(wire, service):
    shown = {"id": 7, "price": 2000, "totalSeats": 5}
    for value, version in ((3, 3), (0, 0), (None, None), ("3", None), (True, None), (-1, None), (2**31, None)):
        wire.forget("GET", FLIGHT)
        wire.add("GET", FLIGHT, json={"success": True, "data": {**shown, "seatMap": value}})
        assert service.get_flight(7, seconds=5).seat_map == version


def test_without_keys_no_seat_has_a_number():
    fake = FakeFlights(seat_maps=True)
    flights = UnkeyedFlights(fake, counter=Counter.SHARED, settle=None, at_once=4)

    with pytest.raises(NoSeatMap):
        flights.get_seat_map(7, seconds=5)
    changes = (NAMED, replace(TAKE, in_place_of=InPlaceOf(1, ())))
    outcomes = [flights.change_seats(change, seconds=5) for change in changes]

    assert outcomes == [Mistake("without keys there are no seats by number")] * 2
    assert fake.arrived == []
