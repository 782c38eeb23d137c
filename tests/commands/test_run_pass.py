"""manage.py run_pass: one whole pass by hand, without any worker."""

import json

import pytest

from bookings.models import Heartbeat
from tests.support.bookings import a_booked_booking, a_pending_booking, an_initiated_booking, let_time_pass
from tests.support.bulk import start
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


def test_it_does_everything_that_is_due(run_command, flights, payments):
    a_booked_booking(flights, payments, seats=3)
    start()
    an_initiated_booking(flights, seats=2, flight_id=2)
    let_time_pass(minutes=15)
    a_pending_booking(flights)
    let_time_pass(seconds=16)

    code, printed, _ = run_command("run_pass")

    assert code == 0
    assert printed == (
        "expired: 1, cancelled in bulk: 1, seats given back: 5, reservations resolved: 1, "
        "notices followed: 0, payments asked: 0, refunds: 1, announced: 3, seats still owed: 0, "
        "seats needing decision: 0"
    )
    assert Heartbeat.objects.filter(name="pass").count() == 1
    assert_in_step(flights, payments)


def test_seats_that_are_still_owed_are_an_error(run_command, flights):
    an_initiated_booking(flights, seats=4)
    let_time_pass(minutes=15)
    flights.down = True

    code, printed, error = run_command("run_pass", "--json")

    assert (code, json.loads(printed)["seats_still_owed"]) == (1, 4)
    assert error.startswith("4 seats are not given back yet. They stay queued")
