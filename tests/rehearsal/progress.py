"""One line that says what is going on: rewritten in place on a terminal, a line for each outage elsewhere."""

import shutil
import sys
import threading
import time
from typing import TextIO

TICK_SECONDS = 0.5


class Progress:
    """Tells which outage is played, what is waited for, and for how long; also while nobody says anything new."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out, self._is_terminal = out, out.isatty()
        self._title, self._what, self._began = "", "", time.monotonic()
        self._lock = threading.Lock()
        if self._is_terminal:
            threading.Thread(target=self._tick, daemon=True).start()

    def begin(self, title: str) -> None:
        """Name the outage; seconds count from here."""
        with self._lock:
            self._title, self._what, self._began = title, "", time.monotonic()

    def say(self, what: str) -> None:
        """Say what is being waited for."""
        with self._lock:
            self._what = what

    def end(self, result: str) -> None:
        """Say what came of it, for good."""
        with self._lock:
            self._what = ""
            start = "\r\033[K" if self._is_terminal else ""
            print(f"{start}{self._title}: {result}, {self._seconds()} in all", file=self._out, flush=True)

    def _tick(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            with self._lock:
                if self._what:
                    line = f"{self._title}: {self._what}, {self._seconds()}"
                    width = shutil.get_terminal_size().columns - 1
                    print(f"\r\033[K{line[:width]}", end="", file=self._out, flush=True)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.0f} s"
