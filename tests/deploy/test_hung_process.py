"""A web process that lives and does not work is found and replaced, and the other one goes on meanwhile."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bookingsite.processes.beats import FOLDER, Beat, last_beats
from bookingsite.processes.hung_processes import HungProcesses
from tests.support.waiting import await_that

# Of a machine that is busy with other tests; the command itself waits longer.
SILENCE_SECONDS = 8


def processes_of(web):
    """The processes that serve: children of granian's own, which is the only child of the command."""
    family = web.family()
    (granian,) = [pid for pid, parent, _ in family if parent == web.pid]
    return {pid for pid, parent, words in family if parent == granian and "tracker" not in " ".join(words)}


def beating(web):
    """Those of them that have loaded and begun to beat: before that, a process is not watched."""
    serving = processes_of(web)
    folders = [
        word.removeprefix(f"{FOLDER}=")
        for pid in serving
        for word in Path(f"/proc/{pid}/environ").read_text().split("\0")
        if word.startswith(f"{FOLDER}=")
    ]
    return serving & set(last_beats(Path(folders[0]))) if folders else set()


@pytest.mark.long
@pytest.mark.server
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("silence", [SILENCE_SECONDS, 1000], ids=["watched", "the twin: not watched"])
def test_a_stopped_process_is_replaced_and_requests_go_on(start_web, silence):
    web = start_web("--workers", "2", "--silence", str(silence))
    web.await_answer()
    await_that(lambda: len(beating(web)) == 2)
    before = processes_of(web)
    hung = min(before)

    os.kill(hung, signal.SIGSTOP)
    if silence == SILENCE_SECONDS:
        await_that(lambda: hung not in processes_of(web), web.printed)
        await_that(lambda: len(processes_of(web)) == 2, web.printed)
        await_that(lambda: all(web.ask("GET", "/health/live")[0] == 200 for _ in range(20)), web.printed)
        assert max(before) in processes_of(web)
        assert "web.process_killed" in web.printed()
    else:
        time.sleep(SILENCE_SECONDS + 2)
        assert processes_of(web) == before
        os.kill(hung, signal.SIGCONT)


class Watched:
    """A folder of beats of processes that this test makes up, and a clock of its own."""

    def __init__(self, folder):
        self.now = time.monotonic()
        self.folder = folder
        self.beat = Beat(folder)
        self.watch = HungProcesses(folder, session=os.getsid(0), clock=lambda: self.now)

    def look_after(self, seconds, *, every=0.25):
        """Let time pass, with a look at all every so often; names the processes that were found hung."""
        found = {}
        for _ in range(int(seconds / every)):
            self.now += every
            found |= self.watch.silent_for(10)
        return set(found)


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_a_process_that_beats_is_left_alone(watched):
    watched.beat.strike()

    assert watched.look_after(9) == set()


def test_a_process_that_does_not_beat_for_so_long_is_named_once(watched):
    watched.beat.strike()

    assert watched.look_after(11) == {os.getpid()}
    assert watched.look_after(60) == set()


def test_who_was_paused_itself_judges_nobody(watched):
    watched.beat.strike()
    watched.now += 3600  # the machine was suspended, or the container frozen

    assert watched.look_after(9) == set()
    assert watched.look_after(2) == {os.getpid()}


def test_a_process_that_has_ended_is_forgotten_and_its_successor_under_that_id_is_not_judged(watched, tmp_path):
    with ThreadPoolExecutor(1):
        child = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(child, 0)
    (tmp_path / str(child)).write_bytes((tmp_path / str(os.getpid())).read_bytes() or bytes(8))
    stranger = os.getppid()
    (tmp_path / str(stranger)).write_bytes(bytes(8))
    strangers = {stranger} if os.getsid(stranger) != os.getsid(0) else set()

    found = watched.look_after(11)

    assert child not in found
    assert not found & strangers
    assert child not in last_beats(tmp_path)
