"""The comparison with the Flight Service: what is quiet is compared, what differs is named, nothing is changed."""

from datetime import timedelta

import pytest

from bookings import tasks
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking, Reconciliation, SeatCall, SeatCallEvent
from bookings.queries.seats.held import last_reconciliation
from bookings.services.seats import reconcile
from bookings.services.seats.reconcile import reconcile_seats
from tests.support.bookings import (
    a_booked_booking,
    a_call_row,
    a_cancelled_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
)

pytestmark = pytest.mark.django_db


def compare(flights, **options):
    return reconcile_seats(flights=flights, deadline=Deadline(20), **options)


def brief(found):
    return found.flights_compared, found.flights_skipped, found.seats_held, found.seats_taken, found.drift


def test_where_nothing_differs_it_says_how_many_seats_both_count(flights, payments):
    an_initiated_booking(flights, flight_id=1, seats=2)
    a_booked_booking(flights, payments, flight_id=1, seats=3)
    a_booked_booking(flights, payments, flight_id=2, seats=4)

    found = compare(flights)

    assert brief(found) == (2, 0, 9, 9, [])


def test_flights_that_differ_are_named_the_worst_first(flights):
    for flight_id in (1, 2, 3):
        an_initiated_booking(flights, flight_id=flight_id, seats=2)
    Booking.objects.filter(flight_id=2).update(no_of_seats=1, total_cost=2000)
    Booking.objects.filter(flight_id=3).update(no_of_seats=5, total_cost=10_000)

    found = compare(flights)

    assert brief(found) == (
        3,
        0,
        8,
        6,
        [{"flight": 3, "held": 5, "taken": 2}, {"flight": 2, "held": 1, "taken": 2}],
    )


def test_it_changes_nothing_on_either_side(flights):
    an_initiated_booking(flights)
    Booking.objects.update(no_of_seats=1, total_cost=2000)
    before, sent = list(Booking.objects.values()), len(flights.arrived)

    compare(flights)

    assert list(Booking.objects.values()) == before
    assert (SeatCall.objects.count(), len(flights.arrived)) == (0, sent)


@pytest.mark.slow
def test_a_flight_whose_bookings_are_all_over_is_still_compared_for_a_day(flights, payments):
    a_cancelled_booking(flights)
    one_pass(flights, payments)

    at_once = compare(flights)
    let_time_pass(hours=25)
    later = compare(flights)

    assert brief(at_once) == (1, 0, 0, 0, [])
    assert brief(later) == (0, 0, 0, 0, [])


UNDER_WAY = {
    "a take without an answer": a_pending_booking,
    "a stuck take": lambda flights: a_saved_row("cancelled", hold="stuck"),
    "seats to give back": a_cancelled_booking,
    "a release without an answer": lambda flights: a_call_row(state="open"),
    "a dead release": lambda flights: a_call_row(state="dead"),
}


@pytest.mark.parametrize("what", UNDER_WAY)
def test_a_flight_on_which_something_is_under_way_is_skipped(flights, what):
    an_initiated_booking(flights, flight_id=1)
    an_initiated_booking(flights, flight_id=2)
    UNDER_WAY[what](flights)

    found = compare(flights)

    assert brief(found) == (1, 1, 2, 2, [])


def a_hold(flights):
    an_initiated_booking(flights)


def a_hold_that_comes_and_goes(flights):
    """Held, cancelled and given back: afterwards all is as it was, save that there is one booking more."""
    a_cancelled_booking(flights)
    call = a_call_row(state="done")
    Booking.objects.filter(hold="giving_back").update(give_back=call, next_at=None)


@pytest.mark.parametrize("change", [a_hold, a_hold_that_comes_and_goes])
def test_a_flight_that_changes_during_the_look_is_skipped(flights, monkeypatch, change):
    an_initiated_booking(flights)
    look = flights.get_flight

    def look_while_it_changes(flight_id, *, seconds):
        monkeypatch.setattr(flights, "get_flight", look)
        change(flights)
        return look(flight_id, seconds=seconds)

    monkeypatch.setattr(flights, "get_flight", look_while_it_changes)

    found = compare(flights)

    assert brief(found) == (0, 1, 0, 0, [])


