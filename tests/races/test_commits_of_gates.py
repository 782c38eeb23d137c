"""The answer to a COMMIT of a gate gets lost: the block runs again, and the change is sent once all the same."""

import uuid
from datetime import timedelta

import pytest

from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.ports import Applied, NoSeats, NotSent, SeatChange

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


def send(flights, seats):
    unkeyed = UnkeyedFlights(flights, counter=Counter.EXCLUSIVE, settle=timedelta(seconds=60), at_once=4)
    change = SeatChange(key=uuid.uuid4(), flight_id=1, seats=seats, reserves=True)
    return [unkeyed.change_seats(change, seconds=5) for _ in range(2)]


@pytest.mark.parametrize("name", ["gate.make", "gate.claim", "gate.send", "gate.answered"])
def test_a_change_is_sent_once_though_a_commit_was_lost(flights, sim, lost_commit, name):
    attempts = lost_commit(name)

    outcomes = send(flights, 2)

    assert outcomes == [Applied(), Applied()]
    assert attempts.count(name) >= 2
    assert sim.ledger()["calls"]["patch"] == 1


def test_what_was_not_sent_raises_no_alarm_though_its_commit_was_lost(flights, sim, lost_commit, monkeypatch, caplog):
    monkeypatch.setattr(flights, "change_seats", lambda change, *, seconds: NotSent("refused"))
    lost_commit("gate.answered")

    outcomes = send(flights, 2)

    assert outcomes == [NotSent("refused"), NotSent("refused")]
    assert [record for record in caplog.records if "answer_too_late" in record.getMessage()] == []


def test_a_refusal_is_kept_though_its_commit_was_lost(flights, sim, lost_commit):
    sim.reset(capacity=1)
    attempts = lost_commit("gate.answered")

    outcomes = send(flights, 2)

    assert outcomes == [NoSeats(), NoSeats()]
    assert attempts.count("gate.answered") == 2
    assert sim.ledger()["calls"]["patch"] == 0
