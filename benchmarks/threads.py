"""Measures creates with other numbers of threads, while the Flight Service answers at once, soon, and late."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.cells import Cell
from benchmarks.report import PAGE, table, with_section
from benchmarks.targets import ROOT, THIS, service, with_setting
from bookings.conf import create_threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.samples import Series
    from benchmarks.targets import Target

BEGIN, END = "<!-- bench of threads: begin -->", "<!-- bench of threads: end -->"
CLIENTS = 64
LATENCIES_MS = (0, 5, 50)
CELLS = tuple(Cell("create", CLIENTS, latency_ms) for latency_ms in LATENCIES_MS)
TEXT = re.compile(r"([1-9][0-9]?)x([1-9][0-9]{0,2})")
INTRODUCTION = f"""## Threads, and what the Flight Service takes

Creates of {CLIENTS} clients: answers a second, milliseconds within which 99 of 100 came, and milliseconds of CPU of web
and database for each. Medians of several rounds; in brackets the least and the most. The rows take turns in each round.
"""


class Threads(NamedTuple):
    """So many processes of a web server, with so many threads each."""

    processes: int
    each: int

    @classmethod
    def read(cls, text: str) -> Self:
        """
        Read how they are written on the command line: 2x32.

        :raises ValueError: if it is not
        """
        found = TEXT.fullmatch(text)
        if found is None:
            raise ValueError(text)
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.processes}x{self.each}"


def thread_targets(choices: Sequence[Threads], *, python: str) -> list[Target]:
    """Describe this service once for each choice. All of them have the tables of one."""
    this = service(THIS, ROOT, python)
    targets: list[Target] = []
    for choice in choices:
        workers = {**this.environment, "WEB_WORKERS": str(choice.processes)}
        target = with_setting(replace(this, environment=workers), f"WEB_THREADS={choice.each}", {"create"})
        targets.append(replace(target, name=str(choice), migrate=() if targets else this.migrate))
    return targets


@dataclass(frozen=True, slots=True)
class ThreadsReport:
    """The result of one run."""

    series: Series
    circumstances: str
    choices: Sequence[Threads]

    def text(self) -> str:
        """Write the whole section, in Markdown."""
        columns = ["processes", "threads each", "of these create"]
        for latency_ms in LATENCIES_MS:
            columns += [f"{latency_ms} ms: a second", "p99, ms", "CPU, ms"]
        return "\n".join([INTRODUCTION, self.circumstances, "", *table(columns, map(self._row, self.choices))])

    def write(self, docs: Path) -> None:
        """Put the section into the page, in the place of the last one."""
        page = docs / PAGE
        section = f"{BEGIN}\n{self.text()}\n{END}\n"
        page.write_text(with_section(page.read_text() if page.exists() else "", section))

    def _row(self, choice: Threads) -> list[str]:
        row = [str(choice.processes), str(choice.each), str(create_threads(choice.each))]
        for cell in CELLS:
            rate = self.series.spread(cell, str(choice), lambda sample: sample.rate)
            p99 = self.series.spread(cell, str(choice), lambda sample: sample.p99_ms)
            cpu = self.series.spread(cell, str(choice), lambda sample: sample.own_cpu_ms)
            row += [rate.text(0), f"{p99.median:.0f}", f"{cpu.median:.2f}"]
        return row
