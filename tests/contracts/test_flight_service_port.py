"""What every implementation of the Flight Service port promises: the fake, and HTTP to a real process."""

import uuid

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.ports import (
    Applied,
    Flight,
    FlightsUnreachable,
    Mistake,
    NoFlight,
    NoSeats,
    NotSent,
    SeatChange,
    Unknown,
    UnknownFlight,
)
from tests.contracts.peers import CAPACITY, LEG, give_back, take
from tests.support.fakes import FakeFlights
from tests.support.processes import start_flightsim


def test_a_flight_shows_its_price_and_the_seats_left(peer):
    take(peer, 3)

    shown = peer.service.get_flight(1, seconds=5)
    assert shown == Flight(id=1, price=2000, seats_left=7, capacity=10, leg=LEG, seat_map=1)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--unkeyed",)], ids=["with keys", "without"])
def test_a_flight_is_shown_in_its_own_currency(options):
    fake = FakeFlights(capacity=CAPACITY)
    fake.set_flight(1, currency="INR")
    with start_flightsim("--currency", "INR", "--capacity", str(CAPACITY), *options) as sim:
        shown = [service.get_flight(1, seconds=5) for service in (fake, HttpFlightService(sim.url))]

    assert [(flight.price, flight.currency) for flight in shown] == [(2000, "INR")] * 2


def test_an_unknown_flight_is_named_as_such(peer):
    with pytest.raises(UnknownFlight):
        peer.service.get_flight(999, seconds=5)


def test_a_take_that_fits_is_applied(peer):
    outcome = take(peer, 10)

    assert outcome == Applied()
    assert peer.taken() == 10


def test_a_take_that_does_not_fit_is_refused_and_takes_nothing(peer):
    outcome = take(peer, 11)

    assert outcome == NoSeats()
    assert peer.taken() == 0


def test_a_refusal_is_final_for_its_key_even_when_seats_become_free(peer):
    late = uuid.uuid4()
    take(peer, 10)
    first = take(peer, 1, key=late)
    give_back(peer, 10)

    again = take(peer, 1, key=late)

    assert (first, again) == (NoSeats(), NoSeats())
    assert peer.taken() == 0


def test_a_repeated_take_is_carried_out_once(peer):
    key = uuid.uuid4()

    outcomes = [take(peer, 2, key=key) for _ in range(3)]

    assert outcomes == [Applied(), Applied(), Applied()]
    assert peer.taken() == 2


def test_a_repeated_give_back_is_carried_out_once(peer):
    key = uuid.uuid4()
    take(peer, 6)

    outcomes = [give_back(peer, 2, key=key) for _ in range(3)]

    assert outcomes == [Applied(), Applied(), Applied()]
    assert peer.taken() == 4


def test_a_lost_reply_is_unknown_and_the_same_key_tells_that_it_was_carried_out(peer):
    key = uuid.uuid4()
    peer.lose_next_reply()

    lost = take(peer, 2, key=key)
    taken_already = peer.taken()
    again = take(peer, 2, key=key)

    assert isinstance(lost, Unknown)
    assert taken_already == 2
    assert again == Applied()
    assert peer.taken() == 2


def test_a_lost_request_is_unknown_and_the_same_key_carries_it_out(peer):
    key = uuid.uuid4()
    peer.lose_next_request()

    lost = take(peer, 2, key=key)
    taken_already = peer.taken()
    again = take(peer, 2, key=key)

    assert isinstance(lost, Unknown)
    assert taken_already == 0
    assert again == Applied()
    assert peer.taken() == 2


def test_a_lost_refusal_stays_a_refusal(peer):
    key = uuid.uuid4()
    peer.lose_next_reply()

    lost = take(peer, 11, key=key)
    again = take(peer, 11, key=key)

    assert isinstance(lost, Unknown)
    assert again == NoSeats()


def test_a_take_from_an_unknown_flight_is_refused(peer):
    assert take(peer, 1, flight_id=999) == NoFlight()


def test_a_give_back_to_an_unknown_flight_is_a_mistake(peer):
    assert isinstance(give_back(peer, 1, flight_id=999), Mistake)


def test_a_give_back_of_seats_that_nobody_took_is_a_mistake(peer):
    outcome = give_back(peer, 1)

    assert isinstance(outcome, Mistake)
    assert peer.taken() == 0


def test_one_key_with_another_payload_is_a_mistake_and_changes_nothing(peer):
    key = uuid.uuid4()
    take(peer, 2, key=key)

    other_seats = take(peer, 3, key=key)
    other_direction = give_back(peer, 2, key=key)

    assert isinstance(other_seats, Mistake)
    assert isinstance(other_direction, Mistake)
    assert peer.taken() == 2


@pytest.mark.slow
def test_a_service_that_is_down_was_never_sent_anything(peer):
    peer.go_down()

    outcome = take(peer, 2)

    assert isinstance(outcome, NotSent)
    with pytest.raises(FlightsUnreachable):
        peer.service.get_flight(1, seconds=5)


def test_without_time_left_nothing_is_sent(peer):
    change = SeatChange(key=uuid.uuid4(), flight_id=1, seats=2, reserves=True)

    outcome = peer.service.change_seats(change, seconds=0)

    assert isinstance(outcome, NotSent)
    assert peer.taken() == 0
    with pytest.raises(FlightsUnreachable):
        peer.service.get_flight(1, seconds=0)


def test_a_flight_is_recalled_as_it_was_last_shown_even_when_the_service_is_down(peer):
    peer.service.get_flight(1, seconds=5)
    take(peer, 4)
    peer.go_down()

    recalled = peer.service.recall_flight(1)
    assert recalled == Flight(id=1, price=2000, seats_left=10, capacity=10, leg=LEG, seat_map=1)


def test_a_flight_that_was_never_shown_is_not_recalled(peer):
    assert peer.service.recall_flight(2) is None
