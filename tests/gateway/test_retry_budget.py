"""A process repeats ten requests; every ten that succeed earn one more."""

import pytest

from bookings.gateways.flight_service.resilience.retry_budget import RetryBudget
from tests.support.threads import MeetingPlace, meeting_at, together, without_lock


def test_ten_repetitions_may_be_sent_and_not_an_eleventh():
    budget = RetryBudget()

    spent = [budget.spend() for _ in range(11)]

    assert spent == [True] * 10 + [False]
    assert budget.left() == 0.0


def test_ten_successes_pay_for_one_repetition():
    budget = RetryBudget()
    for _ in range(10):
        budget.spend()

    for _ in range(9):
        budget.earn()
    after_nine = budget.spend()
    budget.earn()

    assert (after_nine, budget.spend(), budget.spend()) == (False, True, False)


def test_there_are_never_more_than_ten():
    budget = RetryBudget()

    for _ in range(1000):
        budget.earn()

    assert budget.left() == 10.0


def spent_by_threads(*, locked):
    budget = meeting_at(RetryBudget, "_parts")()
    for _ in range(9):
        budget.spend()
    budget.meeting = MeetingPlace()
    if not locked:
        without_lock(budget)
    return sum(together(64, budget.spend))


@pytest.mark.slow
def test_the_last_repetition_is_sent_once_by_64_threads():
    assert spent_by_threads(locked=True) == 1


def test_without_its_lock_the_last_repetition_is_sent_more_than_once():
    assert spent_by_threads(locked=False) > 1


def test_nothing_is_lost_between_64_threads():
    budget = RetryBudget()
    for _ in range(10):
        budget.spend()

    together(64, budget.earn)

    assert budget.left() == 6.4
