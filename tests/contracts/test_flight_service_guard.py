"""What every implementation of the Flight Service port promises about calls that are better not made."""

import pytest

from bookings.ports import Applied, Flight, FlightsUnreachable, NotSent
from tests.contracts.peers import LEG, give_back, take


def test_a_service_that_rests_is_sent_nothing(peer):
    peer.rest()

    outcome = take(peer, 2)

    assert peer.service.is_available() is False
    assert outcome == NotSent("circuit breaker open")
    with pytest.raises(FlightsUnreachable):
        peer.service.get_flight(1, seconds=5)
    assert peer.taken() == 0
    health = peer.service.health()
    assert (health.breaker, health.failures, health.next_try_in > 0) == ("open", 5, True)
    assert health.calls["open"] == 2


def test_a_service_that_has_rested_is_asked_again(peer):
    peer.rest()
    peer.rest_is_over()

    outcomes = [take(peer, 1) for _ in range(3)]

    assert outcomes == [Applied()] * 3
    assert peer.service.is_available() is True
    assert peer.service.health().breaker == "closed"


def test_a_flight_is_recalled_while_the_service_rests(peer):
    peer.service.get_flight(1, seconds=5)
    peer.rest()

    recalled = peer.service.recall_flight(1)
    assert recalled == Flight(id=1, price=2000, seats_left=10, capacity=10, leg=LEG, seat_map=1)


def test_repetitions_are_paid_for_by_successes(peer):
    spent = [peer.service.spend_repetition() for _ in range(11)]

    for _ in range(10):
        take(peer, 1)

    assert spent == [True] * 10 + [False]
    assert [peer.service.spend_repetition() for _ in range(2)] == [True, False]


def test_calls_are_counted_by_how_they_ended(peer):
    take(peer, 2)
    take(peer, 11)
    give_back(peer, 5)
    peer.lose_next_reply()
    take(peer, 1)

    calls = peer.service.health().calls

    assert calls == {
        "done": 1,
        "refused": 1,
        "mistake": 1,
        "unknown": 1,
        "unusable": 0,
        "not_sent": 0,
        "open": 0,
        "full": 0,
    }
