"""
Runs a Python program that ends with the process that has started it, and with it whatever it forks.

    python -m bookingsite.processes.die_with_parent PARENT SIGNAL FILE ARGUMENTS…
    python -m bookingsite.processes.die_with_parent PARENT SIGNAL -m MODULE ARGUMENTS…

When a process is killed, its children go on: django-q2's sentinel, for one, never looks at its parent, and
would run forever. So the kernel is asked: the program gets SIGNAL as soon as the process PARENT is gone, and
what it forks is killed as soon as the process that has forked it is gone. Only Linux offers this; elsewhere the
program simply runs.
"""

import ctypes
import multiprocessing
import os
import runpy
import signal
import sys

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1


class Lifeline:
    """Ties this process, and every one that it will fork, to its parent."""

    def __init__(self, *, parent: int, number: signal.Signals) -> None:
        self._pid = os.getpid()
        _end_with(parent, number)
        os.register_at_fork(after_in_child=self._tie_child)

    def _tie_child(self) -> None:
        # The kernel forgets the signal at each fork.
        parent, self._pid = self._pid, os.getpid()
        _end_with(parent, signal.SIGKILL)


def _end_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this signal to this process when the parent ends, or now, if that was before."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def main() -> None:
    parent, number, *program = sys.argv[1:]
    if sys.platform == "linux":
        Lifeline(parent=int(parent), number=signal.Signals[number])
        # From Python 3.14 on it would start others by a server of processes, and those would be tied to nothing.
        multiprocessing.set_start_method("fork")
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
