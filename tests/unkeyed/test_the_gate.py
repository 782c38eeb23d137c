"""One change of a flight at a time, each once, whoever asks how often."""

import itertools
import threading
import uuid
from functools import partial

import pytest

from bookings.gateways.flight_service.unkeyed import flights, gates
from bookings.models import FlightGate
from bookings.ports import Applied, Mistake, NoFlight, NoSeats, NotSent, SeatChange, Unknown
from bookings.services.seats.reserve import Waiting, settle_reservation
from tests.races.crowd import PATIENCE_SECONDS, all_at_once
from tests.support.bookings import a_call_row, a_saved_row
from tests.support.unkeyed import let_gates_settle

pytestmark = pytest.mark.django_db(transaction=True)


def a_take(seats=2, *, flight_id=1, key=None):
    return SeatChange(key=key or uuid.uuid4(), flight_id=flight_id, seats=seats, reserves=True)


def a_give_back(seats=2, *, flight_id=1, key=None):
    return SeatChange(key=key or uuid.uuid4(), flight_id=flight_id, seats=seats, reserves=False)


def send(flights, change):
    return flights.change_seats(change, seconds=5)


def test_a_key_that_is_sent_again_counts_once(shared, sim):
    change = a_take()

    outcomes = [send(shared, change) for _ in range(3)]

    assert outcomes == [Applied(), Applied(), Applied()]
    assert sim.flight(1)["taken"] == 2


def test_twin_that_does_not_remember_the_outcome_counts_twice(shared, sim, monkeypatch):
    end = gates.end_sending

    def end_and_forget(change, outcome, **given):
        kept = end(change, outcome, **given)
        FlightGate.objects.update(
            inflight_kind="", inflight_key=None, inflight_seats=None, inflight_since=None, outcome=""
        )
        return kept

    monkeypatch.setattr(flights, "end_sending", end_and_forget)
    change = a_take()

    outcomes = [send(shared, change) for _ in range(2)]

    assert outcomes == [Applied(), Applied()]
    assert sim.flight(1)["taken"] == 4


def test_a_refusal_that_was_heard_stays_one_when_seats_become_free(shared, sim):
    sim.reset(capacity=1)
    change = a_take()
    first = send(shared, change)
    sim.reset(capacity=5)

    again = send(shared, change)

    assert (first, again) == (NoSeats(), NoSeats())
    assert sim.flight(1)["taken"] == 0


def test_a_flight_that_is_not_there_is_refused_and_nothing_is_sent(shared, sim):
    taken, given = send(shared, a_take(flight_id=999)), send(shared, a_give_back(flight_id=999))

    assert (taken, given) == (NoFlight(), Mistake("there is no such flight"))
    assert sim.ledger()["calls"]["patch"] == 0


@pytest.mark.parametrize("is_open", [True, False], ids=["not recorded", "recorded"])
def test_the_next_change_waits_until_the_booking_has_the_outcome_of_the_last(impatient, shared, sim, is_open):
    booking = a_saved_row("pending")
    send(shared, a_take(key=booking.hold_key))
    if not is_open:
        settle_reservation(booking, lease=uuid.uuid4(), outcome=Applied(), waiting=Waiting.NO_CLIENT)

    outcome = send(shared, a_take())

    assert outcome == (NotSent("the outcome of another change is being recorded") if is_open else Applied())


def test_the_next_change_waits_until_a_give_back_has_the_outcome_of_the_last(impatient, shared):
    call = a_call_row(next_at="2100-01-01T00:00:00Z")
    send(shared, a_give_back(key=call.call_key))

    outcome = send(shared, a_take())

    assert outcome == NotSent("the outcome of another change is being recorded")


def test_a_change_that_was_decided_meanwhile_is_not_sent(shared, sim):
    # Somebody was paused for longer than its lease, and another one has brought its booking to an end.
    booking, call = a_saved_row("initiated"), a_call_row(state="done")

    outcomes = [send(shared, a_take(key=booking.hold_key)), send(shared, a_give_back(key=call.call_key))]

    assert outcomes == [NotSent("decided meanwhile")] * 2
    assert sim.ledger()["calls"]["patch"] == 0


def test_twin_that_does_not_look_at_its_own_row_sends_what_was_decided(shared, sim, monkeypatch):
    monkeypatch.setattr(gates, "_is_open", lambda key: None)
    booking = a_saved_row("initiated")

    outcome = send(shared, a_take(key=booking.hold_key))

    assert outcome == Applied()
    assert sim.flight(1)["taken"] == 2


