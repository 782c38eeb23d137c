"""When the database's clock is believed: by what a process sees, what another has left, and how long it stands."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bookings.db.clock_watch import ClockWatch, Proof, Reading

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)

# What may be: five minutes of proof, five seconds of tolerance, a minute without a pass.
PROOF, TOLERANCE, PASS = 300, 5, 60


def reading(second, *, off=0.0, took=0.01):
    """What the clock shows at a second of this process, `off` by so many."""
    return Reading(NOON + timedelta(seconds=second + off), second, second + took)


def proof(second, *, off=0.0, boot="this"):
    return Proof(NOON + timedelta(seconds=second + off), boot, second if boot == "this" else 7.0)


def a_watch(*readings, believed=True):
    watch = ClockWatch("this")
    watch.note(reading(0))
    if believed:
        assert watch.weigh(None)
    for each in readings:
        watch.note(each)
    return watch


def test_a_clock_that_goes_on_is_believed():
    assert a_watch(*(reading(second) for second in range(0, 1000, 10))).is_believed()


def test_a_clock_that_is_believed_needs_no_proof_of_another():
    assert a_watch(reading(10)).weigh(proof(10, off=3600, boot="another"))


@pytest.mark.parametrize("off", [4 * 24 * 3600, 3600, 60, TOLERANCE + 1, -TOLERANCE - 1, -60, -3600, -9 * 24 * 3600])
def test_a_clock_that_jumped_is_not_believed(off):
    watch = a_watch(reading(10), reading(20, off=off))

    assert (watch.is_believed(), watch.has_jumped(), watch.weigh(proof(10))) == (False, True, False)


@pytest.mark.parametrize("off", [TOLERANCE - 1, 1, -1, -TOLERANCE + 1])
def test_a_small_step_is_no_jump(off):
    assert a_watch(reading(10), reading(20, off=off)).is_believed()


@pytest.mark.parametrize("off", [345_600, -3600])
def test_a_clock_that_is_back_is_believed_at_once(off):
    watch = a_watch(reading(10), reading(20, off=off), reading(26, off=off), reading(32))

    assert watch.is_believed()


@pytest.mark.parametrize("off", [345_600, -3600])
def test_a_clock_that_stands_for_long_enough_is_believed(off):
    watch = a_watch(reading(10), reading(20, off=off))

    seen = []
    for second in (100, 200, PROOF + 19, PROOF + 21):
        watch.note(reading(second, off=off))
        seen.append(watch.is_believed())

    assert seen == [False, False, False, True]


def test_a_clock_that_jumps_again_has_to_stand_anew():
    watch = a_watch(reading(20, off=500), reading(200, off=900), reading(PROOF + 50, off=900))

    assert not watch.is_believed()


def test_a_clock_that_runs_too_fast_is_not_believed():
    watch = a_watch(*(reading(second, off=second * 0.2) for second in range(0, 120, 5)))

    assert not watch.is_believed()


def test_a_clock_that_drifts_for_a_day_as_clocks_do_is_believed():
    watch = a_watch(*(reading(second, off=second * 0.0005) for second in range(0, 86_400, 60)))

    assert watch.is_believed()


def test_a_reading_that_took_long_is_no_jump():
    watch = a_watch(Reading(NOON + timedelta(seconds=12), 10, 55), Reading(NOON + timedelta(seconds=99), 60, 100))

    assert watch.is_believed()


def test_a_jump_within_a_reading_that_took_long_is_one():
    assert not a_watch(Reading(NOON + timedelta(seconds=112), 10, 55)).is_believed()


def in_another_thread(act, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act, *args).result()


@pytest.mark.parametrize("off", [345_600, 3600, 6, -6, -3600])
def test_what_another_thread_reads_from_the_server_before_a_failover_does_not_prove_what_this_one_read(off):
    watch = a_watch(reading(10), reading(20, off=off))

    in_another_thread(watch.note, reading(20.02))

    assert (watch.has_jumped(), watch.is_believed(), watch.weigh(proof(10))) == (False, False, False)
    watch.note(reading(20.04))
    assert watch.is_believed()


@pytest.mark.parametrize("off", [345_600, -3600])
def test_nor_does_what_another_thread_reads_on_a_new_course_that_is_believed(off):
    watch = a_watch(reading(10))

    def stand():
        for second in (20, PROOF + 21):
            watch.note(reading(second, off=off))
        return watch.is_believed()

    assert in_another_thread(stand)
    assert (watch.is_believed(), watch.weigh(proof(PROOF + 21, off=off))) == (False, False)


def test_a_thread_that_has_read_nothing_believes_nothing():
    watch = a_watch(reading(10))

    assert not in_another_thread(watch.is_believed)
    assert not in_another_thread(watch.weigh, None)


# --- a process that has just begun ----------------------------------------------------------------------


def test_where_no_process_ever_believed_it_the_first_one_does():
    assert a_watch(believed=False).weigh(None)


@pytest.mark.parametrize(("ago", "believed"), [(0, True), (PASS - 1, True), (PASS + 1, False), (86_400, False)])
def test_a_new_process_on_another_machine_believes_a_clock_that_another_believed_just_now(ago, believed):
    assert a_watch(believed=False).weigh(proof(0, off=-ago, boot="other")) == believed


@pytest.mark.parametrize("ahead", [TOLERANCE + 1, 3600])
def test_a_new_process_does_not_believe_a_clock_that_is_before_what_another_saw(ahead):
    assert not a_watch(believed=False).weigh(proof(0, off=ahead, boot="other"))


@pytest.mark.parametrize("seconds", [10, 3600, 86_400])
def test_a_new_process_of_the_same_boot_knows_exactly_however_long_nothing_ran(seconds):
    watch = a_watch(believed=False)

    assert watch.weigh(proof(-seconds))


@pytest.mark.parametrize("off", [TOLERANCE + 1, 50, 3600, -50, -3600])
def test_a_new_process_of_the_same_boot_sees_what_has_jumped_meanwhile(off):
    assert not a_watch(believed=False).weigh(proof(-40, off=-off))


def test_a_machine_that_was_off_for_a_day_waits_five_minutes_and_goes_on():
    watch, old = a_watch(believed=False), proof(0, off=-86_400, boot="other")

    watch.note(reading(PROOF - 1))
    early = watch.weigh(old)
    watch.note(reading(PROOF + 1))

    assert (early, watch.weigh(old), watch.is_believed()) == (False, True, True)


# --- what another process, or a person, says --------------------------------------------------------------


@pytest.mark.parametrize("off", [345_600, -3600])
def test_a_proof_that_came_after_the_jump_ends_the_doubt(off):
    watch = a_watch(reading(10), reading(20, off=off), reading(40, off=off))

    assert watch.weigh(proof(30, off=off))
    assert watch.is_believed()


@pytest.mark.parametrize("boot", ["this", "other"])
def test_a_proof_from_before_the_jump_does_not(boot):
    watch = a_watch(reading(10), reading(20, off=50))

    assert not watch.weigh(proof(19, boot=boot))


def test_turns_of_an_unkeyed_flight_are_over_before_a_clock_is_believed(settings):
    settings.FLIGHT_SERVICE_KEYED, settings.FLIGHT_SERVICE_SETTLE_SECONDS = False, 900
    watch = a_watch(reading(20, off=3600), reading(900, off=3600))

    early = watch.is_believed()
    watch.note(reading(1000, off=3600))

    assert (early, watch.is_believed()) == (False, True)
