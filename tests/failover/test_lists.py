"""What may be read from a replica, when it is asked again, and that nothing is decided meanwhile: any database."""

import pytest

from bookings.db import replica
from bookings.db.replica import ReplicaHealth, Router, read_list
from bookings.db.transactions import run
from bookings.models import Booking, IdempotencyRecord, Payment
from tests.support.clocks import Clock


def test_nothing_is_decided_inside_a_list():
    with pytest.raises(RuntimeError, match="nothing may be decided here"):
        read_list(lambda: run("a service", lambda: None))


def test_a_list_has_ended_when_its_read_has_failed():
    def fails():
        raise KeyError

    with pytest.raises(KeyError):
        read_list(fails)

    replica.refuse_to_decide()


def test_the_replica_is_asked_for_what_lists_are_made_of_and_for_nothing_else(monkeypatch):
    token = replica._source.set("replica")
    try:
        sources = {model: Router().db_for_read(model) for model in (Booking, Payment, IdempotencyRecord)}
    finally:
        replica._source.reset(token)

    assert sources == {Booking: "replica", Payment: "replica", IdempotencyRecord: None}
    assert Router().db_for_read(Booking) is None
    assert Router().db_for_write(Booking) is None


def test_no_migration_runs_on_a_replica():
    assert Router().allow_migrate("replica", "bookings") is False
    assert Router().allow_migrate("default", "bookings") is None


def test_after_a_failure_it_rests_and_then_one_thread_tries_it():
    clock = Clock()
    health = ReplicaHealth(clock=clock)

    health.end("away")
    at_once = health.may_be_asked()
    clock.now += 5
    then = [health.may_be_asked(), health.may_be_asked()]
    health.begin()

    assert (at_once, then) == (False, [True, False])
    assert health.may_be_asked()


@pytest.mark.slow
def test_a_trial_that_fails_makes_it_rest_again():
    clock = Clock()
    health = ReplicaHealth(clock=clock)
    health.end("away")
    clock.now += 5
    health.may_be_asked()

    health.end("away")
    clock.now += 4

    assert not health.may_be_asked()
