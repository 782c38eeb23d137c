"""What every implementation of the Flight Service port promises about seats by number: the fake, and HTTP."""

import uuid

import pytest

from bookings.gateways.flight_service.http import HttpFlightService
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
    SeatChange,
    SeatRefusal,
    SeatsTaken,
    SeatStatus,
    Unknown,
    UnknownFlight,
)
from tests.contracts.peers import CAPACITY, give_back, take
from tests.support.fakes import FakeFlights
from tests.support.processes import start_flightsim

TAKEN, BLOCKED, UNKNOWN = SeatRefusal.TAKEN, SeatRefusal.BLOCKED, SeatRefusal.UNKNOWN


def change(peer, numbers, *, reserves=True, seats=None, key=None, flight_id=1, in_place_of=None):
    asked = SeatChange(
        *(key or uuid.uuid4(), flight_id, seats or len(numbers), reserves),
        numbers=tuple(numbers),
        in_place_of=in_place_of,
    )
    return peer.service.change_seats(asked, seconds=5)


def test_the_map_shows_counter_and_seats_from_one_look(peer):
    change(peer, ["2B"])
    take(peer, 3)

    shown = peer.service.get_seat_map(1, seconds=5)

    assert shown.flight == Flight(id=1, price=2000, seats_left=6, capacity=CAPACITY)
    assert (shown.version, shown.cabins) == (1, (Cabin("economy", ("A", "B", None, "C", "D")),))
    assert " ".join(seat.number for seat in shown.seats) == "1A 1B 1C 1D 2A 2B 2C 2D 3A 3B 3C"
    assert {seat.number for seat in shown.seats if seat.status is SeatStatus.TAKEN} == {"2B"}
    assert {seat.number for seat in shown.seats if seat.status is SeatStatus.BLOCKED} == {"1A"}
    assert (shown.seats[5].row, shown.seats[5].column) == (2, "B")


def test_a_map_that_is_not_there_is_told_from_an_answer_that_does_not_come(peer):
    with pytest.raises(UnknownFlight):
        peer.service.get_seat_map(999, seconds=5)
    with pytest.raises(FlightsUnreachable):
        peer.service.get_seat_map(1, seconds=0)


def test_seats_are_taken_by_number_and_repeated_in_any_order(peer):
    key = uuid.uuid4()

    outcomes = [change(peer, numbers, key=key) for numbers in (["3A", "2D"], ["3A", "2D"])]

    assert outcomes == [Applied(), Applied()]
    assert (peer.taken(), peer.seats_taken()) == (2, {"2D", "3A"})


def test_a_refusal_names_every_seat_that_fails_takes_none_and_is_final(peer):
    change(peer, ["2A"])
    key = uuid.uuid4()

    refused = change(peer, ["1A", "1B", "2A", "40Z"], key=key)
    change(peer, ["2A"], reserves=False)
    again = change(peer, ["1A", "1B", "2A", "40Z"], key=key)

    assert refused == again == SeatsTaken((("1A", BLOCKED), ("2A", TAKEN), ("40Z", UNKNOWN)))
    assert (peer.taken(), peer.seats_taken()) == (0, set())


def test_counted_sales_use_up_what_the_map_still_shows_as_free(peer):
    take(peer, CAPACITY - 1)

    assert change(peer, ["1B", "1C"]) == NoSeats()
    assert change(peer, ["1B"]) == Applied()
    assert change(peer, ["1C"], flight_id=999) == NoFlight()


def test_one_give_back_returns_seats_with_and_without_a_number(peer):
    change(peer, ["1B", "1C", "1D"])
    take(peer, 4)

    outcome = change(peer, ["1B", "1C"], reserves=False, seats=5)

    assert outcome == Applied()
    assert (peer.taken(), peer.seats_taken()) == (2, {"1D"})


def test_what_was_not_taken_so_cannot_be_given_back_so(peer):
    change(peer, ["1B", "1C"])
    take(peer, 1)

    by_number = change(peer, ["1B", "1D"], reserves=False)
    by_count = give_back(peer, 2)
    mixed = change(peer, ["1B"], reserves=False, seats=3)

    assert [type(outcome) for outcome in (by_number, by_count, mixed)] == [Mistake] * 3
    assert (peer.taken(), peer.seats_taken()) == (3, {"1B", "1C"})
    assert give_back(peer, 1) == Applied()


