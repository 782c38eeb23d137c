"""The flights of the stand-in that always behave in one way."""

import itertools
import time

import pytest
import requests

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.ports import Applied, BreakerState, CallWord, FlightsUnreachable, NoSeats, Unknown
from flightsim.faults import Fault
from flightsim.fixed_flights import FixedFlights
from flightsim.wire import Request
from tests.contracts.peers import OverHttp, give_back, take
from tests.support.processes import start_flightsim

SLOW, FULL, REFUSED, REPRICED, UNUSABLE, DOWN, UNCLEAR = 90200, 90400, 90409, 90412, 90502, 90503, 90504


def shown(sim, flight_id):
    return requests.get(f"{sim.url}/api/v1/flights/{flight_id}", timeout=5).json()["data"]


def taken(sim, flight_id):
    return sim.flight(flight_id)["taken"]


def asks_for(seats, *, key="k", dec=1):
    body = b'{"seats": %d, "dec": %d}' % (seats, dec)
    headers = {"idempotency-key": key} if key else {}
    return Request("PATCH", f"/api/v1/flights/{UNCLEAR}/seats", headers, body, keep_alive=True)


def test_one_has_no_seat(sim):
    assert (shown(sim, FULL)["totalSeats"], take(OverHttp(sim), 1, flight_id=FULL)) == (0, NoSeats())


def test_one_shows_seats_and_refuses_them_for_good(sim):
    peer = OverHttp(sim)

    assert (shown(sim, REFUSED)["totalSeats"], shown(sim, REFUSED)["capacity"]) == (10, 10)
    assert take(peer, 1, flight_id=REFUSED) == NoSeats()
    assert taken(sim, REFUSED) == 0


def test_one_costs_something_else_each_time_it_is_shown(sim):
    prices = [shown(sim, REPRICED)["price"] for _ in range(11)]

    assert sorted(set(prices)) == list(range(2000, 3000, 100))
    assert all(before != after for before, after in itertools.pairwise(prices))


def test_one_has_no_price(sim):
    assert shown(sim, UNUSABLE)["price"] == "twenty"


@pytest.mark.slow
def test_one_answers_after_half_a_second_and_takes_seats(sim):
    began = time.monotonic()
    outcome = take(OverHttp(sim), 2, flight_id=SLOW)
    seconds = time.monotonic() - began

    assert (outcome, taken(sim, SLOW)) == (Applied(), 2)
    assert 0.5 <= seconds < 3


def test_one_answers_503_to_everything(sim):
    peer = OverHttp(sim)

    with pytest.raises(FlightsUnreachable):
        peer.service.get_flight(DOWN, seconds=5)
    assert take(peer, 1, flight_id=DOWN) == Unknown("503 unavailable")
    assert (taken(sim, DOWN), sim.ledger()["calls"]["failed"]) == (0, 3)


def test_one_takes_a_seat_and_cuts_the_answer(sim):
    outcome = take(OverHttp(sim), 1, flight_id=UNCLEAR)

    assert isinstance(outcome, Unknown)
    assert (taken(sim, UNCLEAR), sim.ledger()["calls"]["dropped_replies"]) == (1, 1)


@pytest.mark.slow
def test_one_never_answers_who_wants_more_than_one_seat(sim):
    peer = OverHttp(sim)

    assert isinstance(take(peer, 2, flight_id=UNCLEAR), Unknown)
    assert (taken(sim, UNCLEAR), sim.ledger()["calls"]["hung"]) == (0, 1)


def test_it_gives_seats_back_as_any_other(sim):
    peer = OverHttp(sim)
    take(peer, 1, flight_id=UNCLEAR)

    assert give_back(peer, 1, flight_id=UNCLEAR) == Applied()


@pytest.mark.parametrize(("seats", "fault"), [(1, Fault.DROP_REPLY), (2, Fault.HANG)])
def test_under_one_key_it_answers_after_five_seconds(seats, fault):
    fixed = FixedFlights()

    faults = [fixed.fault(UNCLEAR, asks_for(seats), now) for now in (100.0, 104.9, 105.0, 200.0)]

    assert faults == [fault, fault, None, None]


def test_each_key_has_its_own_five_seconds_and_no_key_has_an_end():
    fixed = FixedFlights()
    fixed.fault(UNCLEAR, asks_for(1, key="early"), 100.0)

    assert fixed.fault(UNCLEAR, asks_for(1, key="late"), 105.0) is Fault.DROP_REPLY
    assert fixed.fault(UNCLEAR, asks_for(1, key=""), 100.0) is Fault.DROP_REPLY
    assert fixed.fault(UNCLEAR, asks_for(1, key=""), 200.0) is Fault.DROP_REPLY


def test_it_remembers_a_thousand_keys():
    fixed = FixedFlights()

    for number in range(1_001):
        fixed.fault(UNCLEAR, asks_for(1, key=str(number)), 100.0)

    assert fixed.fault(UNCLEAR, asks_for(1, key="1000"), 105.0) is None
    assert fixed.fault(UNCLEAR, asks_for(1, key="0"), 105.0) is Fault.DROP_REPLY


def try_all(peer, flights):
    """Ask for each flight and its seats, again and again, as a client that tries what happens."""
    for _ in range(6):
        for flight_id in flights:
            try:
                peer.service.get_flight(flight_id, seconds=2)
            except FlightsUnreachable:
                continue
            take(peer, 1, flight_id=flight_id)


def test_trying_them_all_stops_no_other_flight(sim):
    """The two that fail have a breaker of their own each; the one of all stays closed."""
    peer = OverHttp(sim)

    try_all(peer, (DOWN, UNCLEAR))

    assert peer.service.health().breaker is BreakerState.CLOSED
    assert peer.service.health().flights_resting == 2
    assert take(peer, 1, flight_id=1) == Applied()


def test_a_third_one_that_fails_would_stop_the_others():
    """The guard of the test above removed: the stand-in must not get another flight like these two."""
    guard = Guard(clock=lambda: 1000.0)

    for flight_id in (1, 2, 3) * 2:
        with guard.call(flight_id) as call:
            call.ended(CallWord.UNKNOWN, healthy=False, concerns_all=False)
        if guard.breaker.is_open():
            break

    assert guard.health().breaker is BreakerState.OPEN


@pytest.mark.slow
def test_without_keys_they_behave_alike():
    with start_flightsim("--unkeyed") as sim:
        peer = HttpFlightService(sim.url)
        prices = {shown(sim, REPRICED)["price"] for _ in range(3)}
        full, pretended = shown(sim, FULL)["totalSeats"], shown(sim, REFUSED)["totalSeats"]
        with pytest.raises(FlightsUnreachable):
            peer.get_flight(DOWN, seconds=5)
        with pytest.raises(requests.ConnectionError):
            requests.patch(f"{sim.url}/api/v1/flights/{UNCLEAR}/seats", json={"seats": 1, "dec": 1}, timeout=5)
        seats = taken(sim, UNCLEAR)

    assert (len(prices), full, pretended, seats) == (3, 0, 10, 1)


def test_a_size_for_all_flights_is_not_theirs(sim):
    sim.reset(capacity=7, flights={str(SLOW): 3})

    sizes = {flight["id"]: flight["capacity"] for flight in sim.ledger()["flights"]}
    assert (sizes[1], sizes[SLOW], sizes[FULL], sizes[DOWN]) == (7, 3, 0, 120)
