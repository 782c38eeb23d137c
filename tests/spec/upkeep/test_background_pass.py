"""One pass does everything that is due, whatever goes wrong with a part of it."""

import pytest

from bookings.deadline import Deadline
from bookings.models import Booking, Heartbeat, SeatCall
from bookings.services.upkeep import run_pass as background
from tests.support.bookings import (
    a_cancelled_booking,
    a_pending_booking,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_take_that_fails_does_not_keep_the_next_from_being_resolved(flights, payments, monkeypatch):
    broken, sound = a_pending_booking(flights), a_pending_booking(flights)
    let_time_pass(seconds=16)
    ask = flights.change_seats

    def fail_for_one(change, *, seconds):
        if change.key == broken.hold_key:
            raise RuntimeError("a mistake in this program")
        return ask(change, seconds=seconds)

    monkeypatch.setattr(flights, "change_seats", fail_for_one)

    with pytest.raises(ExceptionGroup):
        one_pass(flights, payments)

    states = dict(Booking.objects.values_list("pk", "status"))
    assert states == {broken.pk: "pending", sound.pk: "initiated"}


def test_a_step_that_fails_does_not_keep_the_others_from_being_done(flights, payments, monkeypatch):
    a_cancelled_booking(flights)

    def fail(**_):
        raise RuntimeError("a mistake in this program")

    monkeypatch.setattr(background, "expire_bookings", fail)

    with pytest.raises(ExceptionGroup):
        one_pass(flights, payments)

    assert list(SeatCall.objects.values_list("seats", "state")) == [(2, "done")]
    assert Heartbeat.objects.filter(name="pass").count() == 1
    assert_in_step(flights)


@pytest.mark.slow
def test_takes_that_use_up_their_time_leave_some_for_the_give_backs(flights, payments, monkeypatch):
    a_cancelled_booking(flights, flight_id=1)
    flights.fail_next(Fault.DROP_REQUEST)
    one_pass(flights, payments)
    let_time_pass(seconds=16)

    def run_out_of_time(*, flights, deadline):
        deadline._ends_at -= deadline.left()
        return 0

    monkeypatch.setattr(background, "_resolve_reservations", run_out_of_time)

    one_pass(flights, payments)

    assert list(SeatCall.objects.values_list("seats", "state")) == [(2, "done")]


def test_a_deadline_that_is_over_has_no_time_left():
    assert Deadline(0).left() == 0
    assert not Deadline(0)
