"""How much CPU time, memory and database traffic something cost, read from /proc (Linux only) and from MariaDB."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Mapping

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat, counted from the state, which follows the name: user and system time.
USER_TIME, SYSTEM_TIME = 11, 12
# In the first line of /proc/stat, after its name.
IDLE, WAITING = 3, 4
PSS = re.compile(r"^Pss: +([0-9]+) kB$", re.MULTILINE)
# Statements that read or write rows: transaction control, and what a connection says when it opens, are not among them.
STATEMENTS = ("Com_select", "Com_insert", "Com_update", "Com_delete")


def readings(roots: Mapping[str, int], session: Any) -> dict[str, float]:
    """
    Read what was used since the start: CPU seconds of these trees of processes and of the whole `machine`, and
    MariaDB's `statements`. Reading them is not counted in these.
    """
    found = {name: cpu_seconds(pid) for name, pid in roots.items()}
    found["machine"] = _machine_seconds()
    status = {name: int(count) for name, count in rows(session, "SHOW GLOBAL STATUS WHERE Value REGEXP '^[0-9]+$'")}
    found["statements"] = sum(status[name] for name in STATEMENTS)
    return found


def cpu_seconds(root: int) -> float:
    """Tell how much a process and all below it have used since they were started."""
    return sum(map(_cpu_seconds, [root, *descendants(of=root)]))


def rows(session: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on a connection of MySQLdb and give its rows."""
    with contextlib.closing(session.cursor()) as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def memory_mb(root: int) -> list[float]:
    """
    Give the memory of a process and of each below it in MB, the largest first.

    It is the proportional set size: what several processes share is divided among them.
    """
    return sorted((_pss_kb(pid) / 1024 for pid in [root, *descendants(of=root)]), reverse=True)


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        return int(found[1]) if found else 0
    return 0


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
