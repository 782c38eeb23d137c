"""Releases: seats of cancelled bookings go back, one call for each flight and pass."""

import uuid

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking, SeatCall
from bookings.queries.seats import owed
from bookings.services.seats import release
from tests.support.bookings import (
    a_call_row,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import Fault, ProcessDied
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def calls():
    return list(SeatCall.objects.order_by("flight_id").values_list("flight_id", "seats", "state"))


def given_back(flights):
    return [(change.flight_id, change.seats) for change in flights.arrived if not change.reserves]


@pytest.mark.slow
def test_one_call_gives_back_all_seats_of_a_flight(flights, payments):
    for seats in (1, 2, 3):
        a_cancelled_booking(flights, flight_id=1, seats=seats)
    a_cancelled_booking(flights, flight_id=2, seats=10)

    result = one_pass(flights, payments)

    assert given_back(flights) == [(1, 6), (2, 10)]
    assert calls() == [(1, 6, "done"), (2, 10, "done")]
    assert result.seats_given_back == 16
    assert_in_step(flights)


@pytest.mark.slow
def test_mass_expiry_costs_one_call_for_each_flight(flights, payments):
    for flight_id in (1, 2, 3, 4):
        for _ in range(5):
            an_initiated_booking(flights, flight_id=flight_id, seats=3, user_id=flight_id)
    let_time_pass(minutes=15)

    result = one_pass(flights, payments)

    assert (result.expired, result.seats_given_back) == (20, 60)
    assert given_back(flights) == [(1, 15), (2, 15), (3, 15), (4, 15)]
    assert_in_step(flights)


@pytest.mark.slow
def test_the_members_of_a_call_never_change(flights, payments):
    first = a_cancelled_booking(flights, seats=2)
    flights.fail_next(Fault.DROP_REQUEST)
    flights.retry_after = 15  # on a slow machine a pause of its own choice could be over
    one_pass(flights, payments)

    second = a_cancelled_booking(flights, seats=5)
    one_pass(flights, payments)

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.give_back_id != second.give_back_id
    assert sorted(calls()) == [(1, 2, "open"), (1, 5, "done")]
    assert violations() == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.DROP_REPLY, Fault.REFUSE_CONNECTION])
def test_a_call_without_an_answer_is_sent_again_with_the_same_key_and_payload(flights, payments, fault):
    a_cancelled_booking(flights, seats=4)
    flights.fail_next(fault)
    first = one_pass(flights, payments)
    key = SeatCall.objects.get().call_key
    let_time_pass(seconds=15)

    second = one_pass(flights, payments)

    sent = [(change.key, change.seats) for change in flights.arrived if not change.reserves]
    assert (first.seats_given_back, first.seats_still_owed) == (0, 4)
    assert (second.seats_given_back, second.seats_still_owed) == (4, 0)
    assert set(sent) == {(key, 4)}
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_a_call_is_not_sent_again_before_its_pause_is_over(flights, payments):
    a_cancelled_booking(flights)
    flights.retry_after = 15
    flights.fail_next(Fault.DROP_REQUEST)
    one_pass(flights, payments)

    again = one_pass(flights, payments)

    assert again.seats_given_back == 0
    assert given_back(flights) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
def test_a_worker_that_dies_while_sending_is_followed_by_the_next_after_the_lease(flights, payments, fault):
    a_cancelled_booking(flights, seats=4)
    flights.fail_next(fault)
    with pytest.raises(ProcessDied):
        one_pass(flights, payments)
    too_early = one_pass(flights, payments)
    let_time_pass(seconds=15)

    result = one_pass(flights, payments)

    assert too_early.seats_given_back == 0
    assert result.seats_given_back == 4
    assert flights.taken(1) == 0
    assert_in_step(flights)


@pytest.mark.slow
def test_a_call_that_is_a_mistake_is_dead_at_once_and_waits_for_staff(flights, payments):
    a_cancelled_booking(flights)
    flights.fail_next(Fault.MISTAKE)

    result = one_pass(flights, payments)
    let_time_pass(hours=1)
    one_pass(flights, payments)

    assert calls() == [(1, 2, "dead")]
    assert SeatCall.objects.get().last_error == "400 invalid_request"
    assert result.seats_still_owed == 2
    assert given_back(flights) == []


