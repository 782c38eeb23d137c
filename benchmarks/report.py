"""Writes down what was measured: a table and a picture, in docs/ where that is wanted."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.aims import COLUMNS as AIM_COLUMNS
from benchmarks.aims import aim_rows
from benchmarks.cells import HOT_FLIGHTS, Cell
from benchmarks.meters import rows
from benchmarks.picture import Bar, drawn
from benchmarks.samples import PROCESSES, Sample, Series, Spread
from benchmarks.targets import NODE_PACKAGES, NODE_REFERENCE, OLD, ROOT, STUB, THIS, WEB_THREADS, WEB_WORKERS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.stack import Stack

PAGE, PICTURE = "measurements.md", "bench-creates.svg"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
PACKAGES = ("granian", "Django", "djangorestframework", "mysqlclient", "pycurl")
WORDS = {"flight": "show a flight", "list": "list of 20"}
COLUMNS = (
    *("", "clients", "Flight Service", "target", "answers a second", f"{THIS} ÷ it", "p50, ms", "p99, ms"),
    *("web", "database", "stub", "client", f"web + database, {THIS} ÷ it", "statements", "round trips", "not 2xx"),
)
INTRODUCTION = f"""## Requests beside references

Medians of several rounds, and the least and the most of them. In each round the targets take turns; a ratio is the
median of the ratios within a round. CPU (web, database, stub, client) is in milliseconds for each request. `{STUB}`
is the Flight Service that all of them ask: what it does by itself. `ceiling` sends the SQL and the HTTP of a create
from a bare callable on the same server. `Node` is the design's algorithm in benchmarks/node_reference, one process.
"""


def circumstances(stack: Stack, options: argparse.Namespace) -> str:
    """Write down what a reader must know to repeat the run, as it is at its start."""
    lock = json.loads((ROOT / NODE_REFERENCE / "package-lock.json").read_text())["packages"]
    node = ", ".join(f"{package} {lock[f'node_modules/{package}']['version']}" for package in NODE_PACKAGES)
    under = f", with {_output([options.old_python, '-V'])}" if options.old_python else ""
    old = f"\n`{OLD}` is {_commit(options.old)}{under}." if options.old else ""
    return f"""{INTRODUCTION}
{conditions(stack, options)} The service has {WEB_WORKERS} processes with
{WEB_THREADS} threads each; creates go to {HOT_FLIGHTS} flights. Node has {node}.{old}
"""


def conditions(stack: Stack, options: argparse.Namespace) -> str:
    """Write down the command, the machine and the versions, as they are at the start."""
    mariadb = rows(stack.session, "SELECT VERSION()")[0][0]
    python = _output([options.python or sys.executable, "-V"])
    packages = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    return f"""```
{_command(options)}
```

