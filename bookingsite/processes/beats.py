"""
How a web process shows that it lives: it writes the time into a file of its own, again and again.

The time is the machine's monotonic clock, which all processes share and which cannot be set. A process that was
stopped, or that hangs while it holds Python's lock, stops writing; `run_web` reads the files.
"""

import os
import struct
import time
from pathlib import Path

# Names the folder; without it no process beats.
FOLDER = "WEB_BEATS_DIR"

# Short enough that a busy machine does not look like a dead process.
BEAT_SECONDS = 1.0

_FORM = struct.Struct("=d")


class Beat:
    """The file of this process, named after its id."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / str(os.getpid()), os.O_WRONLY | os.O_CREAT, 0o600)

    def strike(self) -> None:
        """Say that this process lives now."""
        os.pwrite(self._file, _FORM.pack(time.monotonic()), 0)


def last_beats(folder: Path) -> dict[int, float]:
    """Tell when each process was last alive, by its id; processes that have ended are included."""
    beats = {}
    for file in folder.iterdir():
        content = file.read_bytes()
        if len(content) == _FORM.size:
            beats[int(file.name)] = _FORM.unpack(content)[0]
    return beats


def forget(folder: Path, pid: int) -> None:
    """Remove the file of a process that has ended."""
    (folder / str(pid)).unlink(missing_ok=True)
