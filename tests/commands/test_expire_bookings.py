"""manage.py expire_bookings: bookings expire and seats go back, without any worker."""

import json
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import call_command

from bookings.db import clock
from bookings.db.clock import ROW, database_time
from bookings.db.clock_watch import ClockWatch
from bookings.models import Booking, ClockProof, SeatCall
from bookings.queries.upkeep.background import last_pass_finished_at
from tests.support.bookings import a_pending_booking, a_saved_row, an_initiated_booking, let_time_pass
from tests.support.bulk import start
from tests.support.calls import a_dead_release
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(flights, run_command):
    """Run the command; give its exit code, what it printed, and its error."""
    return partial(run_command, "expire_bookings")


def test_what_is_due_expires_and_its_seats_come_back(run, flights):
    an_initiated_booking(flights, seats=2)
    an_initiated_booking(flights, seats=3, flight_id=2)
    let_time_pass(minutes=15)
    an_initiated_booking(flights, seats=1)

    code, printed, _ = run()

    assert code == 0
    assert printed == "expired: 2, seats given back: 5, seats still owed: 0, seats needing decision: 0"
    assert (flights.taken(1), flights.taken(2)) == (1, 0)
    assert_in_step(flights)


def test_json_is_one_object_of_counts(run, flights):
    an_initiated_booking(flights, seats=2)
    let_time_pass(minutes=15)

    code, printed, _ = run("--json")

    counts = json.loads(printed)
    assert code == 0
    assert (counts["expired"], counts["seats_given_back"], counts["seats_still_owed"]) == (1, 2, 0)


def test_nothing_else_of_a_pass_is_done(run, flights):
    held = a_pending_booking(flights)
    an_initiated_booking(flights)
    bulk = start()
    let_time_pass(seconds=16)

    code, printed, _ = run()

    assert (code, printed) == (0, "expired: 0, seats given back: 0, seats still owed: 0, seats needing decision: 0")
    held.refresh_from_db()
    bulk.refresh_from_db()
    assert (held.hold, bulk.finished_at) == ("asking", None)
    assert last_pass_finished_at() is None, "it is no pass, and says so of the worker"


def test_with_nothing_due_nothing_happens(run):
    a_saved_row("initiated")

    code, printed, _ = run("--json")

    assert code == 0
    assert set(json.loads(printed).values()) == {0}


def test_a_dry_run_only_says_what_is_due(run, flights):
    an_initiated_booking(flights, seats=2)
    let_time_pass(minutes=15)

    code, printed, _ = run("--dry-run")

    assert (code, printed) == (0, "due: 1, seats: 2, seats still owed: 0, seats needing decision: 0")
    assert Booking.objects.get().status == "initiated"
    assert flights.taken(1) == 2


def test_a_dry_run_in_json(run, flights):
    an_initiated_booking(flights, seats=2)
    let_time_pass(minutes=15)

    _, printed, _ = run("--dry-run", "--json")

    assert json.loads(printed) == {"due": 1, "seats": 2, "seats_still_owed": 0, "seats_needing_decision": 0}


def test_a_limit_bounds_how_many_expire(run):
    past = database_time() - timedelta(minutes=16)
    for _ in range(3):
        a_saved_row("pending", claims=0, created_at=past)

    _, printed, _ = run("--limit", "2", "--json")

    assert json.loads(printed)["expired"] == 2
    assert Booking.objects.filter(status="cancelled").count() == 2


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_that_makes_no_sense_is_refused(run, limit):
    code, _, message = run("--limit", limit)

    assert code == 1
    assert "--limit" in message


def test_while_the_flight_service_is_down_the_exit_code_is_1_and_afterwards_0(run, flights):
    an_initiated_booking(flights, seats=4)
    let_time_pass(minutes=15)
    flights.down = True

    first = run("--json")
    flights.down = False
    let_time_pass(seconds=15)
    second = run("--json")

    assert first[0] == 1
    assert json.loads(first[1])["seats_still_owed"] == 4
    assert first[2].startswith("4 seats are not given back yet. They stay queued")
    assert second[0] == 0
    assert json.loads(second[1])["seats_given_back"] == 4
    assert flights.taken(1) == 0
    assert SeatCall.objects.count() == 1
    assert_in_step(flights)


def test_running_it_again_too_soon_still_says_that_seats_are_owed(run, flights):
    an_initiated_booking(flights, seats=4)
    let_time_pass(minutes=15)
    flights.down = True
    run()

    assert run()[0] == 1


def test_a_dry_run_tells_what_is_owed(run, flights):
    a_saved_row("cancelled", hold="giving_back", no_of_seats=3)

    _, printed, _ = run("--dry-run")

    assert printed == "due: 0, seats: 0, seats still owed: 3, seats needing decision: 0"


def test_seats_of_a_dead_call_need_a_decision_and_are_not_promised(run, flights):
    a_dead_release(seats=5)

    code, printed, error = run("--json")

    counts = json.loads(printed)
    assert (code, counts["seats_still_owed"], counts["seats_needing_decision"]) == (1, 5, 5)
    assert error == (
        "5 seats need a decision: their call is dead, and neither the worker nor this command sends it again. "
        "Decide in the back office, under Calls to the Flight Service."
    )


def test_seats_that_are_queued_and_seats_of_a_dead_call_are_told_apart(run, flights):
    a_dead_release(seats=5)
    an_initiated_booking(flights, seats=4)
    let_time_pass(minutes=15)
    flights.down = True

    code, _, error = run()

    assert code == 1
    assert error.startswith("4 seats are not given back yet. They stay queued")
    assert "5 seats need a decision" in error


def test_a_dry_run_tells_what_needs_a_decision(run):
    a_dead_release(seats=5)

    _, printed, _ = run("--dry-run")

    assert printed == "due: 0, seats: 0, seats still owed: 5, seats needing decision: 5"


@pytest.fixture
def no_pass_for_a_day(monkeypatch):
    """This process is new, and of a machine that no worker has run on since it was started."""
    a_day_ago = {"read_at": database_time() - timedelta(days=1), "boot": "before", "monotonic_seconds": 5.0}
    ClockProof.objects.update_or_create(pk=ROW, defaults=a_day_ago)
    monkeypatch.setattr(clock, "WATCH", ClockWatch("after"))


@pytest.mark.slow
def test_where_the_clock_is_not_proven_it_says_that_nothing_expired_and_what_to_do(run, flights, no_pass_for_a_day):
    an_initiated_booking(flights, seats=2)
    let_time_pass(minutes=15)

    for _ in range(2):
        code, printed, error = run("--json")

        assert (code, json.loads(printed)["expired"]) == (1, 0)
        assert "manage.py trust_clock" in error

    call_command("trust_clock", stdout=StringIO())
    code, printed, _ = run("--json")

    assert (code, json.loads(printed)["expired"]) == (0, 1)
    assert_in_step(flights)
