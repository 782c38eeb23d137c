"""Ports and processes: what the tools that start servers have in common."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

HOST = "127.0.0.1"
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
