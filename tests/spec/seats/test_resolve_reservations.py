"""Takes whose outcome is unknown: the worker asks again, with the same key, until it knows."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking
from bookings.ports import Applied, NotSent
from bookings.services.bookings.expire import expire_bookings
from bookings.services.seats.reserve import Waiting, settle_reservation
from tests.support.bookings import a_pending_booking, a_saved_row, let_time_pass, one_pass
from tests.support.fakes import Fault, ProcessDied
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


def state_of(booking):
    booking.refresh_from_db()
    return booking.status, booking.hold, booking.cancel_reason


@pytest.mark.parametrize("applied", [True, False], ids=["taken", "not taken"])
def test_the_worker_confirms_a_pending_booking(flights, payments, applied):
    booking = a_pending_booking(flights, applied=applied)
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert result.reservations_resolved == 1
    assert state_of(booking) == ("initiated", "held", "")
    assert len({change.key for change in flights.arrived}) == 1
    assert_in_step(flights)


def test_the_worker_ends_a_pending_booking_that_is_refused(flights, payments):
    booking = a_pending_booking(flights, applied=False)
    flights.set_flight(1, remaining=1)
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert state_of(booking) == ("cancelled", "refused", "no_seats")
    assert_in_step(flights)


def test_a_take_is_not_asked_about_while_its_lease_runs(flights, payments):
    booking = a_saved_row("pending", lease=uuid.uuid4())
    let_time_pass(seconds=14)

    result = one_pass(flights, payments)

    assert result.reservations_resolved == 0
    assert state_of(booking) == ("pending", "asking", "")


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
def test_a_request_that_dies_is_finished_by_the_worker_after_its_lease(api, flights, payments, fault):
    flights.fail_next(fault)
    with pytest.raises(ProcessDied):
        api.create()
    too_early = one_pass(flights, payments)
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert (too_early.reservations_resolved, result.reservations_resolved) == (0, 1)
    assert state_of(Booking.objects.get()) == ("initiated", "held", "")
    assert_in_step(flights)


@pytest.mark.slow
def test_a_worker_that_finds_the_service_down_asks_again_later(flights, payments):
    booking = a_pending_booking(flights, applied=False)
    flights.down = True
    let_time_pass(seconds=15)
    one_pass(flights, payments)
    during = state_of(booking)
    flights.down = False
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert during == ("pending", "asking", "")
    assert state_of(booking) == ("initiated", "held", "")


@pytest.mark.parametrize(("hours", "hold"), [(23, "asking"), (25, "stuck")])
def test_asking_ends_after_a_day_and_staff_take_over(flights, payments, hours, hold):
    booking = a_pending_booking(flights)
    let_time_pass(hours=hours)
    flights.fail_next(Fault.DROP_REPLY)

    one_pass(flights, payments)

    assert state_of(booking) == ("cancelled", hold, "expired")


def test_a_mistake_is_left_to_staff_at_once(flights, payments):
    booking = a_pending_booking(flights, applied=False)
    let_time_pass(seconds=15)
    flights.fail_next(Fault.MISTAKE)

    one_pass(flights, payments)

    assert state_of(booking) == ("pending", "stuck", "")
    assert booking.last_error == "400 invalid_request"


def test_a_refused_connection_under_a_second_claim_does_not_drop_the_take():
    booking = a_saved_row("pending", claims=2, lease=uuid.uuid4())

    settle_reservation(booking, lease=booking.lease, outcome=NotSent("refused"), waiting=Waiting.CLIENT_WITH_KEY)

    assert state_of(booking) == ("pending", "asking", "")


def test_a_refused_connection_without_the_lease_does_not_drop_the_take():
    booking = a_saved_row("pending", claims=1, lease=uuid.uuid4())

    settle_reservation(booking, lease=uuid.uuid4(), outcome=NotSent("refused"), waiting=Waiting.CLIENT_WITH_KEY)

    assert state_of(booking) == ("pending", "asking", "")


@pytest.mark.parametrize("hold", ["refused", "dropped", "stuck"])
def test_a_late_answer_does_not_reopen_a_take_that_has_ended(hold):
    booking = a_saved_row("cancelled", hold=hold)

    settle_reservation(booking, lease=uuid.uuid4(), outcome=Applied(), waiting=Waiting.NO_CLIENT)

    assert state_of(booking) == ("cancelled", hold, "expired")


@pytest.mark.parametrize("waiting", Waiting)
def test_a_booking_that_is_redated_while_its_seats_are_asked_for_is_confirmed_as_it_is_then(waiting):
    booking = a_saved_row("pending", created_at=database_time() + timedelta(days=2), lease=uuid.uuid4())
    expire_bookings(deadline=Deadline(20))
    redated = Booking.objects.get()

    settled = settle_reservation(booking, lease=booking.lease, outcome=Applied(), waiting=waiting)

    confirmed = Booking.objects.get()
    assert redated.expires_at < booking.expires_at
    assert (confirmed.status, confirmed.hold) == ("initiated", "held")
    assert confirmed.version == redated.version + 1 == 2  # one tag, one state
    assert (settled.version, settled.expires_at) == (confirmed.version, confirmed.expires_at)


def test_an_answer_that_comes_twice_confirms_once():
    booking = a_saved_row("pending", lease=uuid.uuid4())
    settle_reservation(booking, lease=booking.hold_key, outcome=Applied(), waiting=Waiting.NO_CLIENT)
    version = Booking.objects.get().version

    settle_reservation(Booking.objects.get(), lease=uuid.uuid4(), outcome=Applied(), waiting=Waiting.NO_CLIENT)

    assert Booking.objects.get().version == version == 1
