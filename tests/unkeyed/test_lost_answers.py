"""What becomes of a change whose answer nobody has seen, where the counter tells and where it does not."""

import uuid

import pytest

from bookings.deadline import Deadline
from bookings.models import Booking, FlightGate, SeatCall
from bookings.ports import Applied, Mistake, NeverKnown, NoSeats, NotSent, SeatChange, Unknown
from bookings.services.seats.reconcile import reconcile_seats
from tests.support.api import refused, shown
from tests.support.bookings import (
    a_call_row,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import FakePayments
from tests.support.gateways import a_tireless_gateway
from tests.support.unkeyed import let_gates_settle

pytestmark = pytest.mark.django_db(transaction=True)

LANDED = {"drop_reply_rate": 1.0}
LOST = {"drop_request_rate": 1.0}


def a_change(*, reserves, seats=2):
    return SeatChange(key=uuid.uuid4(), flight_id=1, seats=seats, reserves=reserves)


def send(flights, change):
    return flights.change_seats(change, seconds=5)


def send_and_hear_nothing(flights, sim, change, fault):
    sim.faults(**fault, faults_on="patch", times=1)
    outcome = send(flights, change)
    sim.faults()
    return outcome


def a_pass_later(flights):
    let_time_pass(seconds=60)
    return one_pass(flights, FakePayments())


# --- nobody else changes the counter ------------------------------------------------------------------


@pytest.mark.parametrize("fault", [LANDED, LOST], ids=["landed", "lost"])
def test_until_it_has_settled_nothing_is_sent_for_its_flight(impatient, exclusive, sim, fault):
    change = a_change(reserves=True)
    first = send_and_hear_nothing(exclusive, sim, change, fault)
    sent = sim.ledger()["calls"]["patch"]

    again, other = send(exclusive, change), send(exclusive, a_change(reserves=True))

    assert (type(first), first.retry_after) == (Unknown, 60.0)
    assert (type(again), again.why) == (Unknown, "no answer; the counter is read when it has settled")
    assert other == NotSent("the outcome of another change is unknown")
    assert sim.ledger()["calls"]["patch"] == sent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("take", "fault", "outcome", "taken", "given_back"),
    [
        (True, LANDED, Applied(), 2, 0),
        (True, LOST, NoSeats(), 0, 0),
        (False, LANDED, Applied(), 0, 2),
        (False, LOST, Applied(), 0, 2),  # it was sent again
    ],
    ids=["a take that landed", "a lost take", "a release that landed", "a lost release"],
)
def test_then_the_counter_tells(exclusive, sim, take, fault, outcome, taken, given_back):
    change = a_change(reserves=take)
    send_and_hear_nothing(exclusive, sim, change, fault)
    let_gates_settle()

    told = [send(exclusive, change), send(exclusive, change)]

    assert told == [outcome, outcome]
    flight = sim.flight(1)
    assert (flight["taken"], flight["given_back"]) == (taken, given_back)


def test_a_fix_that_takes_seats_and_never_landed_is_sent_again(exclusive, sim):
    fix = a_call_row(kind="fix", reserves=True, fixes_flight_id=1)
    change = SeatChange(key=fix.call_key, flight_id=1, seats=2, reserves=True)
    send_and_hear_nothing(exclusive, sim, change, LOST)
    let_gates_settle()

    told = [send(exclusive, change), send(exclusive, change)]

    assert told == [Applied(), Applied()]
    assert sim.flight(1)["taken"] == 2


@pytest.mark.parametrize(
    "make",
    [lambda: a_saved_row("cancelled", hold="stuck"), lambda: a_call_row(state="dead")],
    ids=["stuck", "dead"],
)
def test_how_many_seats_a_flight_has_is_not_noted_while_something_waits_for_staff(exclusive, make):
    make()

    outcome = send(exclusive, a_change(reserves=True))

    assert (outcome, FlightGate.objects.get().capacity) == (Applied(), None)


def test_what_the_counter_does_not_explain_is_for_staff(exclusive, sim, log_lines):
    change = a_change(reserves=True)
    send_and_hear_nothing(exclusive, sim, change, LANDED)
    let_gates_settle()
    somebody_else_takes(sim, 3)

    outcome = send(exclusive, change)

    assert outcome == Mistake("no answer, and the counter moved by -5")
    assert log_lines("flights.counter_unexplained") == [{"flight": 1, "seats": -5}]


def test_a_counter_that_somebody_else_has_moved_is_told(exclusive, sim, log_lines):
    send(exclusive, a_change(reserves=True))
    somebody_else_takes(sim, 3)

    outcome = send(exclusive, a_change(reserves=True))

    assert outcome == Applied()
    assert log_lines("flights.counter_moved") == [{"flight": 1, "seats": -3}]


@pytest.mark.slow
def test_the_worker_finds_out_and_the_booking_gets_its_seats(exclusive, sim, api):
    sim.faults(**LANDED, faults_on="patch", times=1)
    unanswered = api.create(key="k")
    sim.faults()

    a_pass_later(exclusive)
    pending = Booking.objects.get().status
    let_gates_settle()
    a_pass_later(exclusive)
    replayed = api.create(key="k")

    assert refused(unanswered) == (503, "flight_service_unavailable")
    assert pending == "pending"
    assert (replayed.status_code, shown(replayed)["status"]) == (201, "initiated")
    assert sim.flight(1)["taken"] == 2


