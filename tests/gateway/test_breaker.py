"""When the breaker opens, whom it lets through then, and when it closes. The clock is the test's."""

from collections import Counter

import pytest

from bookings.gateways.resilience.breaker import Breaker, open_for
from tests.support.clocks import Clock
from tests.support.threads import MeetingPlace, together, without_lock


class MeetingBreaker(Breaker):
    """Threads meet where they have been told that they may probe, and have not said yet that they do."""

    meeting = None

    def _would_admit(self, now):
        answer = super()._would_admit(now)
        if self.meeting is not None:
            self.meeting.come_by()
        return answer


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock=clock, pause=lambda: 5.0)


def call(breaker, healthy):
    """Make one call if it is let through; tell whether it was."""
    admission = breaker.admit()
    if admission is not None:
        breaker.end(admission, healthy=healthy)
    return admission is not None


def calls(breaker, words):
    """Make a call for each letter: `.` is one that succeeds, `x` one that fails."""
    return [call(breaker, letter == ".") for letter in words]


def opened(breaker):
    calls(breaker, "xxxxx")
    assert breaker.view().state == "open"
    return breaker


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("", "closed"),
        ("xxxx", "closed"),
        ("xxxxx", "open"),
        ("xxxx.xxxx", "closed"),
        ("xxxx.xxxxx", "open"),
        ("x.x.x.x.x", "closed"),
        (".x.x.x.x.x", "open"),
        ("x.x.x.x.x.", "open"),
        (".x.x.x.x..x.x.x.x.", "closed"),
        ("." * 20 + "x" * 4, "closed"),
        ("." * 20 + "x" * 5, "open"),
        ("." * 20 + "xx." * 4, "closed"),
        ("." * 20 + "xx." * 5, "open"),
    ],
)
def test_it_opens_after_five_failures_in_a_row_or_when_half_of_at_least_ten_have_failed(breaker, words, state):
    calls(breaker, words)

    assert breaker.view().state == state


def test_calls_that_say_nothing_about_the_peer_do_not_count(breaker):
    calls(breaker, "xxxx")

    for _ in range(100):
        call(breaker, None)

    assert breaker.view().state == "closed"
    assert call(breaker, False) is True
    assert breaker.view().state == "open"


def test_while_it_is_open_nobody_is_let_through(breaker, clock):
    opened(breaker)
    clock.now += 4.9

    assert breaker.would_admit() is False
    assert calls(breaker, "....") == [False] * 4
    assert breaker.view().failures == 5
    assert round(breaker.view().next_try_in, 3) == 0.1


def test_after_five_seconds_one_at_a_time_is_let_through(breaker, clock):
    opened(breaker)
    clock.now += 5

    assert (breaker.view().state, breaker.would_admit()) == ("half_open", True)
    probe = breaker.admit()

    assert probe is not None
    assert (breaker.admit(), breaker.would_admit()) == (None, False)
    breaker.end(probe, healthy=True)
    assert breaker.would_admit() is True


def test_three_probes_that_succeed_close_it(breaker, clock):
    opened(breaker)
    clock.now += 5

    calls(breaker, "..")
    after_two = breaker.view().state
    calls(breaker, ".")

    assert (after_two, breaker.view().state) == ("half_open", "closed")


def test_it_forgets_what_was_before_when_it_closes(breaker, clock):
    calls(breaker, ".....")
    opened(breaker)
    clock.now += 5
    calls(breaker, "...")

    calls(breaker, "xxxx")

    assert breaker.view().state == "closed"


@pytest.mark.parametrize("before", ["", ".", ".."])
def test_a_probe_that_fails_opens_it_for_another_five_seconds(breaker, clock, before):
    opened(breaker)
    clock.now += 5

    calls(breaker, before + "x")

    assert (breaker.view().state, breaker.view().failures, breaker.view().next_try_in) == ("open", 6, 5.0)
    clock.now += 5
    calls(breaker, "..")
    assert breaker.view().state == "half_open"


def test_a_probe_that_says_nothing_leaves_it_half_open_for_the_next(breaker, clock):
    opened(breaker)
    clock.now += 5

    call(breaker, None)

    assert (breaker.view().state, breaker.would_admit()) == ("half_open", True)


