"""manage.py reconcile_seats: one comparison by hand, without any worker."""

import json

import pytest
from django.core.management import CommandError, call_command

from bookings.models import Booking, Reconciliation
from tests.support.bookings import an_initiated_booking

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


@pytest.mark.parametrize("flight", ["0", "-1", "UK808", str(2**63)])
def test_a_flight_that_makes_no_sense_is_refused(run, flight):
    with pytest.raises(CommandError, match="--flight"):
        call_command("reconcile_seats", "--flight", flight)