@pytest.mark.slow
def test_the_seats_of_a_flight_can_be_compared_from_its_first_change_on(exclusive, sim):
    sim.reset(capacity=50)
    an_initiated_booking(exclusive)
    a_cancelled_booking(exclusive)
    one_pass(exclusive, FakePayments())

    in_step = reconcile_seats(flights=exclusive, deadline=Deadline(60))
    somebody_else_takes(sim, 3)
    drifting = reconcile_seats(flights=exclusive, deadline=Deadline(60))

    assert FlightGate.objects.get().capacity == 50
    assert (in_step.flights_compared, in_step.drift) == (1, [])
    assert drifting.drift == [{"flight": 1, "held": 2, "taken": 5}]


# --- others change it too -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("take", [True, False], ids=["take", "release"])
def test_where_others_change_the_counter_it_stays_unknown_for_ever(impatient, shared, sim, take):
    change = a_change(reserves=take)

    first = send_and_hear_nothing(shared, sim, change, LANDED)

    other = send(shared, a_change(reserves=True))
    let_gates_settle()
    assert (type(first), send(shared, change)) == (NeverKnown, first)
    assert other == NotSent("the outcome of another change is unknown")
    assert send(shared, a_change(reserves=True)) == Applied()
    assert sim.ledger()["calls"]["patch"] == 2


@pytest.mark.slow
def test_its_booking_ends_at_once_and_its_seats_stay_blocked_for_staff(shared, sim, api):
    sim.faults(**LANDED, faults_on="patch", times=1)

    answer = api.create(key="k")

    booking = Booking.objects.get()
    assert refused(answer) == (503, "flight_service_unavailable")
    assert (booking.status, booking.cancel_reason, booking.hold) == ("cancelled", "unavailable", "stuck")
    assert refused(api.create(key="k")) == (409, "booking_cancelled")
    let_gates_settle()
    a_pass_later(shared)
    booking.refresh_from_db()
    assert (booking.hold, sim.flight(1)["taken"]) == ("stuck", 2)


@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_who_is_in_no_hurry_is_not_told_that_it_was_accepted(shared, sim, api, key):
    sim.faults(**LANDED, faults_on="patch", times=1)

    answer = api.create(key=key, headers={"Prefer": "respond-async"})

    assert refused(answer) == (503, "flight_service_unavailable")
    assert Booking.objects.get().status == "cancelled"


@pytest.mark.slow
def test_its_give_back_is_not_repeated_and_goes_to_staff(shared, sim):
    a_cancelled_booking(shared)
    sim.faults(**LOST, faults_on="patch", times=1)

    a_pass_later(shared)
    let_gates_settle()
    a_pass_later(shared)

    call = SeatCall.objects.get()
    assert (call.state, call.claims) == ("dead", 1)
    assert sim.flight(1)["given_back"] == 0


def test_a_counter_below_zero_is_told_at_once(shared, sim, log_lines, monkeypatch):
    sim.reset(capacity=2)
    inner = shared._service.change_seats

    def take_and_be_joined(change, *, seconds):
        somebody_else_takes(sim, 1)
        return inner(change, seconds=seconds)

    monkeypatch.setattr(shared._service, "change_seats", take_and_be_joined)

    outcome = send(shared, a_change(reserves=True))

    assert outcome == Applied()
    assert log_lines("flights.oversold") == [{"flight": 1, "seats": 1}]


def test_its_flights_cannot_be_compared(shared):
    an_initiated_booking(shared)

    found = reconcile_seats(flights=shared, deadline=Deadline(60))

    assert (found.flights_compared, found.flights_skipped) == (0, 1)


# --- a flight that is busy ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_create_on_a_flight_that_rests_is_refused_and_leaves_nothing(impatient, exclusive, sim, api):
    send_and_hear_nothing(exclusive, sim, a_change(reserves=True), LOST)

    answer, again = api.create(key="k"), api.create(key="k")

    assert [refused(answer), refused(again)] == [(503, "flight_service_unavailable")] * 2
    assert answer["Retry-After"] == "5"
    assert set(Booking.objects.values_list("status", "hold")) == {("cancelled", "dropped")}
    let_gates_settle()
    assert api.create(key="k").status_code == 201
    assert api.create(flightId=2).status_code == 201


@pytest.mark.slow
def test_one_that_is_in_no_hurry_waits_for_the_flight(impatient, exclusive, sim, api):
    send_and_hear_nothing(exclusive, sim, a_change(reserves=True), LOST)

    answer = api.create(headers={"Prefer": "respond-async"})

    let_gates_settle()
    a_pass_later(exclusive)
    assert (answer.status_code, Booking.objects.get().status) == (202, "initiated")


def somebody_else_takes(sim, seats):
    other = SeatChange(key=uuid.uuid4(), flight_id=1, seats=seats, reserves=True)
    assert a_tireless_gateway(sim.url).change_seats(other, seconds=5) == Applied()