{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {_processor()}, {os.cpu_count()} cores, {_memory_gb()} GB, Linux
{platform.release()}, load average at the start {os.getloadavg()[0]:.2f}. MariaDB {mariadb},
innodb_flush_log_at_trx_commit=1, sync_binlog=1, with a binary log. {python}, {packages}. This service
is {_commit(ROOT)}. Rounds: {options.rounds}, with {options.seconds:g} s for each measurement."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run; `memory` is that of each process of a target, the largest first, in MB."""

    series: Series
    circumstances: str
    memory: Mapping[str, Sequence[float]]

    def text(self) -> str:
        """Write the whole section, in Markdown."""
        others = Spread.of([sample.others for rounds in self.series.samples.values() for sample in rounds.values()])
        memory = ([name, f"{sum(sizes):.0f}", f"{sizes[0]:.0f}"] for name, sizes in self.memory.items())
        return "\n".join(
            [
                self.circumstances,
                *table(AIM_COLUMNS, aim_rows(self.series, self.memory)),
                "",
                f"What is not measured used {others.median:.0%} of the cores, at most {others.high:.0%}.\n",
                *table(COLUMNS, (self._row(*pair) for pair in self._pairs())),
                "",
                *self._causes(),
                *table(("memory after the run", "all processes, MB", "the largest, MB"), memory),
            ]
        )

    def write(self, docs: Path) -> None:
        """Put the section into the page, in the place of the last one, and the picture beside it."""
        page = docs / PAGE
        section = f"{BEGIN}\n{self.text()}\n\n![Creates a second]({PICTURE})\n{END}\n"
        page.write_text(with_section(page.read_text() if page.exists() else "", section))
        (docs / PICTURE).write_text(self.picture())

    def picture(self) -> str:
        """Draw the creates of all targets."""
        groups: dict[str, list[Bar]] = {}
        for cell, target in self._pairs():
            if cell.scenario == "create" and (cell, target) in self.series.samples:
                title = f"{cell.clients} clients, {cell.latency_ms} ms for each call of the Flight Service"
                groups.setdefault(title, []).append(Bar(target, self.series.spread(cell, target, _rate)))
        return drawn("Creates a second", groups)

    def failures(self, target: str) -> Counter[str]:
        """Count what a target did not answer with 2xx, by cell and cause."""
        found: Counter[str] = Counter()
        for (cell, name), rounds in self.series.samples.items():
            if name == target:
                where = f"{cell.scenario}, {cell.clients} clients, {cell.latency_ms} ms"
                for sample in rounds.values():
                    found.update({f"{where}: {cause}": count for cause, count in sample.failed.items()})
        return found

    def _pairs(self) -> list[tuple[Cell, str]]:
        """Give what was measured or froze, by cell, this service first."""
        order = {name: place for place, name in enumerate((THIS, OLD))}
        pairs = {**dict.fromkeys(self.series.samples), **dict.fromkeys(self.series.frozen)}
        cells = list(dict.fromkeys(cell for cell, _ in pairs))
        return sorted(pairs, key=lambda pair: (cells.index(pair[0]), order.get(pair[1], len(order)), pair[1]))

    def _causes(self) -> Iterator[str]:
        names = dict.fromkeys(name for _, name in self._pairs())
        for name in names:
            for what, count in self.failures(name).items():
                yield f"{name}, {what}: {count} times\n"

    def _row(self, cell: Cell, target: str) -> list[str]:
        scenario = WORDS.get(cell.scenario, cell.scenario)
        head = [scenario, str(cell.clients), f"{cell.latency_ms} ms", target]
        if (cell, target) in self.series.frozen:
            return [*head, "**froze**", *[""] * (len(COLUMNS) - len(head) - 1)]

        def middle(of: Callable[[Sample], float]) -> float:
            return self.series.spread(cell, target, of).median

        return [
            *head,
            self.series.spread(cell, target, _rate).text(0),
            self._against(cell, target, _rate),
            f"{middle(lambda sample: sample.p50_ms):.1f}",
            self.series.spread(cell, target, lambda sample: sample.p99_ms).text(0),
            *(f"{middle(partial(_cpu_of, name)):.2f}" for name in PROCESSES),
            self._against(cell, target, lambda sample: sample.own_cpu_ms),
            f"{middle(lambda sample: sample.statements):.1f}",
            f"{middle(lambda sample: sample.round_trips):.1f}",
            f"{middle(lambda sample: sum(sample.failed.values())):.0f}",
        ]

    def _against(self, cell: Cell, target: str, of: Callable[[Sample], float]) -> str:
        ratios = [] if target == THIS else self.series.ratios(cell, THIS, to=target, of=of)
        return f"{statistics.median(ratios):.2f}" if ratios else ""


def with_section(page: str, section: str) -> str:
    """Put a section into a page: in the place of the one between the same first and last lines, or at its end."""
    lines = section.splitlines()
    before = re.compile(rf"{re.escape(lines[0])}\n.*?{re.escape(lines[-1])}\n", re.DOTALL)
    if before.search(page):
        return before.sub(lambda _found: section, page, count=1)
    return f"{page}\n{section}" if page else section


def _rate(sample: Sample) -> float:
    return sample.rate


def _cpu_of(name: str, sample: Sample) -> float:
    return sample.cpu_ms.get(name, 0.0)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table whose columns are also aligned where it is read as text."""
    body = list(rows)
    widths = [max(map(len, column)) for column in zip(columns, *body, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [columns, *body]]
    lines.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(line)} |" for line in lines]


def _command(options: argparse.Namespace) -> str:
    words = ["python -m benchmarks", "--long" if options.long else "", f"--rounds {options.rounds}"]
    words += [f"--seconds {options.seconds:g}", *(f"--only {name}" for name in options.only or ())]
    words += [f"--cell {':'.join(map(str, cell))}" for cell in options.cell or ()]
    words += [f"--beside {setting}" for setting in options.beside]
    words += [f"--threads {' '.join(map(str, options.threads))}" if options.threads else ""]
    words += [
        f"--old {options.old.name}" if options.old else "",
        f"--python {options.python}" if options.python else "",
        f"--old-python {options.old_python}" if options.old_python else "",
    ]
    return " ".join(filter(None, words))


def _commit(tree: Path) -> str:
    """Name the commit of a checkout, and say if files differ from it."""
    name = _output(["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]) or "not under version control"
    changed = _output(["git", "-C", str(tree), "status", "--porcelain", "--untracked-files=no"])
    return f"{name} with changes" if changed else name


def _output(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return " ".join(found[1].split()) if found else platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
