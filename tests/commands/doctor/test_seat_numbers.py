"""How the doctor finds out whether the Flight Service keeps seats by number."""

import pytest

from bookings import wiring
from bookings.diagnostics import peer
from bookings.ports import Applied, Unknown
from tests.support.fakes import FakeFlights, Fault
from tests.support.processes import start_flightsim

pytestmark = pytest.mark.django_db

ON = "FLIGHT_SERVICE_SEAT_NUMBERS=true"
OFF = "Set FLIGHT_SERVICE_SEAT_NUMBERS=false until it keeps numbers."


@pytest.fixture(autouse=True)
def numbers(flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()


def is_as_before(flights, flight_id=3):
    return (flights.taken(flight_id), flights.seats_taken(flight_id)) == (0, set())


def map_of(flights, flight_id=3):
    return flights.get_seat_map(flight_id, seconds=1).seats


def test_a_seat_is_taken_by_its_number_and_comes_back(run, flights, a_working_worker):
    last = [seat.number for seat in map_of(flights) if seat.status == "free"][-1]

    code, lines = run("--try-flight", "3")

    assert code == 0
    assert lines["seats by number"] == ("OK", f"seat {last} was taken by its number and given back, as {ON} says", "")
    assert is_as_before(flights)
    assert [(change.reserves, change.numbers) for change in flights.arrived[-2:]] == [(True, (last,)), (False, (last,))]


def test_numbers_are_not_tried_where_none_are_sold_or_keys_are_unclear(run, flights, settings):
    flights.fail_next(Fault.DROP_REPLY)

    assert run("--try-flight", "3")[1]["seats by number"] == (
        *("WARN", "not tried, as keys are not honored for certain", "See to the keys first."),
    )
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    assert "seats by number" not in run("--try-flight", "3")[1]
    assert all(change.numbers == () for change in flights.arrived)


def test_each_kind_that_keeps_none_is_named_and_no_seat_is_lost(flights):
    flights.ignores_numbers = True
    ignored = peer.check_numbers(flights, 3)
    flights.ignores_numbers = False
    flights.fail_next(Fault.MISTAKE)
    refused = peer.check_numbers(flights, 3)
    assert is_as_before(flights)
    flights.number_seats(version=None)
    without = peer.check_numbers(flights, 3)

    assert (ignored.verdict, ignored.hint) == ("FAIL", OFF)
    assert ignored.message == (
        f"{ON}, and it counts a seat and ignores its number: each booking by number ends, and its client hears 503"
    )
    assert (refused.verdict, refused.message, refused.hint) == (
        *("FAIL", f"{ON}, and numbers are refused: each reservation by number will be stuck", OFF),
    )
    assert (without.verdict, without.message) == (
        *("WARN", "flight 3 has no map: there a create by number is 409, and one by count goes on"),
    )
    assert flights.taken(3) == 0


class Forgetful(FakeFlights):
    """One that says it took a seat by number, and shows it as free."""

    def get_seat_map(self, flight_id, *, seconds):
        return FakeFlights(seat_maps=True).get_seat_map(flight_id, seconds=seconds)


def test_one_that_shows_a_taken_seat_as_free_is_named():
    forgetful = Forgetful(seat_maps=True)

    found = peer.check_numbers(forgetful, 3)

    assert (found.verdict, found.hint) == ("FAIL", OFF)
    assert found.message == f"{ON}, and its map shows a seat as free that was taken: it may be sold twice"
    assert forgetful.taken(3) == 0


def test_a_lost_answer_shows_nothing_and_the_seat_comes_back(flights):
    for fault in (Fault.DROP_REPLY, Fault.DROP_REQUEST):
        flights.fail_next(fault)

        found = peer.check_numbers(flights, 3)

        assert (found.verdict, "ended as Unknown" in found.message) == ("WARN", True)
        assert is_as_before(flights)


def test_what_cannot_be_had_or_looked_at_shows_nothing(flights):
    flights.down = True
    assert peer.check_numbers(flights, 3).message == "the Flight Service does not show the map"
    flights.down = False
    flights.fail_next(Fault.REFUSE_CONNECTION)
    assert "ended as NotSent" in peer.check_numbers(flights, 3).message
    flights.set_flight(3, remaining=0)
    assert peer.check_numbers(flights, 3).message == "no seat of the flight is free"


def test_a_map_that_goes_away_meanwhile_shows_nothing_and_the_seat_comes_back(flights):
    flights.meanwhile(lambda: setattr(flights, "shows_flights", False))

    found = peer.check_numbers(flights, 3)

    flights.shows_flights = True
    assert (found.verdict, f"ended as {Applied()}" in found.message) == ("WARN", True)
    assert is_as_before(flights)


def test_a_seat_that_may_not_have_come_back_is_named(flights):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    unknown = peer.check_numbers(flights, 3)
    (taken,) = (seat.number for seat in map_of(flights) if seat.status == "taken")

    assert unknown.verdict == "FAIL"
    assert unknown.message.endswith(f"; seat {taken} of flight 3 may not have come back")
    assert unknown.hint.startswith("Look at flight 3 there, and give it back by hand, with its number.")
    assert repr(Unknown("dropped")) in unknown.message


def test_an_interrupted_trial_gives_back_what_it_took(flights):
    def stop():
        raise KeyboardInterrupt

    flights.meanwhile(stop)

    with pytest.raises(KeyboardInterrupt):
        peer.check_numbers(flights, 3)

    assert is_as_before(flights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "was taken by its number"),
        (("--no-seat-maps",), "has no map"),
        (("--ignore-seat-numbers",), "ignores its number"),
    ],
    ids=["numbers", "no maps", "ignored"],
)
def test_a_real_one_is_told_apart_and_keeps_its_seats(settings, options, message):
    with start_flightsim(*options) as sim:
        settings.FLIGHT_SERVICE_URL = sim.url

        found = peer.check_numbers(wiring.bare_flight_service(), 5)

        seats = sim.flight(5)
        assert message in found.message
        assert (seats["remaining"], seats["seatsTaken"]) == (seats["capacity"], {})
