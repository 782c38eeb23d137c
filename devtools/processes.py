"""Ports and processes: what the tools that start servers have in common."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
# Nothing that is asked to stop here has more to finish than that.
STOP_SECONDS = 5
# From linux/prctl.h: orphans below this process become its children.
PR_SET_CHILD_SUBREAPER = 36
# A killed process is gone in milliseconds, unless it waits for a disk.
KILL_SECONDS = 1
KILL_PAUSE_SECONDS = 0.02


def free_port() -> int:
    """Name a port of 127.0.0.1 that is not in use at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Tell whether a server may be started on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def ends_with_parent(number: signal.Signals) -> list[str]:
    """
    Give the words to put before a command so that it gets this signal when the thread that starts it ends.

    Without `setpriv` (it belongs to Debian's base system) that is no words, and no signal.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG")] if setpriv else []


def adopt_orphans() -> None:
    """Make this process the parent of every process below it whose own parent ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(of: int | None = None) -> list[int]:
    """List the living processes below one, or this one, in whatever session or group they are (Linux only)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name is in parentheses and may hold anything; state and parent follow it.
            state, parent, *_rest = (entry / "stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                children.setdefault(int(parent), []).append(int(entry.name))
    found = list(children.get(os.getpid() if of is None else of, []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def kill_descendants() -> None:
    """Kill every process below this one; after `adopt_orphans()` none of them can slip away."""
    deadline = time.monotonic() + KILL_SECONDS
    while (pids := descendants()) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_PAUSE_SECONDS)


class Command:
    """
    A program, on demand more than once, and everything below it, which a mark in the environment tells (Linux only).

    It has a process group of its own, and what it prints over all its starts is kept. `words` and `env` are what it is
    started with next.
    """

    def __init__(self, *words: str, env: Mapping[str, str] | None = None, folder: Path = REPOSITORY) -> None:
        mark = uuid.uuid4().hex
        self.words, self.env = words, {**(os.environ if env is None else env), "MARK": mark}
        self._folder, self._mark = folder, f"MARK={mark}".encode()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        weakref.finalize(self, self._log.close)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The program itself; AssertionError if it was never started."""
        if self._process is None:
            raise AssertionError(f"{self.words[0]} was not started")
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the program itself; AssertionError if it was never started."""
        return self.process.pid

    def start(self) -> None:
        """Start it; what it starts comes within seconds."""
        self._process = subprocess.Popen(
            self.words,
            cwd=self._folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C is for the caller, who still needs it while it cleans up.
            start_new_session=True,
        )

    def exit_status(self) -> int | None:
        """Give what the program itself has ended with; None while it runs, and before it was started."""
        return None if self._process is None else self._process.poll()

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """
        Ask it to stop (SIGTERM), unless it has ended, and give its exit status; what is left of it is killed.

        :raises subprocess.TimeoutExpired: if it has not stopped in time
        """
        try:
            self.process.terminate()
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """End every process of it at once (SIGKILL), itself first, so that it starts no other."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def printed(self, *, last: int = 4000) -> str:
        """Give the end of what it has printed so far; `last=0` is all of it."""
        # Not by the position of the file: that is where the program writes next.
        log = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return log.decode(errors="replace")[-last:]

    def alive(self) -> list[int]:
        """Name every process of it that lives, orphans too."""
        return [pid for pid, _parent, _words in self.family()]

    def family(self) -> list[tuple[int, int, list[str]]]:
        """Give id, parent and command line of each living process with the mark."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if state != "Z":
                    found.append((int(entry.name), int(parent), words))
        return found
