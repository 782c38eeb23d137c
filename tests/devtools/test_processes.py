"""How the tools and the tests start programs: what a program prints is kept, and nothing of it is left behind."""

import subprocess
import sys

import pytest

from devtools.processes import Command
from tests.support.waiting import await_that

# Starts a process of a session of its own, and waits for a signal.
WITH_A_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def started():
    """Start a program of Python, and wait until it has said so."""
    commands = []

    def start(program):
        command = Command(sys.executable, "-c", program)
        commands.append(command)
        command.start()
        await_that(command.printed)
        return command

    yield start
    for command in commands:
        command.kill()


def test_a_program_that_was_not_started_has_no_process():
    command = Command("true")

    with pytest.raises(AssertionError, match="true was not started"):
        _ = command.pid
    assert (command.exit_status(), command.alive()) == (None, [])


@pytest.mark.parametrize("end", [Command.kill, Command.stop])
def test_nothing_is_left_of_a_program_that_was_ended_nor_of_what_it_has_started(started, end):
    command = started(WITH_A_CHILD)
    await_that(lambda: len(command.alive()) == 2)

    end(command)

    await_that(lambda: command.alive() == [])
    assert command.exit_status() is not None


def test_a_child_whose_parent_has_ended_still_belongs_to_the_command(started):
    command = started(WITH_A_CHILD)
    await_that(lambda: len(command.alive()) == 2)

    command.process.kill()
    command.process.wait()

    assert len(command.alive()) == 1


def test_a_program_that_does_not_stop_is_killed_and_told_of(started):
    command = started(STUBBORN)

    with pytest.raises(subprocess.TimeoutExpired):
        command.stop(0.1)

    assert (command.exit_status(), command.alive()) == (-9, [])


def test_what_was_printed_is_kept_over_all_starts(started):
    command = started('print("started")')
    command.process.wait()

    command.start()

    assert command.process.wait() == 0
    assert command.printed(last=0) == "started\nstarted\n"
    assert command.printed(last=8) == "started\n"
    assert command.stop() == 0