def gone(flights):
    flights.remove_flight(1)


def down(flights):
    flights.down = True


def without_capacity(flights):
    flights.shows_capacity = False


@pytest.mark.parametrize("peer", [gone, down, without_capacity])
def test_a_flight_that_the_other_side_does_not_show_whole_is_skipped(flights, peer):
    an_initiated_booking(flights)
    peer(flights)

    assert brief(compare(flights)) == (0, 1, 0, 0, [])


def test_what_there_was_no_time_for_is_not_counted_and_such_a_comparison_is_not_kept(flights):
    for flight_id in (1, 2):
        an_initiated_booking(flights, flight_id=flight_id)

    found = reconcile_seats(flights=flights, deadline=Deadline(0))

    assert brief(found) == (0, 0, 0, 0, [])
    assert last_reconciliation() is None


def one_of_two_differs(flights):
    for flight_id in (1, 2):
        an_initiated_booking(flights, flight_id=flight_id)
    Booking.objects.filter(flight_id=2).update(no_of_seats=1, total_cost=2000)


def test_a_difference_still_stands_while_its_flight_cannot_be_looked_at(flights):
    one_of_two_differs(flights)
    compare(flights)
    a_call_row(flight_id=2, state="dead")

    found = compare(flights)

    assert brief(found) == (1, 1, 2, 2, [{"flight": 2, "held": 1, "taken": 2}])
    assert last_reconciliation() == found


def test_a_comparison_that_could_look_at_nothing_does_not_stand_in_the_place_of_the_last(flights):
    one_of_two_differs(flights)
    last = compare(flights)
    flights.down = True

    found = compare(flights)

    assert brief(found) == (0, 2, 0, 0, [{"flight": 2, "held": 1, "taken": 2}])
    assert last_reconciliation() == last


@pytest.mark.parametrize("hours", [23, 25])
def test_a_flight_about_which_staff_have_decided_is_compared_for_a_day(flights, hours):
    call = a_call_row(state="done", created_at=database_time() - timedelta(days=2))
    SeatCallEvent.objects.create(
        seat_call=call, what="applied", actor_kind="staff", created_at=database_time() - timedelta(hours=hours)
    )

    assert compare(flights).flights_compared == (1 if hours < 24 else 0)


def test_the_last_comparison_is_the_one_that_is_shown(flights):
    none_yet = last_reconciliation()
    an_initiated_booking(flights)
    compare(flights)
    an_initiated_booking(flights, flight_id=2)
    last = compare(flights)

    assert none_yet is None
    assert last_reconciliation() == last
    assert last.flights_compared == 2


def test_a_comparison_of_one_flight_does_not_stand_in_the_place_of_the_last(flights):
    an_initiated_booking(flights)
    an_initiated_booking(flights, flight_id=2)

    found = compare(flights, flight_id=2)

    assert brief(found) == (1, 0, 2, 2, [])
    assert last_reconciliation() is None


def test_the_newest_are_kept(flights, monkeypatch):
    monkeypatch.setattr(reconcile, "COMPARISONS_KEPT", 200)
    now = database_time()
    numbers = {"flights_compared": 0, "flights_skipped": 0, "seats_held": 0, "seats_taken": 0}
    Reconciliation.objects.bulk_create(
        Reconciliation(finished_at=now - timedelta(hours=age), **numbers) for age in range(1, 206)
    )

    last = compare(flights)

    assert Reconciliation.objects.count() == 200
    assert Reconciliation.objects.order_by("finished_at").first().finished_at == now - timedelta(hours=199)
    assert last_reconciliation() == last


def test_the_task_says_on_how_many_flights_they_differ(flights):
    an_initiated_booking(flights)
    an_initiated_booking(flights, flight_id=2)
    Booking.objects.filter(flight_id=2).update(no_of_seats=1, total_cost=2000)

    assert tasks.reconcile() == 1
    assert last_reconciliation().drift == [{"flight": 2, "held": 1, "taken": 2}]
