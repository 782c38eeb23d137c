"""A difference with the Flight Service is put right by one recorded call, and never by two, nor on a guess."""

import uuid

import pytest

from bookings.actor import Actor, ActorKind
from bookings.deadline import Deadline
from bookings.lifecycle import Decision
from bookings.models import Booking, SeatCall, SeatCallEvent
from bookings.ports import SeatChange
from bookings.services.seats.correct import LEFT_ALONE, Correction, correct_seats
from bookings.services.seats.reconcile import reconcile_seats
from bookings.services.seats.resolve_release import resolve_release
from tests.support.bookings import a_pending_booking, an_initiated_booking, let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.fakes import Fault, ProcessDied
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

OPERATOR = Actor(kind=ActorKind.STAFF, name="olga (command line)", request_id="night")


def drift_of(flights):
    return reconcile_seats(flights=flights, deadline=Deadline(20)).drift


def fix(flights, drift=None, note=""):
    return correct_seats(
        drift=drift_of(flights) if drift is None else drift,
        flights=flights,
        deadline=Deadline(20),
        actor=OPERATOR,
        note=note,
    )


def taken_for_nobody(flights, seats=3, flight_id=1):
    """Seats that are taken there and held by nobody here, as a lost row leaves them."""
    an_initiated_booking(flights, flight_id=flight_id)
    flights.change_seats(SeatChange(uuid.uuid4(), flight_id, seats, reserves=True), seconds=5)


def held_and_not_taken(flights, seats=1, flight_id=1):
    """A booking whose seats somebody has given back there."""
    an_initiated_booking(flights, flight_id=flight_id)
    flights.change_seats(SeatChange(uuid.uuid4(), flight_id, seats, reserves=False), seconds=5)


def test_seats_that_nobody_holds_are_given_back(flights):
    taken_for_nobody(flights)

    assert fix(flights) == [Correction(flight=1, seats=3, reserves=False, state="done")]
    assert_in_step(flights)
    assert drift_of(flights) == []


def test_seats_that_are_held_and_not_taken_are_taken(flights):
    held_and_not_taken(flights)

    assert fix(flights) == [Correction(flight=1, seats=1, reserves=True, state="done")]
    assert_in_step(flights)
    assert drift_of(flights) == []


def test_the_row_says_what_who_and_why(flights):
    taken_for_nobody(flights)

    fix(flights, note="restored from the backup of Monday")

    call = SeatCall.objects.get()
    assert (call.kind, call.flight_id, call.seats, call.reserves, call.claims) == ("fix", 1, 3, False, 1)
    assert call.call_key == flights.arrived[-1].key
    assert list(SeatCallEvent.objects.values("seat_call", "what", "actor_name", "note", "request_id")) == [
        {
            "seat_call": call.pk,
            "what": "fixed",
            "actor_name": "olga (command line)",
            "note": "2 held, 5 taken: restored from the backup of Monday",
            "request_id": "night",
        }
    ]


@pytest.mark.slow
def test_each_flight_has_a_call_of_its_own(flights):
    taken_for_nobody(flights, flight_id=1)
    held_and_not_taken(flights, flight_id=2)
    an_initiated_booking(flights, flight_id=3)

    fixes = fix(flights)

    assert fixes == [Correction(1, 3, reserves=False, state="done"), Correction(2, 1, reserves=True, state="done")]
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [taken_for_nobody, held_and_not_taken])
@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.DROP_REQUEST, Fault.REFUSE_CONNECTION])
def test_without_an_answer_the_worker_repeats_it_under_the_same_key(flights, payments, drift, fault):
    drift(flights)
    flights.fail_next(fault)

    (left,) = fix(flights)
    let_time_pass(seconds=20)
    one_pass(flights, payments)

    assert left.state == "open"
    assert SeatCall.objects.get().state == "done"
    assert SeatCall.objects.get().call_key == flights.arrived[-1].key
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [taken_for_nobody, held_and_not_taken])
@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
def test_a_process_that_dies_over_it_leaves_it_to_the_worker(flights, payments, drift, fault):
    drift(flights)
    flights.fail_next(fault)
    with pytest.raises(ProcessDied):
        fix(flights)
    assert violations() == []

    let_time_pass(seconds=20)
    one_pass(flights, payments)

    assert_in_step(flights)


