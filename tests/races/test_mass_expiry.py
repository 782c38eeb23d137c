"""
Many bookings that expire: each once, with few calls, by however many passes at once.

ROUNDS=100 runs the race of two passes a hundred times.
"""

import time
import uuid
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db.models import Count

from bookings.db.clock import database_time
from bookings.db.transactions import run
from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking, BookingEvent, BookingSeat, SeatCall
from bookings.ports import Applied, SeatChange, SeatStatus
from bookings.services.bookings import expire as expiry
from bookings.services.bookings.expire import expire_bookings
from tests.races.conftest import FLIGHTS
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.races.places import EXPIRY_LOCKED, Place
from tests.support.bookings import a_row, let_time_pass, many_rows, one_pass
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

LONG_AGO = timedelta(minutes=20)
SEATS_EACH = 2

# A pass that meets lost answers ends its calls in the next ones.
PASSES = 40


def overdue_bookings(flights, *, on_flights, on_each):
    """Insert bookings past their deadline; their seats are taken at the Flight Service, by one call a flight."""
    created_at = database_time() - LONG_AGO
    for flight_id in range(1, on_flights + 1):
        change = SeatChange(uuid.uuid4(), flight_id, seats=on_each * SEATS_EACH, reserves=True)
        assert flights.change_seats(change, seconds=5) == Applied()
        many_rows(on_each, created_at=created_at, flight_id=flight_id, no_of_seats=SEATS_EACH)


def expire():
    return expire_bookings(deadline=Deadline(20))


def expired_more_than_once():
    events = BookingEvent.objects.values("booking").annotate(times=Count("pk"))
    return events.exclude(times=1).count()


def test_two_thousand_bookings_on_fifty_flights_expire_with_one_call_for_each_flight(flights, sim):
    sim.reset(capacity=400)
    overdue_bookings(flights, on_flights=FLIGHTS, on_each=40)
    before, started = sim.ledger()["calls"]["patch"], time.monotonic()

    passes = 0
    while Booking.objects.filter(status="initiated").exists():
        one_pass(flights, InstantPayments())
        passes += 1

    assert time.monotonic() - started < 60
    assert sim.ledger()["calls"]["patch"] - before <= 2 * FLIGHTS
    assert (BookingEvent.objects.count(), expired_more_than_once()) == (2_000, 0)
    assert {flight["remaining"] for flight in sim.ledger()["flights"][:FLIGHTS]} == {400}
    assert_in_step(sim)


def overdue_seats_by_number(flights, *, on_flights, on_each):
    """Insert bookings past their deadline, each with two seats by number; the seats are taken likewise."""
    columns = {"created_at": database_time() - LONG_AGO, "no_of_seats": SEATS_EACH}
    shown = flights.get_seat_map(1, seconds=5).seats
    seats = [seat.number for seat in shown if seat.status is SeatStatus.FREE][: on_each * SEATS_EACH]
    pairs = [",".join(seats[n : n + SEATS_EACH]) for n in range(0, len(seats), SEATS_EACH)]
    for flight_id in range(1, on_flights + 1):
        change = SeatChange(uuid.uuid4(), flight_id, seats=len(seats), reserves=True, numbers=tuple(seats))
        assert flights.change_seats(change, seconds=5) == Applied()
        rows = Booking.objects.bulk_create(a_row(flight_id=flight_id, seat_numbers=pair, **columns) for pair in pairs)
        ids = dict(Booking.objects.filter(flight_id=flight_id).values_list("seat_numbers", "pk"))
        BookingSeat.objects.bulk_create(
            BookingSeat(flight_id=flight_id, seat_number=number, booking_id=ids[row.seat_numbers])
            for row in rows
            for number in row.seat_numbers.split(",")
        )


@pytest.mark.long
def test_ten_thousand_bookings_by_number_on_fifty_flights_expire_with_at_most_two_calls_for_each(flights, sim):
    sim.reset(capacity=420)
    overdue_seats_by_number(flights, on_flights=FLIGHTS, on_each=200)
    before = sim.ledger()["calls"]["patch"]

    while Booking.objects.filter(status="initiated").exists():
        one_pass(flights, InstantPayments())

    patches = sim.ledger()["calls"]["patch"] - before
    assert (patches <= 2 * FLIGHTS, sum(SeatCall.objects.values_list("seats", flat=True))) == (True, 20_000), patches
    assert (BookingEvent.objects.count(), expired_more_than_once(), BookingSeat.objects.count()) == (10_000, 0, 0)
    assert_in_step(sim)


def test_seats_go_back_once_though_a_third_of_the_answers_is_lost(flights, sim):
    sim.reset(capacity=40)
    overdue_bookings(flights, on_flights=FLIGHTS, on_each=20)
    sim.faults(drop_reply_rate=0.3, faults_on="patch", seed=7)

    for _ in range(PASSES):
        one_pass(flights, InstantPayments())
        if not SeatCall.objects.filter(state="open").exists():
            break
        let_time_pass(seconds=20)

    assert {flight["given_back"] for flight in sim.ledger()["flights"][:FLIGHTS]} == {40}
    assert_in_step(sim)


def test_a_thousand_bookings_that_two_passes_meet_expire_once_each(flights, sim):
    for _ in rounds(2):
        sim.reset(capacity=2_000)
        overdue_bookings(flights, on_flights=1, on_each=1_000)

        expired = all_at_once([expire, expire])

        expire()  # what one had locked, the other left to the next
        assert sum(expired) <= 1_000
        assert (BookingEvent.objects.count(), expired_more_than_once()) == (1_000, 0)
        one_pass(flights, InstantPayments())
        assert_in_step(sim)
        forget_everything()


def test_a_pass_leaves_what_another_has_locked(flights, monkeypatch):
    overdue_bookings(flights, on_flights=1, on_each=10)
    locked = Halt(monkeypatch, EXPIRY_LOCKED)

    assert overtaken(expire, expire, at=locked) == (10, 0)
    assert expired_more_than_once() == 0


def test_a_booking_that_somebody_has_locked_does_not_hold_up_the_others(flights, sim, monkeypatch):
    overdue_bookings(flights, on_flights=1, on_each=25)
    monkeypatch.setattr(expiry, "EXPIRY_BATCH", 10)
    door = SimpleNamespace(stand=lambda: None)
    locked = Halt(monkeypatch, Place(door, "stand"))

    def lock_the_first():
        Booking.objects.select_for_update().order_by("pk")[0].refresh_from_db()
        door.stand()

    _, expired = overtaken(partial(run, "lock", lock_the_first), expire, at=locked)

    assert expired == 24
    assert expire() == 1
    one_pass(flights, InstantPayments())
    assert_in_step(sim)


def test_twin_without_row_locks_two_passes_expire_each_booking_twice(flights, monkeypatch):
    overdue_bookings(flights, on_flights=1, on_each=10)
    without_row_locks(monkeypatch)
    chosen = Halt(monkeypatch, EXPIRY_LOCKED)

    assert overtaken(expire, expire, at=chosen) == (10, 10)
    assert expired_more_than_once() == 10
