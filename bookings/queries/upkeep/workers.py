"""What each worker says of itself: who works, and who should and does not."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookings.conf import longest_silence
from bookings.models import WorkerHeartbeat

# How `run_worker` tells the processes of its cluster whose they are.
NAME_VARIABLE = "BOOKINGS_WORKER"

# No operator still waits for one that has been silent for so long.
WORKER_RETENTION = timedelta(days=1)


def worker_name(environment: Mapping[str, str] = os.environ) -> str:
    """Name the worker that this process belongs to; empty if to none, as a command that an operator runs."""
    return environment.get(NAME_VARIABLE, "")


@dataclass(frozen=True, slots=True)
class AtWork:
    """A worker that was not asked to stop, and for how long it has not finished a pass, since its start at most."""

    machine: str
    worker: str
    silence: timedelta

    @property
    def is_silent(self) -> bool:
        return self.silence > longest_silence()

    def __str__(self) -> str:
        return f"worker {self.worker} of {self.machine}"


def at_work(now: datetime) -> list[AtWork]:
    """All workers that were not asked to stop, those of a day."""
    rows = WorkerHeartbeat.objects.filter(has_stopped=False).order_by("name")
    # A time in the future was written by a clock that was ahead: it is as wrong as one of long ago.
    return [AtWork(row.machine, row.worker, abs(now - row.heard_at)) for row in rows]


def last_pass_of(name: str) -> datetime | None:
    """When a worker last finished a pass since it began its cluster; None if it did not yet."""
    return WorkerHeartbeat.objects.filter(pk=name).values_list("finished_at", flat=True).first()


def workers_of(machine: str) -> list[str]:
    """Name the workers of a machine that were not asked to stop."""
    rows = WorkerHeartbeat.objects.filter(name__startswith=f"{machine}/", has_stopped=False)
    return [row.worker for row in rows if row.machine == machine]
