"""
How many machines so many bookings a second need, and how large a year of them becomes: `python -m benchmarks.capacity`.

Reads what a create, a payment, a cancellation and a read cost in CPU, and what a booking takes on disk, out of
docs/measurements.md, and multiplies. docs/cells.md has what this prints.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass

from devtools.processes import REPOSITORY

# What comes of one booking: it is made, three of five are paid for, one of twenty is cancelled, each is read twice.
MIX = {"create": 1.0, "pay": 0.6, "cancel": 0.05, "read": 2.0}
# Transactions of each, where a gateway is another system: a payment is begun, opened and settled.
COMMITS = {"create": 2, "pay": 3, "cancel": 1, "read": 0}
# A core that is busier than this makes clients wait.
BUSY = 0.6
CORES_OF_A_MACHINE = 16
# What was seen of one database at once is some hundreds a second; group commit on fast disks is said to carry this.
COMMITS_OF_A_DATABASE = 8_000
# A create asks the Flight Service twice, at 20 ms, and a payment a gateway, at 300 ms. A thread waits for both.
WAITS_SECONDS = {"create": 0.040, "pay": 0.300, "cancel": 0.0, "read": 0.0}
THREADS_OF_A_PROCESS = 32
RATES = (100, 1_000, 10_000)

# An answer under a key, for 72 hours; what remembers whose a key is, for 144; an announcement, for 30 days. Bytes.
OF_A_KEY, HOURS_OF_A_KEY = 1_500, 72
OF_A_CELL_KEY, HOURS_OF_A_CELL_KEY = 181, 144
OF_AN_ANNOUNCEMENT, DAYS_OF_AN_ANNOUNCEMENT, ANNOUNCEMENTS = 1_200, 30, 2
KEYS_OF_A_BOOKING = 1.65
DAYS_OF_A_MONTH = 30.4
YEAR_RATES = (1, 10, 100)
GIGABYTE = 1e9


@dataclass(frozen=True)
class Cost:
    """CPU of one request, in seconds."""

    web: float
    database: float


@dataclass(frozen=True)
class Bytes:
    """What a booking takes, with its events and payment; and as one row of the archive."""

    in_tables: int
    of_it_indexes: int
    in_archive: int


def measured(text: str) -> tuple[dict[str, Cost], Bytes]:
    """Read the costs out of docs/measurements.md."""
    costs = {}
    for name in MIX:
        row = re.search(rf"^\| {name} +\| 16 +\| 0 ms +\| this service +\|(.*)$", text, re.MULTILINE)
        if row is None:
            raise ValueError(f"docs/measurements.md does not say what a {name} costs")
        cells = [cell.strip() for cell in row[1].split("|")]
        costs[name] = Cost(float(cells[4]) / 1000, float(cells[5]) / 1000)
    said = re.search(r"A booking takes ([\d,]+) bytes in the tables, ([\d,]+) of them indexes, and ([\d,]+) in", text)
    if said is None:
        raise ValueError("docs/measurements.md does not say what a booking takes")
    return costs, Bytes(*(int(number.replace(",", "")) for number in said.groups()))


def machines(costs: dict[str, Cost]) -> list[list[str]]:
    """What so many bookings a second need, a row for each rate."""
    web = sum(MIX[name] * costs[name].web for name in MIX)
    database = sum(MIX[name] * costs[name].database for name in MIX)
    commits = sum(MIX[name] * COMMITS[name] for name in MIX)
    waits = sum(MIX[name] * WAITS_SECONDS[name] for name in MIX)
    rows = []
    for rate in RATES:
        cores = math.ceil(rate * web / BUSY)
        threads = math.ceil(rate * (waits + web) / BUSY)
        processes = max(cores, math.ceil(threads / THREADS_OF_A_PROCESS))
        rows.append(
            [
                f"{rate:,}",
                f"{rate * web:.1f}, {cores}",
                # One more, as one may die.
                f"{math.ceil(cores / CORES_OF_A_MACHINE) + 1}",
                f"{processes * THREADS_OF_A_PROCESS:,}",
                f"{rate * database:.1f}",
                f"{rate * commits:,.0f}",
                f"{max(1, math.ceil(rate * commits / COMMITS_OF_A_DATABASE))}",
            ]
        )
    return rows


def growth(sizes: Bytes) -> list[list[str]]:
    """How large all becomes in a year, a row for each rate and number of months."""
    rows = []
    for rate in YEAR_RATES:
        for months in (1, 3, 6, 12):
            a_month = rate * 86_400 * DAYS_OF_A_MONTH
            made = a_month * months
            kept = min(made, a_month * 3)
            lasting = rate * 3600 * HOURS_OF_A_KEY * KEYS_OF_A_BOOKING * OF_A_KEY
            lasting += rate * 86_400 * DAYS_OF_AN_ANNOUNCEMENT * ANNOUNCEMENTS * OF_AN_ANNOUNCEMENT
            of_redis = rate * 3600 * HOURS_OF_A_CELL_KEY * KEYS_OF_A_BOOKING * OF_A_CELL_KEY
            rows.append(
                [
                    f"{rate}",
                    f"{months}",
                    f"{made / 1e6:,.0f}",
                    f"{made * sizes.in_tables / GIGABYTE:,.0f}, {made * sizes.of_it_indexes / GIGABYTE:,.0f}",
                    f"{kept * sizes.in_tables / GIGABYTE:,.0f}, {(made - kept) * sizes.in_archive / GIGABYTE:,.0f}",
                    f"{lasting / GIGABYTE:,.1f}",
                    f"{of_redis / GIGABYTE:,.1f}",
                ]
            )
    return rows


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Write a table as a page has it."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report() -> str:
    """Both tables."""
    costs, sizes = measured((REPOSITORY / "docs/measurements.md").read_text())
    of_machines = [
        *("bookings a second", "cores of web: busy, at 60 %", "web machines of 16 cores, one may die"),
        *("threads, and connections", "cores of database, busy", "commits a second", "cells"),
    ]
    of_growth = [
        *("bookings a second", "months", "bookings, millions", "all stay: GB, of it indexes"),
        *("KEEP_MONTHS=3: GB in tables, in archive", "keys and announcements, GB", "Redis of cells, GB"),
    ]
    return f"{table(of_machines, machines(costs))}\n\n{table(of_growth, growth(sizes))}"


def main() -> int:
    print(report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