def test_whoever_comes_while_another_is_sending_goes_away_unsent(impatient, shared, sim, monkeypatch):
    inner, heard = shared._service.change_seats, []

    def meanwhile(change, *, seconds):
        monkeypatch.setattr(shared._service, "change_seats", inner)
        heard.append(send(shared, a_take()))
        heard.append(send(shared, change))
        return inner(change, seconds=seconds)

    monkeypatch.setattr(shared._service, "change_seats", meanwhile)

    outcome = send(shared, a_take())

    other, same = heard
    assert (outcome, other) == (Applied(), NotSent("another change is under way"))
    assert (type(same), same.why) == (Unknown, "is being sent")
    assert sim.flight(1)["taken"] == 2


def test_a_turn_that_nobody_ends_ends_by_itself(impatient, shared, sim, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(shared._service, "get_flight", die)
        with pytest.raises(KeyboardInterrupt):
            send(shared, a_take())

    before = send(shared, a_take())
    let_gates_settle()
    after = send(shared, a_take())

    assert (before, after) == (NotSent("another change is under way"), Applied())
    assert sim.flight(1)["taken"] == 2


def die(*_args, **_given):
    raise KeyboardInterrupt


def test_a_process_that_was_overtaken_sends_nothing(shared, sim, monkeypatch):
    look, overtaken = shared._service.get_flight, a_take()

    def overtake(flight_id, *, seconds):
        monkeypatch.setattr(shared._service, "get_flight", look)
        let_gates_settle()
        assert send(shared, a_take()) == Applied()
        return look(flight_id, seconds=seconds)

    monkeypatch.setattr(shared._service, "get_flight", overtake)

    outcome = send(shared, overtaken)

    assert outcome == NotSent("overtaken")
    assert sim.flight(1)["taken"] == 2


@pytest.mark.slow
@pytest.mark.server
def test_of_thirty_threads_for_the_last_ten_seats_ten_get_one(shared, sim):
    sim.reset(capacity=10)

    outcomes = all_at_once([partial(send, shared, a_take(1)) for _ in range(30)])

    assert sum(outcome == Applied() for outcome in outcomes) == sim.flight(1)["taken"] <= 10
    assert {type(outcome) for outcome in outcomes} <= {Applied, NoSeats, NotSent}


@pytest.mark.server
def test_twin_without_the_gate_oversells(shared, sim, monkeypatch):
    sim.reset(capacity=10)
    nobody_has_sent_yet, inner = threading.Barrier(4, timeout=PATIENCE_SECONDS), shared._service.change_seats

    def send_together(change, *, seconds):
        nobody_has_sent_yet.wait()
        return inner(change, seconds=seconds)

    monkeypatch.setattr(shared._service, "change_seats", send_together)
    monkeypatch.setattr(flights, "claim_gate", lambda change, **_given: FlightGate(change.flight_id))
    monkeypatch.setattr(flights, "begin_sending", lambda change, **_given: None)
    monkeypatch.setattr(flights, "end_sending", lambda change, outcome, **_given: True)

    all_at_once([partial(send, shared, a_take(4)) for _ in range(4)])

    assert sim.flight(1)["remaining"] == -6


@pytest.mark.slow
@pytest.mark.server
def test_of_all_flights_together_four_changes_are_under_way_and_it_does_not_freeze(shared, sim):
    sim.faults(latency_ms=200, faults_on="patch")
    flights = itertools.count(1)

    outcomes = all_at_once([partial(send, shared, a_take(1, flight_id=next(flights))) for _ in range(12)])

    calls = sim.ledger()["calls"]
    assert calls["freezes"] == 0
    assert sum(outcome == Applied() for outcome in outcomes) == calls["applied"] >= 4
    assert {type(outcome) for outcome in outcomes} <= {Applied, NotSent}


@pytest.mark.slow
@pytest.mark.server
def test_twin_without_the_limit_freezes_it(shared, sim, monkeypatch):
    monkeypatch.setattr(shared, "_at_once", 64)
    sim.faults(latency_ms=1000, faults_on="patch")
    flights = itertools.count(1)

    all_at_once([partial(send, shared, a_take(1, flight_id=next(flights))) for _ in range(12)])

    assert sim.ledger()["calls"]["freezes"] >= 1
