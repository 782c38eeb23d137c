"""Finds web processes that live but do not work: stopped, or hanging while they hold Python's lock."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from bookingsite.processes.beats import forget, last_beats

# If two looks are further apart, the machine or this process was paused, and perhaps the others were too.
PAUSED_SECONDS = 3.0


class HungProcesses:
    """Watches the beats of the processes of one session."""

    def __init__(self, folder: Path, *, session: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._session, self._clock = folder, session, clock
        self._looked_at = self._watched_since = clock()

    def silent_for(self, seconds: float) -> dict[int, float]:
        """Name each process that has not beaten for so long, with its silence. Each is named once."""
        now = self._clock()
        if now - self._looked_at > PAUSED_SECONDS:
            self._watched_since = now
        self._looked_at = now
        found = {}
        for pid, beat in last_beats(self._folder).items():
            silence = now - max(beat, self._watched_since)
            if not self._is_there(pid):
                forget(self._folder, pid)
            elif silence > seconds:
                found[pid] = silence
                forget(self._folder, pid)
        return found

    def _is_there(self, pid: int) -> bool:
        """Whether this is still the process that wrote the beat: ids of ended processes are used again."""
        try:
            return os.getsid(pid) == self._session
        except ProcessLookupError:
            return False
