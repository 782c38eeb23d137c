"""Seats by number are compared beside the counts, in one look, and corrected where both say the same."""

import uuid

import pytest

from bookings.deadline import Deadline
from bookings.models import BookingSeat, SeatCall
from bookings.ports import SeatChange
from bookings.services.seats.correct import LEFT_ALONE, correct_seats
from bookings.services.seats.reconcile import reconcile_seats
from tests.support.bookings import STAFF, a_saved_row, an_initiated_booking
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_numbers(settings, flights):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()


def there(flights, numbers=(), *, seats=None, reserves):
    """Somebody changes seats there, past this service."""
    change = SeatChange(uuid.uuid4(), 1, seats or len(numbers), reserves=reserves, numbers=tuple(numbers))
    flights.change_seats(change, seconds=5)


def hold(flights, *numbers):
    return an_initiated_booking(flights, seats=len(numbers), numbers=numbers)


def drift(flights):
    return reconcile_seats(flights=flights, deadline=Deadline(20)).drift


def fix(flights):
    fixed = correct_seats(drift=drift(flights), flights=flights, deadline=Deadline(20), actor=STAFF, note="looked")
    return [(each.seats, each.reserves, each.state) for each in fixed]


def test_where_both_sides_agree_nothing_differs(flights):
    hold(flights, "2A", "2B")
    an_initiated_booking(flights, seats=3)

    assert drift(flights) == []


def test_seats_that_no_booking_has_are_given_back_by_number_and_the_rest_by_count(flights):
    hold(flights, "2A")
    there(flights, ["3A", "3B"], seats=3, reserves=True)

    assert drift(flights) == [{"flight": 1, "held": 1, "taken": 4, "leaked": ["3A", "3B"]}]
    assert fix(flights) == [(3, False, "done")]
    assert (SeatCall.objects.get().seat_numbers, flights.arrived[-1].numbers) == ("3A,3B", ("3A", "3B"))
    assert drift(flights) == []
    assert_in_step(flights)


def test_seats_that_are_held_and_not_taken_are_an_alarm_and_are_taken_by_number(flights, caplog):
    hold(flights, "2A", "2B")
    there(flights, ["2A"], reserves=False)

    assert drift(flights) == [{"flight": 1, "held": 2, "taken": 1, "missing": ["2A"]}]
    assert "flights.seat_missing" in {record.msg["event"] for record in caplog.records}
    assert fix(flights) == [(1, True, "done")]
    assert drift(flights) == []
    assert_in_step(flights)


def test_what_numbers_and_counts_say_differently_is_shown_and_left_to_people(flights):
    hold(flights, "2A", "2B")
    there(flights, ["2A"], reserves=False)
    there(flights, ["3A"], reserves=True)  # as many as are held, and another one

    assert drift(flights) == [{"flight": 1, "held": 2, "taken": 2, "leaked": ["3A"], "missing": ["2A"]}]
    assert fix(flights) == [(0, False, LEFT_ALONE)]
    there(flights, ["4A", "4B"], reserves=True)
    assert fix(flights) == [(2, False, LEFT_ALONE)]
    assert not SeatCall.objects.exists()


def test_a_seat_that_cannot_be_had_again_is_left_to_people(flights):
    booking = a_saved_row(no_of_seats=1, seat_numbers="1A")
    BookingSeat.objects.create(flight_id=1, seat_number="1A", booking=booking)

    assert drift(flights) == [{"flight": 1, "held": 1, "taken": 0, "missing": ["1A"]}]
    assert fix(flights) == [(1, True, LEFT_ALONE)]


def test_a_difference_of_numbers_that_has_changed_since_it_was_seen_is_left_alone(flights):
    there(flights, ["3A"], reserves=True)
    hold(flights, "2A")
    seen = drift(flights)
    there(flights, ["3A"], reserves=False)
    there(flights, ["3B"], reserves=True)

    (left,) = correct_seats(drift=seen, flights=flights, deadline=Deadline(20), actor=STAFF, note="looked")

    assert left.state == LEFT_ALONE


def test_a_flight_without_a_map_is_compared_by_count(flights):
    an_initiated_booking(flights)
    flights.number_seats(version=None)
    there(flights, seats=1, reserves=True)

    assert drift(flights) == [{"flight": 1, "held": 2, "taken": 3}]
    assert fix(flights) == [(1, False, "done")]
