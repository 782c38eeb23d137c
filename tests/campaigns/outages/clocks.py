"""Outages of clocks: a worker's, and the database's, whose wall clock is put ahead and back while it runs."""

import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from bookings.lifecycle import CancelReason
from bookings.models import BookingEvent
from tests.campaigns.outages.outage import DEAD_WORKER_SECONDS, NO_DATABASE, PAYMENT_WINDOW_SECONDS, Feel, Outage
from tests.campaigns.stack import Stack
from tests.support.waiting import await_that

SOURCE = Path(__file__).with_name("wrong_clock.c")

HOUR, DAY = 3600, 24 * 3600


class WrongClock:
    """A wall clock of the programs that are started in its environment; `shift` puts it ahead or back."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "shift", folder / "wrong_clock.so"
        self.shift(0)
        assert shutil.which("gcc"), "no gcc found, to build the wrong clock"
        command = ("gcc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl")
        subprocess.run(command, check=True, timeout=60)

    def shift(self, seconds: int) -> None:
        """Let it be wrong by so many seconds from now on."""
        # In place: programs have the file mapped.
        file = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(file, struct.pack("=q", seconds), 0)
        os.close(file)

    @property
    def environment(self) -> dict[str, str]:
        """What a program must have in its environment."""
        return {"LD_PRELOAD": str(self._library), "CLOCK_SHIFT_FILE": str(self._file)}

    @contextmanager
    def for_programs(self) -> Iterator[None]:
        """Give it to every program that is started meanwhile."""
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name in self.environment:
                del os.environ[name]


def worker_with_a_wrong_clock(stack: Stack, feel: Feel) -> float:
    """A worker that is two days ahead, then one that is a day behind, and at last one whose clock is right."""
    worker = stack.worker
    with tempfile.TemporaryDirectory() as folder:
        clock = WrongClock(Path(folder))
        right = dict(worker.env)
        worker.env |= clock.environment
        try:
            for seconds in (2 * DAY, -DAY):
                worker.kill()
                clock.shift(seconds)
                worker.start()
                before = stack.last_pass()
                feel()
                await_that(lambda seen=before: stack.last_pass() != seen, worker.printed, seconds=DEAD_WORKER_SECONDS)
        finally:
            worker.kill()
            worker.env = right
            worker.start()
    return time.monotonic()


def database_with_a_wrong_clock(stack: Stack, feel: Feel) -> float:
    """Four days ahead for as long as clients feel it, then an hour back, then right again."""
    assert stack.database is not None, NO_DATABASE
    folder = tempfile.mkdtemp()  # the server has it mapped for as long as it runs
    clock = WrongClock(Path(folder))
    with clock.for_programs():
        stack.database.restart()
    connection.close()
    feel()
    last = BookingEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    clock.shift(4 * DAY)
    feel()
    clock.shift(-HOUR)
    feel()
    clock.shift(0)
    since = time.monotonic()
    _refuse_early_ends(last)
    return since


def _refuse_early_ends(last: int) -> None:
    """Look whether a booking ended before its window did, on any clock."""
    ended = BookingEvent.objects.filter(pk__gt=last, what="cancelled", reason=CancelReason.EXPIRED)
    early = [
        event.booking_id
        for event in ended.select_related("booking")
        if (event.created_at - event.booking.created_at).total_seconds() > 10 * PAYMENT_WINDOW_SECONDS
    ]
    assert early == [], f"bookings expired on a wrong clock: {early[:5]}"


OF_CLOCKS = (
    Outage("worker with a wrong clock", worker_with_a_wrong_clock, DEAD_WORKER_SECONDS),
    Outage("database with a wrong clock", database_with_a_wrong_clock),
)
