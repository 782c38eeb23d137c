"""In which order flights are compared where there is no time for all: busy ones first, and each in its turn."""

import random
from datetime import timedelta
from itertools import islice

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent
from bookings.queries.seats import to_compare
from bookings.queries.seats.held import last_reconciliation
from bookings.services.seats import reconcile
from bookings.services.seats.reserve import change_of
from tests.support.bookings import a_call_row, a_row, a_saved_row
from tests.support.fakes import FakeFlights

pytestmark = pytest.mark.django_db

FLIGHTS, LOOKS = 400, 20
BUSY, QUIET = 137, 301


class LooksLeft:
    """A deadline that is over after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def __bool__(self):
        self.looks -= 1
        return self.looks >= 0

    def left(self):
        return 20.0


@pytest.fixture
def many():
    """A Flight Service with many flights, each with a booking that was paid for a month ago."""
    flights = FakeFlights(flights=FLIGHTS)
    a_month_ago = database_time() - timedelta(days=30)
    rows = [a_row("booked", flight_id=number, created_at=a_month_ago) for number in range(1, FLIGHTS + 1)]
    Booking.objects.bulk_create(rows)
    for row in rows:
        flights.change_seats(change_of(row), seconds=5)
    return flights


def one_comparison(flights, looks=LOOKS):
    return reconcile.reconcile_seats(flights=flights, deadline=LooksLeft(looks))


def goes_astray(flights, flight_id):
    """The Flight Service forgets the seats of a booking."""
    flights._shelves[flight_id].remaining += 2


def is_sold(flights, flight_id):
    row = a_saved_row("initiated", flight_id=flight_id)
    flights.change_seats(change_of(row), seconds=5)


def until_seen(flights, flight_id, most):
    """Compare until a difference on a flight is seen, while another booking is made each time; give how often."""
    for number in range(1, most + 1):
        is_sold(flights, BUSY)
        if flight_id in [row["flight"] for row in one_comparison(flights).drift]:
            return number
    raise AssertionError(f"not seen in {most} comparisons")


def in_any_order(now, *, after):
    """As it was: all of them, in another order each time."""
    numbers = list(range(1, FLIGHTS + 1))
    in_any_order.dice.shuffle(numbers)
    return ((number, False) for number in numbers)


def test_a_difference_on_a_busy_flight_is_seen_by_the_next_comparison(many):
    goes_astray(many, BUSY)

    assert until_seen(many, BUSY, most=3) == 1


@pytest.mark.slow
def test_in_any_order_it_would_take_as_many_as_there_are_flights_for_each_look(many, monkeypatch):
    """The twin: 400 flights, and time for twenty, are twenty comparisons on average. Here it is luckier."""
    monkeypatch.setattr(reconcile, "in_turn", in_any_order)
    in_any_order.dice = random.Random(6)
    goes_astray(many, BUSY)

    assert until_seen(many, BUSY, most=200) > 5


@pytest.mark.slow
def test_a_quiet_flight_has_its_turn_after_a_known_time_whatever_happens_on_others(many):
    goes_astray(many, QUIET)

    # One look of five is for those whose turn it is; where no other flight changes, all but one are.
    assert until_seen(many, QUIET, most=FLIGHTS // (LOOKS - 1) + 1) == -(-QUIET // (LOOKS - 1))


def test_where_more_flights_change_than_there_is_time_for_every_fifth_look_is_for_one_whose_turn_it_is(many):
    for number in range(301, 401):
        is_sold(many, number)

    flights = list(islice(to_compare.in_turn(database_time(), after=50), 10))
    one_comparison(many)
    first = last_reconciliation()
    one_comparison(many)

    assert [flight for flight, _ in flights] == [400, 399, 398, 397, 51, 396, 395, 394, 393, 52]
    assert [is_its_turn for _, is_its_turn in flights] == [*[False] * 4, True] * 2
    assert (first.walked_to, last_reconciliation().walked_to) == (4, 8)


@pytest.mark.parametrize("at_once", [1, 3, 500])
def test_each_flight_is_given_once_however_many_are_read_at_once(many, monkeypatch, at_once):
    monkeypatch.setattr(to_compare, "READ_AT_ONCE", at_once)
    Booking.objects.filter(flight_id__gt=9).delete()
    for number in (7, 3, 7, 11):
        is_sold(many, number)

    given = list(to_compare.in_turn(database_time(), after=5))

    assert [flight for flight, _ in given][:3] == [11, 7, 3]
    assert [flight for flight, is_its_turn in given if is_its_turn] == [6, 8, 9, 1, 2, 4, 5]


def test_flights_of_which_something_was_written_within_a_day_are_given_the_newest_first(many):
    Booking.objects.all().delete()
    now = database_time()
    for hours, number in ((25, 1), (23, 2)):
        a_call_row(flight_id=number, state="done", created_at=now - timedelta(hours=hours))
    for hours, number in ((30, 3), (1, 4)):
        ended = a_saved_row("cancelled", flight_id=number, created_at=now - timedelta(hours=72))
        BookingEvent.objects.create(
            booking=ended, what="cancelled", actor_kind="system", created_at=now - timedelta(hours=hours)
        )

    assert [flight for flight, _ in to_compare.in_turn(now, after=0)] == [4, 2]
    assert [number for number in range(1, 5) if to_compare.is_wanted(number, now)] == [2, 4]


def test_no_more_rows_are_read_than_may_be(many, monkeypatch):
    monkeypatch.setattr(to_compare, "READ_AT_ONCE", 5)
    monkeypatch.setattr(to_compare, "READ_AT_MOST", 10)
    for number in range(301, 321):
        is_sold(many, number)

    given = list(islice(to_compare.in_turn(database_time(), after=0), 15))

    assert [flight for flight, is_its_turn in given if not is_its_turn] == list(range(320, 310, -1))


def test_what_differed_is_looked_at_first_the_next_time(many):
    goes_astray(many, 1)
    one_comparison(many)
    for number in range(301, 401):
        is_sold(many, number)

    still = one_comparison(many, looks=1)
    many._shelves[1].remaining -= 2
    no_more = one_comparison(many, looks=1)

    assert (still.flights_compared, [row["flight"] for row in still.drift]) == (1, [1])
    assert (no_more.flights_compared, no_more.drift) == (1, [])
