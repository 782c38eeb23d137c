"""How much CPU time processes have used, read from /proc (Linux only)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Mapping

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat, counted from the state, which follows the name: user and system time.
USER_TIME, SYSTEM_TIME = 11, 12
# In the first line of /proc/stat, after its name.
IDLE, WAITING = 3, 4


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds of CPU time since the start: of each tree of processes, and of everything on the machine."""

    trees: Mapping[str, float]
    machine: float

    @classmethod
    def now(cls, roots: Mapping[str, int]) -> CpuTimes:
        """Read the times of the trees below these processes."""
        trees = {name: sum(map(_cpu_seconds, [pid, *descendants(of=pid)])) for name, pid in roots.items()}
        return cls(trees=trees, machine=_machine_seconds())

    def since(self, before: CpuTimes) -> CpuTimes:
        """Give the difference; a tree that was not there before counts from zero."""
        trees = {name: seconds - before.trees.get(name, 0.0) for name, seconds in self.trees.items()}
        return CpuTimes(trees=trees, machine=self.machine - before.machine)


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[USER_TIME]) + int(fields[SYSTEM_TIME])) / TICKS_PER_SECOND
    return 0.0


def _machine_seconds() -> float:
    with Path("/proc/stat").open() as lines:
        # The last two, guests, are contained in the first two.
        ticks = [int(field) for field in lines.readline().split()[1:9]]
    return (sum(ticks) - ticks[IDLE] - ticks[WAITING]) / TICKS_PER_SECOND