def test_one_flight_that_always_fails_keeps_it_open_for_no_other(breaker, clock):
    opened(breaker)
    for flight in (7, 7, 8, 7, 8, 8, 7):
        clock.now += 5
        breaker.end(breaker.admit(), healthy=False, about=flight)

    # The first probe of each flight has opened it again, and none since.
    assert (breaker.view().state, breaker.view().failures) == ("half_open", 7)
    calls(breaker, "..")
    breaker.end(breaker.admit(), healthy=False, about=7)
    calls(breaker, ".")
    assert breaker.view().state == "closed"


def test_flights_that_have_failed_probes_count_again_after_it_was_closed(breaker, clock):
    for _ in range(2):
        opened(breaker)
        clock.now += 5
        breaker.end(breaker.admit(), healthy=False, about=7)
        assert breaker.view().state == "open"
        clock.now += 5
        calls(breaker, "...")


def test_a_probe_that_fails_for_all_opens_it_each_time(breaker, clock):
    opened(breaker)
    for _ in range(3):
        clock.now += 5
        breaker.end(breaker.admit(), healthy=False, about=None)
        assert breaker.view().state == "open"


def test_a_probe_that_never_comes_back_is_given_up_and_counts_for_nothing(breaker, clock):
    opened(breaker)
    clock.now += 5
    lost = breaker.admit()
    clock.now += 9.9
    before = breaker.would_admit()
    clock.now += 0.1

    second = breaker.admit()
    breaker.end(lost, healthy=False)

    assert (before, second is not None) == (False, True)
    assert breaker.view().state == "half_open"
    assert breaker.admit() is None


@pytest.mark.parametrize("healthy", [True, False])
def test_calls_from_before_it_opened_count_for_nothing_afterwards(breaker, clock, healthy):
    late = [breaker.admit() for _ in range(30)]
    opened(breaker)
    for admission in late[:10]:
        breaker.end(admission, healthy=healthy)
    while_open = breaker.view()
    clock.now += 5
    probe = breaker.admit()
    for admission in late[10:20]:
        breaker.end(admission, healthy=healthy)
    half_open = breaker.view()
    breaker.end(probe, healthy=True)
    calls(breaker, "..")

    for admission in late[20:]:
        breaker.end(admission, healthy=healthy)

    assert (while_open.state, while_open.next_try_in, half_open.state) == ("open", 5.0, "half_open")
    assert breaker.view().state == "closed"


def test_whoever_ends_a_call_is_told_what_it_has_led_to(breaker, clock):
    told = []
    for letter in "xxxxx":
        told.append(breaker.end(breaker.admit(), healthy=letter == "."))
    clock.now += 5
    for letter in "...":
        told.append(breaker.end(breaker.admit(), healthy=letter == "."))

    assert told == [None, None, None, None, "open", None, None, "closed"]


def test_processes_that_opened_together_come_back_apart():
    pauses = [open_for() for _ in range(200)]

    assert min(pauses) >= 4.0
    assert max(pauses) <= 6.0
    assert max(pauses) - min(pauses) > 1.0


def probes_of_threads(clock, *, locked):
    breaker = opened(MeetingBreaker(clock=clock, pause=lambda: 5.0))
    clock.now += 5
    breaker.meeting = MeetingPlace()
    if not locked:
        without_lock(breaker)
    return sum(admission is not None for admission in together(64, breaker.admit))


def test_of_64_threads_one_probes(clock):
    assert probes_of_threads(clock, locked=True) == 1


def test_without_its_lock_more_than_one_probes(clock):
    assert probes_of_threads(clock, locked=False) > 1


def test_64_threads_call_at_the_same_time_as_nobody_holds_the_lock_meanwhile(breaker):
    inside = Counter()

    def overlap():
        admission = breaker.admit()
        inside[1] += 1
        while inside[1] < 64:
            breaker.would_admit()
        breaker.end(admission, healthy=True)
        return True

    assert together(64, overlap) == [True] * 64


def test_64_threads_whose_calls_fail_open_it_once(breaker):
    admissions = [breaker.admit() for _ in range(64)]

    moved = together(64, lambda: breaker.end(admissions.pop(), healthy=False))

    assert Counter(moved) == {"open": 1, None: 63}
