"""So many calls at once, and no more: the others are sent away."""

from bookings.gateways.resilience.bulkhead import Bulkhead
from tests.support.threads import MeetingPlace, meeting_at, together, without_lock


def test_who_finds_no_place_is_sent_away():
    bulkhead = Bulkhead(2)

    entered = [bulkhead.enter() for _ in range(3)]

    assert entered == [True, True, False]
    assert (bulkhead.inside(), bulkhead.is_full()) == (2, True)


def test_a_place_that_was_left_can_be_taken_again():
    bulkhead = Bulkhead(1)
    bulkhead.enter()
    bulkhead.leave()

    assert bulkhead.is_full() is False
    assert bulkhead.enter() is True


def entered_by_threads(*, locked):
    bulkhead = meeting_at(Bulkhead, "_inside")(1)
    bulkhead.meeting = MeetingPlace()
    if not locked:
        without_lock(bulkhead)
    return sum(together(64, bulkhead.enter))


def test_the_last_place_is_taken_once_by_64_threads():
    assert entered_by_threads(locked=True) == 1


def test_without_its_lock_the_last_place_is_taken_more_than_once():
    assert entered_by_threads(locked=False) > 1


def test_of_64_threads_32_find_a_place():
    bulkhead = Bulkhead(32)

    assert sum(together(64, bulkhead.enter)) == 32
