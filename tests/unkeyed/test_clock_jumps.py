"""The gate of a flight on a database clock that jumps: no turn is ended whose holder may be sending."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import F

from bookings.db.clock import database_time
from bookings.gateways.flight_service.unkeyed import gates
from bookings.gateways.flight_service.unkeyed.gates import begin_sending, claim_gate, end_sending, make_lockable
from bookings.models import FlightGate, PatchSlot
from bookings.ports import Applied, NoSeats, NotSent, SeatChange, Unknown
from tests.support.clocks import DatabaseClock

pytestmark = pytest.mark.django_db(transaction=True)

SETTLE, HOUR = timedelta(seconds=60), timedelta(hours=1)

# Of a flight of the stand-in that nobody has booked.
ALL_SEATS = 1000


@pytest.fixture
def database_clock(monkeypatch):
    return DatabaseClock(monkeypatch)


def a_take():
    return SeatChange(key=uuid.uuid4(), flight_id=1, seats=2, reserves=True)


def send(flights, change):
    return flights.change_seats(change, seconds=5)


def a_change_that_is_being_sent(*, is_exclusive=True):
    """Its holder is between writing down what is in flight, and the answer."""
    change, lease = a_take(), uuid.uuid4()
    make_lockable(1, slots=4)
    claim_gate(change, lease=lease, settle=SETTLE, is_exclusive=is_exclusive)
    begun = begin_sending(change, lease=lease, known_remaining=ALL_SEATS, slots=4, is_exclusive=is_exclusive)
    assert begun is None
    return change, lease


def ended(change, lease):
    return end_sending(change, Applied(), lease=lease, known_remaining=ALL_SEATS - 2, settle=SETTLE)


@pytest.mark.parametrize("by", [HOUR, timedelta(days=4), -HOUR], ids=str)
def test_a_turn_is_not_ended_by_a_clock_that_jumped(impatient, exclusive, sim, database_clock, by):
    change, lease = a_change_that_is_being_sent()
    database_clock.jump(by)

    other, again = send(exclusive, a_take()), send(exclusive, change)

    assert isinstance(other, NotSent)
    assert isinstance(again, Unknown)
    assert sim.ledger()["calls"]["patch"] == 0
    assert ended(change, lease)


def test_twin_that_believes_every_clock_concludes_that_nothing_came_of_what_is_being_sent(
    impatient, exclusive, database_clock, monkeypatch
):
    change, lease = a_change_that_is_being_sent()
    monkeypatch.setattr(gates, "clock_is_proven", lambda: True)
    database_clock.jump(HOUR)

    assert send(exclusive, change) == NoSeats()
    assert not ended(change, lease)


def test_a_turn_without_anything_in_flight_that_ends_later_than_any_is_free(exclusive):
    make_lockable(1, slots=4)
    FlightGate.objects.update(lease=uuid.uuid4(), leased_until=database_time() + HOUR)

    assert send(exclusive, a_take()) == Applied()


def test_a_change_in_flight_that_was_sent_in_what_is_to_come_settles_from_now_on(impatient, exclusive):
    change, lease = a_change_that_is_being_sent()
    FlightGate.objects.update(inflight_since=F("inflight_since") + HOUR, leased_until=F("leased_until") + HOUR)

    again = send(exclusive, change)

    gate = FlightGate.objects.get()
    now = database_time()
    assert isinstance(again, Unknown)
    assert gate.inflight_since <= now
    assert gate.leased_until <= now + timedelta(seconds=30)
    assert ended(change, lease)


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(days=4)], ids=str)
def test_slots_that_are_taken_for_longer_than_any_change_takes_are_free_soon(impatient, exclusive, ahead):
    make_lockable(1, slots=4)
    PatchSlot.objects.update(until=database_time() + ahead)

    first = send(exclusive, a_take())

    assert isinstance(first, NotSent)
    assert all(slot.until <= database_time() + timedelta(seconds=30) for slot in PatchSlot.objects.all())