def test_a_flight_that_has_disappeared_leaves_a_dead_call(flights, payments):
    a_cancelled_booking(flights, flight_id=5)
    flights.remove_flight(5)

    one_pass(flights, payments)

    assert calls() == [(5, 2, "dead")]


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "state"), [(23, "open"), (24, "dead")])
def test_repeating_ends_after_a_day(flights, payments, hours, state):
    a_cancelled_booking(flights)
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    one_pass(flights, payments)
    let_time_pass(hours=hours)

    one_pass(flights, payments)

    assert calls() == [(1, 2, state)]


@pytest.mark.slow
def test_a_call_that_was_never_sent_does_not_grow_old(flights, payments):
    a_cancelled_booking(flights)
    flights.down = True
    one_pass(flights, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    flights.down = False
    let_time_pass(hours=25)

    one_pass(flights, payments)

    assert calls() == [(1, 2, "done")]
    assert_in_step(flights)


def test_a_late_failure_does_not_undo_what_is_done(flights):
    call = a_call_row(state="done")

    release._settle(call, release.Mistake("late"))

    call.refresh_from_db()
    assert call.state == "done"


@pytest.mark.slow
def test_a_call_names_a_bounded_number_of_bookings(flights, payments, monkeypatch):
    monkeypatch.setattr(release, "RELEASE_BATCH", 2)
    for _ in range(5):
        a_cancelled_booking(flights, seats=1)

    one_pass(flights, payments)

    assert sorted(calls()) == [(1, 1, "done"), (1, 2, "done"), (1, 2, "done")]
    assert_in_step(flights)


def test_the_flight_whose_seats_have_waited_longest_is_first(flights, payments):
    a_cancelled_booking(flights, flight_id=2)
    let_time_pass(minutes=1)
    a_cancelled_booking(flights, flight_id=1)

    one_pass(flights, payments)

    assert [flight for flight, _seats in given_back(flights)] == [2, 1]


@pytest.mark.slow
def test_one_look_finds_a_bounded_number_of_bookings_and_the_next_pass_goes_on(flights, payments, monkeypatch):
    monkeypatch.setattr(owed, "OWED_AT_ONCE", 2)
    for _ in range(5):
        a_cancelled_booking(flights, seats=1)

    given = [one_pass(flights, payments).seats_given_back for _ in range(2)]

    assert given == [4, 1]  # a pass looks twice
    assert_in_step(flights)


@pytest.mark.slow
def test_a_booking_that_another_pass_has_put_into_a_call_meanwhile_is_in_no_second_one(flights, payments):
    a_cancelled_booking(flights)
    seen = owed.owed_by_flight(database_time())
    one_pass(flights, payments)

    late = release._cut(1, seen[1], call_key=uuid.uuid4(), lease=uuid.uuid4())

    assert late is None
    assert calls() == [(1, 2, "done")]


def test_without_time_left_nothing_is_cut(flights):
    a_cancelled_booking(flights)

    given = release.release_seats(flights=flights, deadline=Deadline(0))

    assert given == 0
    assert calls() == []


def test_seats_that_nobody_took_are_never_given_back(flights, payments):
    for hold in ("refused", "dropped"):
        a_saved_row("cancelled", hold=hold)
    a_saved_row("cancelled", hold="stuck")

    one_pass(flights, payments)

    assert given_back(flights) == []
    assert Booking.objects.filter(hold="giving_back").count() == 0


def test_the_seats_still_owed_are_those_in_no_call_and_those_in_calls_that_failed(flights):
    a_saved_row("cancelled", hold="giving_back", no_of_seats=1)
    a_call_row(state="open", seats=10)
    a_call_row(state="dead", seats=100)
    a_call_row(state="done", seats=1000)

    assert owed.seats_still_owed() == 111
    assert owed.seats_needing_decision() == 100
