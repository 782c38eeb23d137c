"""Stuck reservations: staff ask once more, or decide in the place of the Flight Service, and say why."""

import json

import pytest

from bookings.actor import Actor, ActorKind
from bookings.answers.rendering import render
from bookings.lifecycle import Decision
from bookings.models import Booking, BookingEvent, IdempotencyRecord
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.seats.resolve_reservation import resolve_reservation
from tests.support.api import shown
from tests.support.bookings import (
    a_key,
    a_pending_booking,
    a_saved_row,
    customer,
    let_time_pass,
    one_pass,
)
from tests.support.callers import a_token
from tests.support.calls import a_resolution
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

ANNA = Actor(kind=ActorKind.STAFF, name="anna", request_id="desk-1")


@pytest.fixture
def stuck(flights, payments):
    """Make a take that the worker has given up; tell whether its seats were taken, and how old it is."""

    def make(*, taken, hours=0, keyed=None):
        booking = a_pending_booking(flights, applied=taken, keyed=keyed)
        let_time_pass(seconds=15)
        flights.fail_next(Fault.MISTAKE)
        one_pass(flights, payments)
        let_time_pass(hours=hours)
        booking.refresh_from_db()
        assert (booking.status, booking.hold) == ("pending", "stuck")
        return booking

    return make


@pytest.fixture
def decide(flights):
    def as_staff(booking, decision, *, note="They told me on the phone.", actor=ANNA):
        resolution = a_resolution(decision, actor=actor, note=note)
        return resolve_reservation(booking_id=booking.pk, resolution=resolution, flights=flights)

    return as_staff


def state_of(booking):
    booking.refresh_from_db()
    return booking.status, booking.hold, booking.cancel_reason


def events_of(booking):
    """What staff have left on the timeline: what, by whom, why, in which request."""
    rows = BookingEvent.objects.filter(booking=booking, actor_kind="staff").order_by("pk")
    return [(row.what, row.actor_name, row.reason, row.note, row.request_id) for row in rows]


@pytest.mark.parametrize("taken", [True, False])
def test_a_retry_asks_under_the_same_key_and_confirms(flights, stuck, decide, taken):
    booking = stuck(taken=taken)

    answered = decide(booking, Decision.RETRY)

    assert answered.hold == "held"
    assert state_of(booking) == ("initiated", "held", "")
    assert {change.key for change in flights.arrived} == {booking.hold_key}
    assert events_of(booking) == [("take_retried", "anna", "", "They told me on the phone.", "desk-1")]
    assert_in_step(flights)


def test_a_retry_that_is_refused_ends_the_booking(flights, stuck, decide):
    booking = stuck(taken=False)
    flights.set_flight(1, remaining=1)

    decide(booking, Decision.RETRY)

    assert state_of(booking) == ("cancelled", "refused", "no_seats")
    assert_in_step(flights)


def test_a_retry_of_a_booking_that_has_expired_gives_the_seats_back(flights, payments, stuck, decide):
    booking = stuck(taken=True, hours=1)
    one_pass(flights, payments)

    decide(booking, Decision.RETRY)

    assert state_of(booking) == ("cancelled", "giving_back", "expired")
    one_pass(flights, payments)
    assert_in_step(flights)


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.REFUSE_CONNECTION])
def test_a_retry_without_an_answer_is_left_to_the_worker(flights, payments, stuck, decide, fault):
    booking = stuck(taken=True)
    flights.fail_next(fault)

    decide(booking, Decision.RETRY)
    without_answer = state_of(booking)
    let_time_pass(seconds=15)
    one_pass(flights, payments)

    assert without_answer == ("pending", "asking", "")
    assert state_of(booking) == ("initiated", "held", "")
    assert_in_step(flights)


def test_a_retry_that_is_called_a_mistake_again_is_stuck_again(flights, stuck, decide):
    booking = stuck(taken=False)
    flights.fail_next(Fault.MISTAKE)

    decide(booking, Decision.RETRY)

    assert state_of(booking) == ("pending", "stuck", "")


def test_it_was_applied_confirms_a_pending_booking_and_asks_nobody(flights, stuck, decide):
    booking = stuck(taken=True)
    sent = len(flights.arrived)

    decide(booking, Decision.APPLIED)

    assert state_of(booking) == ("initiated", "held", "")
    assert len(flights.arrived) == sent
    assert events_of(booking) == [("take_resolved", "anna", "applied", "They told me on the phone.", "desk-1")]
    assert_in_step(flights)


def test_it_was_applied_gives_the_seats_of_a_cancelled_booking_back(flights, payments, stuck, decide):
    booking = stuck(taken=True, hours=1)
    one_pass(flights, payments)

    decide(booking, Decision.APPLIED)

    assert state_of(booking) == ("cancelled", "giving_back", "expired")
    assert len(events_of(booking)) == 1
    one_pass(flights, payments)
    assert_in_step(flights)


def test_it_was_not_applied_cancels_a_pending_booking_with_one_event(flights, stuck, decide):
    booking = stuck(taken=False)

    decide(booking, Decision.NOT_APPLIED)

    assert state_of(booking) == ("cancelled", "refused", "unavailable")
    assert events_of(booking) == [("cancelled", "anna", "unavailable", "They told me on the phone.", "desk-1")]
    assert_in_step(flights)


@pytest.mark.slow
def test_it_was_not_applied_owes_nothing_for_a_cancelled_booking(flights, payments, stuck, decide):
    booking = stuck(taken=False, hours=1)
    one_pass(flights, payments)

    decide(booking, Decision.NOT_APPLIED)

    assert state_of(booking) == ("cancelled", "refused", "expired")
    assert events_of(booking) == [("take_resolved", "anna", "not_applied", "They told me on the phone.", "desk-1")]
    assert_in_step(flights)


@pytest.mark.parametrize(
    ("decision", "status", "success"),
    [(Decision.APPLIED, 201, True), (Decision.NOT_APPLIED, 409, False)],
)
def test_the_client_finds_the_decision_under_its_key(flights, stuck, decide, decision, status, success):
    keyed = a_key()
    booking = stuck(taken=decision is Decision.APPLIED, keyed=keyed)
    IdempotencyRecord.objects.update(state="running", status_code=None, body="", location="")

    decide(booking, decision)

    result = create_booking(
        order=SeatOrder(1, 1001, 2), actor=customer(), keyed=keyed, respond_async=False, flights=flights
    )
    answer = render(result)
    assert (answer.status, json.loads(answer.body)["success"]) == (status, success)
    assert Booking.objects.count() == 1


def test_the_columns_of_a_retry_are_those_of_a_claim(flights, stuck, decide):
    booking = stuck(taken=True)
    first_sent_at, claims = booking.first_sent_at, booking.claims
    seen = []
    flights.meanwhile(lambda: seen.append(Booking.objects.get(pk=booking.pk)))

    decide(booking, Decision.RETRY)

    (sending,) = seen
    assert (sending.hold, sending.claims) == ("asking", claims + 1)
    assert (sending.lease is not None, sending.first_sent_at) == (True, first_sent_at)
    assert violations() == []


def test_outsiders_see_a_decision_without_the_names_and_notes_of_staff(token_auth, api, decide):
    booking = a_saved_row("pending", hold="stuck")
    decide(booking, Decision.APPLIED)

    answer = api.get(f"/api/v1/bookings/{booking.pk}/events", Authorization=f"Bearer {a_token(1001)}")

    lines = shown(answer)["results"]
    (line,) = [line for line in lines if line["what"] == "take_resolved"]
    assert (line["who"], line["note"], line["why"]) == ({"kind": "staff", "name": ""}, None, "applied")
