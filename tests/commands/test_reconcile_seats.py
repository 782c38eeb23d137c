"""manage.py reconcile_seats: one comparison by hand, without any worker."""

import json

import pytest
from django.core.management import CommandError, call_command

from bookings.models import Booking, Reconciliation, SeatCall, SeatCallEvent
from tests.support.bookings import an_initiated_booking
from tests.support.fakes import Fault

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(flights, capsys):
    """Run the command; give its exit code and what it printed."""

    def run_command(*options):
        try:
            call_command("reconcile_seats", *options)
        except CommandError as error:
            return error.returncode, capsys.readouterr().out.strip()
        return 0, capsys.readouterr().out.strip()

    return run_command


@pytest.fixture
def drifting(flights):
    """Flight 1 is in step, flight 2 is not."""
    an_initiated_booking(flights, flight_id=1)
    an_initiated_booking(flights, flight_id=2)
    Booking.objects.filter(flight_id=2).update(no_of_seats=1, total_cost=2000)


def test_where_both_agree_it_prints_one_line_and_exits_with_0(run, flights):
    an_initiated_booking(flights)

    assert run() == (0, "flights compared: 1, skipped: 0, seats held: 2, taken: 2")
    assert Reconciliation.objects.count() == 1


def test_a_flight_that_differs_is_a_line_of_its_own_and_the_exit_code_is_1(run, drifting):
    assert run() == (
        1,
        "flight 2: 1 held, 2 taken\nflights compared: 2, skipped: 0, seats held: 3, taken: 4",
    )


@pytest.mark.parametrize("options", [(), ("--flight", "1")], ids=["all flights", "one flight"])
def test_where_nothing_can_be_compared_the_exit_code_is_2(run, flights, options):
    an_initiated_booking(flights, flight_id=1)
    flights.down = True

    assert run(*options) == (2, "flights compared: 0, skipped: 1, seats held: 0, taken: 0")
    assert Reconciliation.objects.count() == 0


def test_json_is_one_object(run, drifting):
    code, printed = run("--json")

    assert code == 1
    assert json.loads(printed) == {
        "flights_compared": 2,
        "flights_skipped": 0,
        "seats_held": 3,
        "seats_taken": 4,
        "drift": [{"flight": 2, "held": 1, "taken": 2}],
    }


@pytest.mark.parametrize(("flight", "code", "held"), [(1, 0, 2), (2, 1, 1)])
def test_one_flight_is_looked_at_alone(run, drifting, flight, code, held):
    found, printed = run("--flight", str(flight))

    assert found == code
    assert printed.endswith(f"flights compared: 1, skipped: 0, seats held: {held}, taken: 2")
    assert Reconciliation.objects.count() == 0


@pytest.mark.parametrize("flight", ["0", "-1", "UK808", str(2**53), str(2**63)])
def test_a_flight_that_makes_no_sense_is_refused(run, flight):
    with pytest.raises(CommandError, match="--flight"):
        call_command("reconcile_seats", "--flight", flight)


def test_without_fix_nothing_is_written(run, drifting):
    run("--reason", "just looking")

    assert SeatCall.objects.count() == 0


@pytest.mark.slow
def test_fix_puts_right_what_differs_and_exits_with_1_the_first_time(run, drifting):
    fixed = run("--fix", "--reason", "told by the airline")
    again = run("--fix")

    assert fixed == (
        1,
        "flight 2: 1 held, 2 taken\n"
        "flight 2: give back 1: done\n"
        "flights compared: 2, skipped: 0, seats held: 3, taken: 4",
    )
    assert again == (0, "flights compared: 2, skipped: 0, seats held: 3, taken: 3")
    assert SeatCallEvent.objects.get().note == "1 held, 2 taken: told by the airline"
    assert SeatCallEvent.objects.get().actor_name.endswith(" (command line)")


def test_a_fix_without_an_answer_is_said_to_go_on(run, drifting, flights):
    flights.fail_next(Fault.DROP_REPLY)

    code, printed = run("--fix")

    assert (code, printed.splitlines()[1]) == (1, "flight 2: give back 1: no answer yet, the worker repeats it")


def test_fix_in_json_says_the_direction_and_the_state(run, drifting, flights):
    Booking.objects.filter(flight_id=1).update(no_of_seats=5, total_cost=10_000)
    flights.fail_next(Fault.MISTAKE)

    code, printed = run("--fix", "--json")

    assert code == 1
    assert json.loads(printed)["fixes"] == [
        {"flight": 1, "seats": 3, "direction": "take", "state": "dead"},
        {"flight": 2, "seats": 1, "direction": "give back", "state": "done"},
    ]


def test_fix_with_nothing_to_fix_says_so_in_json(run, flights):
    an_initiated_booking(flights)

    code, printed = run("--fix", "--json")

    assert (code, json.loads(printed)["fixes"]) == (0, [])


def test_one_flight_is_fixed_alone(run, drifting):
    Booking.objects.filter(flight_id=1).update(no_of_seats=5, total_cost=10_000)

    run("--flight", "2", "--fix")

    assert list(SeatCall.objects.values_list("flight_id", flat=True)) == [2]


@pytest.mark.parametrize(("counter", "code"), [("shared", 2), ("exclusive", 1)])
def test_fix_is_refused_where_a_difference_may_be_somebody_elses(run, drifting, settings, counter, code):
    settings.FLIGHT_SERVICE_KEYED = False
    settings.FLIGHT_SERVICE_COUNTER = counter

    assert run("--fix")[0] == code
    assert SeatCall.objects.count() == (code == 1)


def test_the_refusal_says_what_to_do(drifting, settings):
    settings.FLIGHT_SERVICE_KEYED = False

    with pytest.raises(CommandError, match="FLIGHT_SERVICE_COUNTER=shared a difference may be another system's"):
        call_command("reconcile_seats", "--fix")
