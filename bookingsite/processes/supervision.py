"""What `run_web` and `run_worker` share: one program is started, watched, and ended with all its processes."""

import contextlib
import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from django.conf import settings

# How soon the end of the program is seen; a signal is seen at once.
LOOK_EVERY_SECONDS = 0.25

# A folder is made and locked within a moment; a younger one may not be locked yet.
LOCKED_AFTER_SECONDS = 60

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """The signals that ask this process to stop, from here on: each is counted, and none interrupts a call."""

    def __init__(self) -> None:
        self.count = 0
        # The one queue that a handler may write to while the same thread waits for it.
        self._received: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in STOP_SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._received.put(number)

    def arrives_within(self, seconds: float) -> bool:
        """Wait for the next signal; False if none has come by then."""
        try:
            self._received.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return False
        return True


class Program:
    """
    One Python program and all that it starts.

    It runs in a session of its own, so that a signal to the whole process group of this process (Ctrl-C, a stop of
    the group) reaches this process alone, which passes it on in its own way. It ends with this process, however
    that ends; see `die_with_parent`.

    :param ends_by: the signal that the program gets when this process is gone
    """

    def __init__(self, *words: str, ends_by: signal.Signals, environment: Mapping[str, str]) -> None:
        lifeline = ("-m", "bookingsite.processes.die_with_parent", str(os.getpid()), ends_by.name)
        self._process = subprocess.Popen(
            [sys.executable, *lifeline, *words],
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def exit_status(self) -> int | None:
        """Give the status that its first process has ended with; None while that runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to its first process alone, which stops the others."""
        self._process.terminate()

    def ends_within(self, seconds: float, *, unless: StopSignals) -> bool:
        """Wait until its first process has ended; False if it has not by then, or a signal has come before."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > deadline or unless.arrives_within(LOOK_EVERY_SECONDS):
                return self._process.poll() is not None
        return True

    def end(self) -> None:
        """Kill whatever is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def private_folder(name: str) -> Iterator[Path]:
    """
    Make a folder that only this user can look into; it is gone after the block.

    It is locked as long as this process lives. So a folder that a killed process has left can be told from one in
    use, and systemd's cleaning of old files skips it.
    """
    prefix = f"bookings-{name}-"
    _remove_what_is_left(prefix)
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder, _locked(Path(folder)):
        yield Path(folder)


def _remove_what_is_left(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            seen = folder.lstat()
            if seen.st_uid == os.getuid() and time.time() - seen.st_mtime > LOCKED_AFTER_SECONDS:
                with _locked(folder):
                    shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """
    Hold the lock of a folder.

    :raises OSError: if another process holds it
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)