def test_an_exchange_is_carried_out_once_or_not_at_all(peer):
    change(peer, ["1B", "1C"])
    key, other = uuid.uuid4(), InPlaceOf(2, ("1B", "1C"))

    outcomes = [change(peer, ["2A", "2B"], key=key, in_place_of=other) for _ in range(2)]
    refused = change(peer, ["1B", "2A"], in_place_of=InPlaceOf(1, ("2B",)))
    not_ours = change(peer, ["1C"], in_place_of=InPlaceOf(1, ("1D",)))

    assert outcomes == [Applied(), Applied()]
    assert refused == SeatsTaken((("2A", TAKEN),))
    assert isinstance(not_ours, Mistake)
    assert (peer.taken(), peer.seats_taken()) == (2, {"2A", "2B"})


def test_on_a_full_flight_a_counted_seat_is_still_exchanged_for_one_with_a_number(peer):
    take(peer, CAPACITY)

    outcome = change(peer, ["2A"], in_place_of=InPlaceOf(1, ()))

    assert (outcome, peer.taken(), peer.seats_taken()) == (Applied(), CAPACITY, {"2A"})
    assert isinstance(give_back(peer, CAPACITY), Mistake)


def test_one_key_with_other_seats_is_a_mistake(peer):
    key = uuid.uuid4()
    change(peer, ["1B"], key=key)

    others = [
        change(peer, ["1C"], key=key),
        take(peer, 1, key=key),
        change(peer, ["1B"], key=key, in_place_of=InPlaceOf(1, ())),
    ]

    assert [type(outcome) for outcome in others] == [Mistake] * 3
    assert (peer.taken(), peer.seats_taken()) == (1, {"1B"})


def test_a_lost_reply_about_numbers_is_unknown_and_the_same_key_tells(peer):
    key = uuid.uuid4()
    peer.lose_next_reply()

    lost, again = (change(peer, ["1B", "1C"], key=key) for _ in range(2))

    assert isinstance(lost, Unknown)
    assert (again, peer.seats_taken()) == (Applied(), {"1B", "1C"})


def test_a_peer_that_ignores_numbers_has_counted_and_proves_nothing_about_them():
    fake = FakeFlights(capacity=CAPACITY, seat_maps=True)
    fake.ignores_numbers = True
    with start_flightsim("--ignore-seat-numbers", "--capacity", str(CAPACITY)) as sim:
        for service in (fake, HttpFlightService(sim.url)):
            ask = SeatChange(uuid.uuid4(), 1, 2, reserves=True, numbers=("1B", "1C"))
            exchange = SeatChange(uuid.uuid4(), 1, 1, reserves=True, numbers=("1D",), in_place_of=InPlaceOf(1, ("1B",)))
            assert service.change_seats(ask, seconds=5) == CountedNotNamed()
            assert service.change_seats(exchange, seconds=5) == CountedNotNamed()
            shown = service.get_seat_map(1, seconds=5)
            assert (shown.flight.seats_left, shown.seats[1].status) == (CAPACITY - 3, SeatStatus.FREE)


def test_a_peer_without_maps_says_so_and_takes_numbers_for_a_mistake():
    fake = FakeFlights(capacity=CAPACITY)
    with start_flightsim("--no-seat-maps", "--capacity", str(CAPACITY)) as sim:
        for service in (fake, HttpFlightService(sim.url)):
            assert service.get_flight(1, seconds=5).seat_map is None
            with pytest.raises(NoSeatMap):
                service.get_seat_map(1, seconds=5)
            plain = SeatChange(uuid.uuid4(), 1, 2, reserves=True)
            assert service.change_seats(plain, seconds=5) == Applied()
        named = SeatChange(uuid.uuid4(), 1, 1, reserves=True, numbers=("1B",))
        assert service.change_seats(named, seconds=5) == Mistake("400 invalid_request")
