"""Tells `run_web` that this web process lives and its threads are not stuck."""

import os
import threading
import time
from pathlib import Path

import structlog

from bookingsite.processes.beats import BEAT_SECONDS, FOLDER, Beat
from bookingsite.web.lanes import Lanes

log = structlog.get_logger(__name__)


def begin_to_beat(lanes: Lanes) -> None:
    """Beat from now on, in a thread of its own, if `run_web` has named a folder."""
    if folder := os.environ.get(FOLDER):
        beat = Beat(Path(folder))
        beat.strike()
        threading.Thread(target=_run, args=(lanes, beat), name="beat", daemon=True).start()


def _run(lanes: Lanes, beat: Beat) -> None:
    was_stuck = False
    while True:
        now = time.monotonic()
        lanes.show(now)
        stuck = lanes.stuck(now)
        if not stuck:
            beat.strike()
        elif not was_stuck:
            log.error("web.threads_hang", what=" ".join(stuck))
        was_stuck = bool(stuck)
        time.sleep(BEAT_SECONDS)
