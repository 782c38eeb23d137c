"""
Differences with the Flight Service are put right while others are at work: once, and by the right number.

ROUNDS=100 runs the race a hundred times.
"""

import uuid
from functools import partial

import pytest

from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import SeatCall
from bookings.ports import SeatChange
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.seats import compare
from bookings.services.seats import correct as fixing
from bookings.services.seats.correct import correct_seats
from bookings.services.seats.reconcile import reconcile_seats
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_constraints
from tests.races.places import CORRECTION_DECIDED, CORRECTION_LOOKED, SEAT_CALL_WRITTEN, Place
from tests.support.bookings import STAFF, an_initiated_booking, one_pass
from tests.support.invariants import assert_in_step, seats_out_of_step

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def drift(flights):
    """Flight 1: six seats are held, nine taken."""
    an_initiated_booking(flights, seats=6)
    flights.change_seats(SeatChange(uuid.uuid4(), 1, 3, reserves=True), seconds=5)
    return reconcile_seats(flights=flights, deadline=Deadline(20)).drift


def fix(flights, drift):
    corrections = correct_seats(drift=drift, flights=flights, deadline=Deadline(20), actor=STAFF, note="")
    return [one.state for one in corrections]


def keep_looking_alike(monkeypatch):
    """Take the second look away: whatever happened meanwhile, our side seems to be what it was."""
    monkeypatch.setattr(fixing, "seats_of", lambda _flight, **_besides: AlwaysEqual())


class AlwaysEqual:
    def __eq__(self, other):
        return True

    __hash__ = None


def test_operators_who_fix_at_once_fix_once(flights, sim, drift):
    for number in rounds(3):
        states = all_at_once([partial(fix, flights, drift)] * 4)

        assert sorted(states) == [["done"], *[["left alone"]] * 3]
        assert_in_step(sim)
        assert SeatCall.objects.filter(kind="fix").count() == number + 1
        flights.change_seats(SeatChange(uuid.uuid4(), 1, 3, reserves=True), seconds=5)


def test_a_fix_that_is_overtaken_by_a_whole_one_does_nothing(flights, sim, drift, monkeypatch):
    compared = Halt(monkeypatch, CORRECTION_DECIDED)

    states = overtaken(partial(fix, flights, drift), partial(fix, flights, drift), at=compared)

    assert states == (["left alone"], ["done"])
    assert_in_step(sim)


def test_twin_without_the_second_look_gives_back_seats_that_others_hold(flights, sim, drift, monkeypatch):
    keep_looking_alike(monkeypatch)
    compared = Halt(monkeypatch, CORRECTION_DECIDED)

    states = overtaken(partial(fix, flights, drift), partial(fix, flights, drift), at=compared)

    assert states == (["done"], ["done"])
    assert seats_out_of_step(sim) == ["Q8: flight 1: 3 taken, 6 held"]


def test_a_fix_waits_for_one_that_is_being_written_and_does_nothing(flights, sim, drift, monkeypatch):
    written = Halt(monkeypatch, SEAT_CALL_WRITTEN)

    states = overtaken(partial(fix, flights, drift), partial(fix, flights, drift), at=written)

    assert states == (["done"], ["left alone"])
    assert_in_step(sim)


def test_twin_without_the_place_both_give_the_seats_back(flights, sim, drift, monkeypatch):
    with without_constraints(SeatCall, "seat_call_fixes_flight_id_unique"):
        looked = Halt(monkeypatch, CORRECTION_LOOKED)

        states = overtaken(partial(fix, flights, drift), partial(fix, flights, drift), at=looked)

        assert states == (["done"], ["done"])
        assert seats_out_of_step(sim) == ["Q8: flight 1: 3 taken, 6 held"]


def a_create(flights):
    return an_initiated_booking(flights, seats=4)


def a_cancellation(flights):
    booking = an_initiated_booking(flights, seats=4)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    one_pass(flights, InstantPayments())


@pytest.mark.parametrize("act", [a_create, a_cancellation])
def test_a_booking_that_changes_during_the_look_keeps_the_flight_from_being_fixed(
    flights, sim, drift, monkeypatch, act
):
    looking = Halt(monkeypatch, Place(flights, "get_flight", before=True))

    states, _ = overtaken(partial(fix, flights, drift), partial(act, flights), at=looking)

    assert states == ["left alone"]
    assert fix(flights, drift) == ["done"]
    assert_in_step(sim)


def test_twin_that_does_not_look_after_the_answer_gives_back_what_a_create_has_taken(flights, sim, monkeypatch):
    an_initiated_booking(flights)
    blind(monkeypatch)
    looking = Halt(monkeypatch, Place(flights, "get_flight", before=True))
    # What a comparison that is as blind would have named.
    drift = [{"flight": 1, "held": 2, "taken": 6}]

    states, _ = overtaken(partial(fix, flights, drift), partial(a_create, flights), at=looking)

    assert states == ["done"]
    assert seats_out_of_step(sim) == ["Q8: flight 1: 2 taken, 6 held"]


def blind(monkeypatch):
    """Take both looks after the answer away."""
    first = compare.seats_of
    seen = {}
    monkeypatch.setattr(compare, "seats_of", lambda flight: seen.setdefault(flight, first(flight)))
    keep_looking_alike(monkeypatch)


@pytest.mark.parametrize("act", [a_create, a_cancellation])
def test_the_number_is_right_even_if_bookings_change_between_look_and_call(flights, sim, drift, monkeypatch, act):
    keep_looking_alike(monkeypatch)
    compared = Halt(monkeypatch, CORRECTION_DECIDED)

    states, _ = overtaken(partial(fix, flights, drift), partial(act, flights), at=compared)

    assert states == ["done"]
    assert_in_step(sim)


def test_a_fix_whose_commit_was_unclear_is_written_and_sent_once(flights, sim, drift, lost_commit):
    attempts = lost_commit("seats.correct")

    states = fix(flights, drift)

    assert (states, attempts.count("seats.correct")) == (["done"], 2)
    assert SeatCall.objects.filter(kind="fix").count() == 1
    assert_in_step(sim)
