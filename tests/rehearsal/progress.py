"""One line that says what is going on: rewritten in place on a terminal, a line for each outage elsewhere."""

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """Tells which outage is played, what is waited for, and for how long."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._title, self._began = "", time.monotonic()

    def begin(self, title: str) -> None:
        """Name the outage; seconds count from here."""
        self._title, self._began = title, time.monotonic()

    def say(self, what: str) -> None:
        """Say what is being waited for."""
        if self._out.isatty():
            line = f"{self._title}: {what}, {self._seconds()}"
            print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=self._out, flush=True)

    def end(self, result: str) -> None:
        """Say what came of it, for good."""
        start = "\r\033[K" if self._out.isatty() else ""
        print(f"{start}{self._title}: {result}, {self._seconds()}", file=self._out, flush=True)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.0f} s"
