"""Dead releases: staff send them once more, or decide in the place of the Flight Service, and say why."""

import pytest

from bookings.actor import Actor, ActorKind
from bookings.errors import NothingToDecide
from bookings.lifecycle import Decision
from bookings.models import Booking, SeatCall, SeatCallEvent
from bookings.services.seats.resolve_release import resolve_release
from tests.support.bookings import a_cancelled_booking, let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

ANNA = Actor(kind=ActorKind.STAFF, name="anna", request_id="desk-1")


@pytest.fixture
def dead(flights, payments):
    """Make a release of two bookings that was given up; tell whether the seats went back, and how old it is."""

    def make(*, given, hours=0):
        a_cancelled_booking(flights, seats=2)
        a_cancelled_booking(flights, seats=3)
        flights.fail_next(*[Fault.DROP_REPLY] if given else [Fault.DROP_REQUEST])
        one_pass(flights, payments)
        let_time_pass(seconds=15)
        flights.fail_next(Fault.MISTAKE)
        one_pass(flights, payments)
        let_time_pass(hours=hours)
        call = SeatCall.objects.get()
        assert (call.state, call.seats, flights.taken()) == ("dead", 5, 0 if given else 5)
        return call

    return make


@pytest.fixture
def decide(flights):
    def as_staff(call, decision, *, note="Their log shows it.", actor=ANNA):
        resolution = a_resolution(decision, actor=actor, note=note)
        return resolve_release(call_id=call.pk, resolution=resolution, flights=flights)

    return as_staff


def state_of(call):
    call.refresh_from_db()
    return call.kind, call.state


def events_of(call):
    return [
        (row.what, row.actor_kind, row.actor_name, row.note, row.request_id)
        for row in SeatCallEvent.objects.filter(seat_call=call).order_by("pk")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("given", [True, False])
def test_a_retry_sends_the_same_request_and_the_seats_are_back(flights, dead, decide, given):
    call = dead(given=given)

    answered = decide(call, Decision.RETRY)

    assert answered.state == "done"
    assert state_of(call) == ("give", "done")
    assert {change.key for change in flights.arrived if not change.reserves} == {call.call_key}
    assert events_of(call) == [("retried", "staff", "anna", "Their log shows it.", "desk-1")]
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.REFUSE_CONNECTION])
def test_a_retry_without_an_answer_is_left_to_the_worker(flights, payments, dead, decide, fault):
    call = dead(given=False)
    flights.fail_next(fault)

    decide(call, Decision.RETRY)
    without_answer = state_of(call)
    let_time_pass(seconds=15)
    one_pass(flights, payments)

    assert without_answer == ("give", "open")
    assert state_of(call) == ("give", "done")
    assert_in_step(flights)


@pytest.mark.slow
def test_it_was_applied_asks_nobody_and_the_seats_count_as_back(flights, dead, decide):
    call = dead(given=True)
    sent = len(flights.arrived)

    decide(call, Decision.APPLIED)

    assert state_of(call) == ("give", "done")
    assert call.done_at is not None
    assert len(flights.arrived) == sent
    assert events_of(call) == [("applied", "staff", "anna", "Their log shows it.", "desk-1")]
    assert_in_step(flights)


@pytest.mark.slow
def test_it_was_not_applied_sends_the_seats_anew_under_another_key(flights, payments, dead, decide):
    call = dead(given=False)

    decide(call, Decision.NOT_APPLIED)
    decided = violations()
    owed = list(Booking.objects.values_list("give_back", "hold"))
    one_pass(flights, payments)

    assert decided == []
    assert owed == [(None, "giving_back")] * 2
    assert state_of(call) == ("void", "done")
    assert events_of(call) == [("not_applied", "staff", "anna", "Their log shows it.", "desk-1")]
    anew = SeatCall.objects.exclude(pk=call.pk).get()
    assert (anew.seats, anew.state, anew.call_key != call.call_key) == (5, "done", True)
    assert set(Booking.objects.values_list("give_back", flat=True)) == {anew.pk}
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.parametrize("first", [Decision.APPLIED, Decision.NOT_APPLIED])
@pytest.mark.parametrize("second", list(Decision))
def test_what_is_decided_cannot_be_decided_again(flights, dead, decide, first, second):
    call = dead(given=first is Decision.APPLIED)
    decide(call, first)
    before = list(SeatCall.objects.values()) + list(Booking.objects.order_by("pk").values())

    with pytest.raises(NothingToDecide) as refused:
        decide(call, second)

    now = {Decision.APPLIED: "done", Decision.NOT_APPLIED: "void"}[first]
    assert refused.value.explanation == f"This call does not wait for a decision: it is {now}."
    assert list(SeatCall.objects.values()) + list(Booking.objects.order_by("pk").values()) == before
    assert len(events_of(call)) == 1
