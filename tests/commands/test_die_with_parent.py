"""What ends with its parent, and what forks of it end with theirs."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from devtools.processes import REPOSITORY
from tests.support.waiting import await_that

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")


# Forks a child that forks another, writes down who is who, and waits, as the processes of a cluster do.
PROGRAM = """
import os, signal, sys
from pathlib import Path
names = ["program", "child", "grandchild"]
for name in names:
    Path(sys.argv[1], name).write_text(str(os.getpid()))
    if name == names[-1] or os.fork():
        break
signal.pause()
"""

# The same, by the library that granian and django-q2 start their processes with.
BY_MULTIPROCESSING = """
import multiprocessing, os, signal, sys
from pathlib import Path
def begin(*names):
    Path(sys.argv[1], names[0]).write_text(str(os.getpid()))
    if names[1:]:
        multiprocessing.Process(target=begin, args=names[1:]).start()
    signal.pause()
if __name__ == "__main__":
    begin("program", "child", "grandchild")
"""

# Starts the program and waits, as `run_worker` does.
PARENT = """
import os, signal, subprocess, sys
words = [word.replace("PARENT", str(os.getpid())) for word in sys.argv[1:]]
subprocess.Popen([sys.executable, *words], start_new_session=True)
signal.pause()
"""
LIFELINE = ("-m", "bookingsite.processes.die_with_parent", "PARENT", "SIGKILL")


@pytest.fixture
def start(tmp_path):
    """Start the program below a parent; gives the ids of all four by name."""
    program = tmp_path / "program.py"
    started = {}

    def _start(*lifeline, text=PROGRAM):
        program.write_text(text)
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, *lifeline, str(program), str(tmp_path)], cwd=REPOSITORY
        )
        started["parent"] = parent.pid
        for name in ("program", "child", "grandchild"):
            await_that(lambda file=tmp_path / name: file.exists() and file.read_text())
            started[name] = int((tmp_path / name).read_text())
        parent_of[parent.pid] = parent
        return started

    parent_of = {}
    yield _start
    for pid in started.values():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for parent in parent_of.values():
        parent.wait()


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("text", [PROGRAM, BY_MULTIPROCESSING], ids=["fork", "multiprocessing"])
def test_whoever_is_killed_takes_everything_below_with_it(start, text):
    pids = start(*LIFELINE, text=text)

    os.kill(pids["parent"], signal.SIGKILL)

    await_that(lambda: all(is_gone(pid) for pid in pids.values()))


@pytest.mark.parametrize("text", [PROGRAM, BY_MULTIPROCESSING], ids=["fork", "multiprocessing"])
def test_a_program_that_is_killed_takes_what_it_has_forked_with_it_and_not_its_parent(start, text):
    pids = start(*LIFELINE, text=text)

    os.kill(pids["program"], signal.SIGKILL)

    await_that(lambda: is_gone(pids["child"]) and is_gone(pids["grandchild"]))
    assert not is_gone(pids["parent"])


def test_without_it_they_go_on_for_ever(start):
    pids = start()

    os.kill(pids["parent"], signal.SIGKILL)

    await_that(lambda: is_gone(pids["parent"]))
    assert [name for name, pid in pids.items() if not is_gone(pid)] == ["program", "child", "grandchild"]


def test_a_program_whose_parent_was_gone_before_it_could_ask_ends_at_once(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("print('it runs')")
    nobody = "1"

    done = subprocess.run(
        [sys.executable, "-m", "bookingsite.processes.die_with_parent", nobody, "SIGTERM", str(program)],
        cwd=REPOSITORY,
        capture_output=True,
    )

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")
