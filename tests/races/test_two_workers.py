"""
Two passes of the background work at once: each call is sent by one of them, and none is forgotten.

The key protects the Flight Service and the gateway from a call that comes twice; the claims tested here
keep it from coming twice in the first place. ROUNDS=100 runs the race a hundred times.
"""

from functools import partial
from threading import Lock

import pytest

from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models.outbound_call import OutboundCall
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.seats.release import release_seats
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_conditions, without_row_locks
from tests.races.places import SEAT_CALL_CHOSEN, Place
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_key,
    an_initiated_booking,
    customer,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.fakes import ChargeFault, FakePayments
from tests.support.invariants import assert_in_step, seats_out_of_step, violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


class Listener:
    """The Flight Service, with a list of the keys that were sent."""

    def __init__(self, flights):
        self._flights = flights
        self._lock = Lock()
        self.keys = []

    def __getattr__(self, name):
        return getattr(self._flights, name)

    def change_seats(self, change, *, seconds):
        with self._lock:
            self.keys.append(change.key)
        return self._flights.change_seats(change, seconds=seconds)


def unresolved_takes(flights, sim, *, count):
    """Bookings whose answers were lost: some of their takes were carried out, the others were not."""
    for number in range(count):
        sim.faults(**{"drop_reply_rate" if number % 2 else "drop_request_rate": 1.0}, faults_on="patch")
        create_booking(
            order=SeatOrder(number % 3 + 1, 1001, 2),
            actor=customer(),
            keyed=a_key(),
            respond_async=True,
            flights=flights,
        )
    sim.faults()


def open_give_back_calls(flights, sim, *, count):
    """Releases whose answers were lost, one for each flight."""
    for number in range(count):
        a_cancelled_booking(flights, flight_id=number + 1)
    sim.faults(drop_reply_rate=1.0, faults_on="patch")
    release_seats(flights=flights, deadline=Deadline(20))
    sim.faults()


def unsettled_payments(flights, payments, *, count):
    """Charges and refunds without an answer."""
    for number in range(count):
        payments.fail_next(ChargeFault.UNKNOWN_MOVED if number % 2 else ChargeFault.UNKNOWN)
        pay(an_initiated_booking(flights), payments)
        booked = a_booked_booking(flights, payments)
        cancel_booking(booking_id=booked.pk, actor=STAFF, reason=CancelReason.FRAUD)


@pytest.mark.slow
def test_two_passes_at_once_send_each_call_once(flights, sim):
    payments = FakePayments()
    for _ in rounds(2):
        unresolved_takes(flights, sim, count=4)
        open_give_back_calls(flights, sim, count=3)
        unsettled_payments(flights, payments, count=2)
        for number in range(6):
            a_cancelled_booking(flights, flight_id=number % 3 + 1)
        let_time_pass(seconds=60)
        listener, asked = Listener(flights), len(payments.asked)

        all_at_once([partial(one_pass, listener, payments)] * 2)

        assert len(listener.keys) == len(set(listener.keys))
        assert len(payments.asked[asked:]) == len(set(payments.asked[asked:]))
        assert violations() == []
        one_pass(flights, payments)  # what one pass had locked, the other left for the next
        assert_in_step(sim, payments)


def give(flights):
    return release_seats(flights=flights, deadline=Deadline(20))


@pytest.mark.slow
def test_workers_that_cut_one_flight_at_once_give_its_seats_back_once(flights, sim):
    for number in rounds(5):
        for _ in range(4):
            a_cancelled_booking(flights)

        all_at_once([partial(give, flights)] * 3)

        one_pass(flights, InstantPayments())
        assert sim.flight()["given_back"] == 8 * (number + 1)
        assert_in_step(sim)


@pytest.mark.slow
def test_a_flight_that_one_worker_is_cutting_is_left_alone_by_the_other(flights, sim, monkeypatch):
    a_cancelled_booking(flights)
    locked = Halt(monkeypatch, SEAT_CALL_CHOSEN)

    given = overtaken(partial(give, flights), partial(give, flights), at=locked)

    assert given == (2, 0)
    assert_in_step(sim)


@pytest.mark.slow
def test_twin_without_row_locks_the_count_of_changed_rows_stops_the_second_call(flights, sim, monkeypatch):
    a_cancelled_booking(flights)
    without_row_locks(monkeypatch)
    chosen = Halt(monkeypatch, SEAT_CALL_CHOSEN)

    late, given = overtaken(partial(give, flights), partial(give, flights), at=chosen)

    assert ([type(error) for error in late.exceptions], given) == ([AssertionError], 2)
    assert_in_step(sim)


def test_twin_without_locks_and_conditions_seats_are_given_back_that_others_hold(flights, sim, monkeypatch):
    an_initiated_booking(flights)
    a_cancelled_booking(flights)
    without_row_locks(monkeypatch)
    without_conditions(monkeypatch, "hold", "give_back")
    chosen = Halt(monkeypatch, SEAT_CALL_CHOSEN)

    given = overtaken(partial(give, flights), partial(give, flights), at=chosen)

    assert given == (2, 2)
    assert seats_out_of_step(sim) == ["Q8: flight 1: 0 taken, 2 held"]
    (found,) = violations()
    assert found.startswith("Q4: a release whose payload differs from its members")


@pytest.fixture(params=["a take", "a release", "a charge", "a refund"])
def unfinished(request, flights, sim, monkeypatch):
    """One call that waits for a worker, and the keys that are sent from now on; it halts in front of sending."""
    payments = FakePayments()
    if request.param == "a take":
        unresolved_takes(flights, sim, count=1)
    elif request.param == "a release":
        open_give_back_calls(flights, sim, count=1)
    elif request.param == "a charge":
        payments.fail_next(ChargeFault.UNKNOWN)
        pay(an_initiated_booking(flights), payments)
    else:
        cancel_booking(booking_id=a_booked_booking(flights, payments).pk, actor=STAFF, reason=CancelReason.FRAUD)
    let_time_pass(seconds=61)
    one_pass_but_for(request.param, flights, payments)
    listener = Listener(flights)
    payments.asked.clear()
    owner, method = {
        "a take": (listener, "change_seats"),
        "a release": (listener, "change_seats"),
        "a charge": (payments, "close"),
        "a refund": (payments, "refund"),
    }[request.param]
    claimed = Halt(monkeypatch, Place(owner, method, before=True))
    payments.calls.clear()

    def sent():
        return len(listener.keys) + len(payments.asked) + payments.calls.count("close")

    return (partial(one_pass, listener, payments)), claimed, sent


def one_pass_but_for(what, flights, payments):
    """Give the seats of a refunded booking back first: its refund alone is to be looked at."""
    if what == "a refund":
        give(flights)


@pytest.mark.slow
def test_what_one_worker_has_claimed_the_other_does_not_send(unfinished, sim):
    work, claimed, sent = unfinished

    overtaken(work, work, at=claimed)

    assert sent() == 1
    assert_in_step(sim)


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", ["a charge"], indirect=True)  # all four are claimed by the same code
def test_twin_without_the_condition_of_a_claim_both_workers_send(unfinished, sim, monkeypatch):
    work, claimed, sent = unfinished
    without_conditions(monkeypatch, "next_at__lte")
    monkeypatch.setattr(OutboundCall, "is_due", lambda call, now: True)

    overtaken(work, work, at=claimed)

    assert sent() == 2
    assert_in_step(sim)  # the keys make it harmless all the same