def test_a_fix_without_an_answer_is_not_fixed_again(flights):
    taken_for_nobody(flights)
    drift = drift_of(flights)
    flights.fail_next(Fault.DROP_REPLY)
    fix(flights)

    again = fix(flights, drift)

    assert again == [Correction(1, 3, reserves=False, state=LEFT_ALONE)]
    assert drift_of(flights) == drift  # under way, so it is not compared: what was seen last still stands
    assert SeatCall.objects.count() == 1


def test_what_was_put_right_meanwhile_is_left_alone(flights):
    taken_for_nobody(flights)
    drift = drift_of(flights)
    fix(flights, drift)

    assert fix(flights, drift) == [Correction(1, 3, reserves=False, state=LEFT_ALONE)]
    assert_in_step(flights)


def test_a_difference_that_changes_by_itself_is_left_alone(flights):
    taken_for_nobody(flights)
    drift = drift_of(flights)
    taken_for_nobody(flights, seats=1)

    assert fix(flights, drift) == [Correction(1, 3, reserves=False, state=LEFT_ALONE)]
    assert SeatCall.objects.count() == 0


def test_a_flight_on_which_something_is_under_way_is_left_alone(flights):
    taken_for_nobody(flights)
    drift = drift_of(flights)
    a_pending_booking(flights)

    assert fix(flights, drift) == [Correction(1, 3, reserves=False, state=LEFT_ALONE)]
    assert SeatCall.objects.count() == 0


def test_nothing_is_written_while_the_flight_service_is_not_asked(flights):
    taken_for_nobody(flights)
    drift = drift_of(flights)
    flights.resting = True

    assert fix(flights, drift) == [Correction(1, 3, reserves=False, state=LEFT_ALONE)]
    assert SeatCall.objects.count() == 0


def test_seats_that_are_not_there_any_more_are_refused_and_wait_for_staff(flights):
    held_and_not_taken(flights)
    flights.set_flight(1, remaining=0)

    assert fix(flights) == [Correction(1, 1, reserves=True, state="dead")]
    assert SeatCall.objects.get().last_error == "refused"


def a_dead_fix(flights):
    """A fix that takes, to which the other side said something that makes no sense; it was not carried out."""
    held_and_not_taken(flights)
    flights.fail_next(Fault.MISTAKE)
    (dead,) = fix(flights)
    assert dead.state == "dead"
    return SeatCall.objects.get()


def decide(call, decision, flights):
    return resolve_release(call_id=call.pk, resolution=a_resolution(decision, note="asked them"), flights=flights)


def test_staff_send_it_once_more_the_same_way(flights):
    call = a_dead_fix(flights)

    decided = decide(call, Decision.RETRY, flights)

    assert (decided.state, flights.arrived[-1]) == ("done", SeatChange(call.call_key, 1, 1, reserves=True))
    assert_in_step(flights)


@pytest.mark.slow
def test_of_one_that_was_not_applied_the_next_comparison_finds_the_difference_again(flights):
    call = a_dead_fix(flights)

    decided = decide(call, Decision.NOT_APPLIED, flights)

    assert (decided.kind, decided.state) == ("void", "done")
    assert fix(flights) == [Correction(1, 1, reserves=True, state="done")]
    assert_in_step(flights)


def test_one_that_staff_say_was_applied_is_over(flights):
    decided = decide(a_dead_fix(flights), Decision.APPLIED, flights)

    assert (decided.kind, decided.state, decided.fixes_flight_id) == ("fix", "done", None)


@pytest.mark.slow
def test_seats_that_a_fix_would_take_are_not_counted_as_owed(flights, payments):
    a_dead_fix(flights)

    assert one_pass(flights, payments).seats_still_owed == 0


def test_a_fix_changes_no_booking(flights):
    taken_for_nobody(flights)
    before = list(Booking.objects.values())

    fix(flights)

    assert list(Booking.objects.values()) == before
