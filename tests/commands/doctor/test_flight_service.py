"""What the doctor says about the Flight Service, and how it finds out whether keys are honoured."""

import pytest

from bookings import wiring
from bookings.diagnostics import peer
from tests.support.fakes import Fault, ForgetfulFlights
from tests.support.processes import start_flightsim

pytestmark = pytest.mark.django_db


def test_a_flight_service_that_does_not_answer_is_named(run, flights):
    flights.down = True

    code, lines = run()

    assert code == 1
    assert lines["Flight Service"][1] == ("no valid answer within 1 s: new bookings are refused, all else goes on")
    assert lines["Flight Service"][2].startswith("Is FLIGHT_SERVICE_URL right")


def test_a_flight_service_that_hides_its_capacity_is_named(flights):
    flights.shows_capacity = False

    found = [each for each in peer.check_peer(flights, None) if "capacity" in each.message]

    assert [each.verdict for each in found] == ["WARN"]
    assert "reconcile_seats" in found[0].hint


@pytest.mark.slow
def test_nothing_is_taken_unless_told_to(run, flights):
    run()

    assert flights.arrived == []


def test_keys_that_are_honoured_are_seen_and_the_seat_comes_back(run, flights, a_working_worker):
    code, lines = run("--try-flight", "3")

    assert code == 0
    assert lines["keys"] == ("OK", "a repeated reservation was counted once, as FLIGHT_SERVICE_KEYED=true says", "")
    assert flights.taken(3) == 0


def test_keys_that_are_ignored_are_seen_and_both_seats_come_back(run, monkeypatch, a_working_worker):
    forgetful = ForgetfulFlights()
    monkeypatch.setattr(wiring, "bare_flight_service", lambda: forgetful)

    code, lines = run("--try-flight", "3")

    assert code == 1
    assert lines["keys"] == (
        "FAIL",
        "FLIGHT_SERVICE_KEYED=true, and a repeated reservation was counted twice: every lost answer can cost a seat",
        "Stop taking bookings. Set FLIGHT_SERVICE_KEYED=false, or have it honor Idempotency-Key.",
    )
    assert forgetful.taken(3) == 0


def test_a_setting_that_is_more_careful_than_need_be_is_named(flights, settings):
    settings.FLIGHT_SERVICE_KEYED = False

    found = peer.check_keys(flights, 1)

    assert found.verdict == "WARN"
    assert found.message == "FLIGHT_SERVICE_KEYED=false, and yet a repeated reservation was counted once"


def test_without_keys_and_said_so_all_is_well(settings):
    settings.FLIGHT_SERVICE_KEYED = False

    found = peer.check_keys(ForgetfulFlights(), 1)

    assert (found.verdict, found.message) == (
        "OK",
        "a repeated reservation was counted twice, as FLIGHT_SERVICE_KEYED=false says",
    )


def test_a_flight_that_others_book_meanwhile_shows_nothing(flights):
    flights.meanwhile(lambda: flights.set_flight(1, remaining=100))

    found = peer.check_keys(flights, 1)

    assert found.verdict in ("WARN", "FAIL")
    assert "other clients book this flight" in found.message


def test_a_lost_answer_shows_nothing_and_the_seat_comes_back(flights):
    flights.fail_next(Fault.DROP_REPLY)

    found = peer.check_keys(flights, 1)

    assert found.verdict == "WARN"
    assert found.hint == "Try again with a flight that no client books: --try-flight N."
    assert flights.taken(1) == 0


def test_seats_that_may_not_have_come_back_are_counted(flights):
    flights.meanwhile(lambda: flights.fail_next(*[Fault.DROP_REQUEST] * 2))

    found = peer.check_keys(flights, 1)

    assert found.verdict == "FAIL"
    assert "up to 1 seats of flight 1 may not have come back" in found.message
    assert found.hint.startswith("Look at flight 1 there, and give back by hand what is missing.")
    assert flights.taken(1) == 1


def test_an_interrupted_trial_gives_back_what_it_took(flights):
    def stop():
        raise KeyboardInterrupt

    flights.meanwhile(stop)

    with pytest.raises(KeyboardInterrupt):
        peer.check_keys(flights, 1)

    assert flights.taken(1) == 0


def test_a_flight_that_is_not_there_says_so(flights):
    found = peer.check_keys(flights, 99)

    assert (found.verdict, found.message) == ("WARN", "there is no such flight")


@pytest.mark.slow
@pytest.mark.parametrize(("options", "verdict"), [((), "OK"), (("--unkeyed",), "FAIL")], ids=["keyed", "unkeyed"])
def test_a_real_one_is_told_apart_and_keeps_its_seats(settings, options, verdict):
    with start_flightsim(*options) as sim:
        settings.FLIGHT_SERVICE_URL = sim.url

        found = peer.check_keys(wiring.bare_flight_service(), 5)

        seats = sim.flight(5)
        assert found.verdict == verdict
        assert seats["remaining"] == seats["capacity"]
