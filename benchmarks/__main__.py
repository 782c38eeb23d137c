"""
Measure creates, payments, cancellations and reads of this service beside references; `make bench` ends here.

Everything runs on this machine, the load as well. The targets take turns in each round, so that what else the machine
does meets all of them: compare what stands in one table.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from benchmarks.cells import CONSUMING, LONG, SCENARIOS, SHORT, Cell, Made, Requests
from benchmarks.load import Clients, LoadFailed
from benchmarks.meters import memory_mb, readings
from benchmarks.report import Report, circumstances, conditions
from benchmarks.samples import Sample, Series
from benchmarks.stack import Stack, StackFailed
from benchmarks.targets import THIS, NotInstalled, all_targets
from benchmarks.threads import CELLS as CELLS_OF_THREADS
from benchmarks.threads import Threads, ThreadsReport, thread_targets
from devtools.private_server import ServerUnavailable
from devtools.processes import adopt_orphans, kill_descendants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.targets import Target

SHORT_ROUNDS, LONG_ROUNDS = 3, 5
SHORT_SECONDS, LONG_SECONDS = 1.0, 3.5
# Before the first round: enough for every thread to have its connections and every code path to have run.
FIRST_SECONDS = 3.0
# Before each measurement: the clients' connections are new.
WARM_UP_SECONDS = 0.2
WARM_UP_SHARE = 10
FIRST = Cell("create", 64, 0)
SETTING = re.compile(r"[A-Z_]+=.*")
# Rounds and seconds beyond these are a slip of the finger.
MOST_ROUNDS, MOST_SECONDS = 100, 600.0


class Bench:
    """The rounds of one run."""

    def __init__(self, stack: Stack, *, cells: Sequence[Cell], seconds: float) -> None:
        self.series = Series()
        self._stack, self._cells, self._seconds = stack, cells, seconds
        self._requests = Requests()
        self._made = {target.name: Made() for target in stack.targets}

    def warm_up(self) -> None:
        for target in self._stack.targets:
            if FIRST.scenario in target.scenarios:
                _progress(f"warming up {target.name}")
                self._drive(FIRST, target, share=1, seconds=min(FIRST_SECONDS, 4 * self._seconds))

    def round(self, number: int, *, of: int) -> None:
        """Measure every cell once with every target, beginning with another one each time."""
        for cell in self._cells:
            able = [target for target in self._stack.targets if cell.scenario in target.scenarios]
            begin = number % len(able)
            for target in [*able[begin:], *able[:begin]]:
                if (cell, target.name) not in self.series.frozen:
                    _progress(f"round {number + 1} of {of}: {cell.scenario}, {cell.clients} clients, {target.name}")
                    self._measure(cell, target, number)
        for made in self._made.values():
            # Their payment window would close during one of the next rounds.
            made.unused.clear()

    def _measure(self, cell: Cell, target: Target, number: int) -> None:
        consuming = [each for each in self._cells if each.scenario in CONSUMING]
        share = len(consuming) - consuming.index(cell) if cell in consuming else 1
        self._stack.set_latency(cell.latency_ms)
        try:
            sample = self._drive(cell, target, share=share, seconds=self._seconds)
            if sample is None:
                _say(f"{target.name} had no booking left to {cell.scenario} in round {number + 1}", to=sys.stderr)
            else:
                self.series.add(cell, target.name, number, sample)
        except LoadFailed:
            self.series.frozen.add((cell, target.name))
            self._stack.restart(target)
        finally:
            self._stack.set_latency(0)

    def _drive(self, cell: Cell, target: Target, *, share: int, seconds: float) -> Sample | None:
        made, roots = self._made[target.name], self._stack.roots(target)
        requests = self._requests.of(cell, made, share=share, seconds=seconds)
        with Clients(target.port, count=cell.clients) as clients:
            clients.drive(requests, seconds=min(WARM_UP_SECONDS, seconds / WARM_UP_SHARE))
            before = self._used(roots)
            load = clients.drive(requests, seconds=seconds)
            after = self._used(roots)
        if cell.scenario == "create":
            made.add(load.bodies)
        return Sample.of(load, {name: after[name] - before[name] for name in after}) if load.latencies else None

    def _used(self, roots: Mapping[str, int]) -> dict[str, float]:
        return {**readings(roots, self._stack.session), "round_trips": self._stack.round_trips.count()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 if this service answered every request with 2xx."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    adopt_orphans()
    try:
        _progress("starting MariaDB, the stub Flight Service and what is measured")
        if options.threads:
            with Stack(thread_targets(options.threads, python=options.python)) as stack:
                return _run_threads(options, stack)
        described = all_targets(
            old=options.old, python=options.python, old_python=options.old_python, beside=options.beside
        )
        with Stack(described) as stack:
            return _run(options, stack)
    except (ServerUnavailable, StackFailed, NotInstalled, LoadFailed) as reason:
        _say(str(reason), to=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("Stopped.", to=sys.stderr)
        return 130
    finally:
        kill_descendants()


def _run(options: argparse.Namespace, stack: Stack) -> int:
    told = circumstances(stack, options)
    bench = _measured(options, stack, options.cells)
    roots = {target.name: stack.roots(target).get("web") for target in stack.targets}
    memory = {name: memory_mb(root) for name, root in roots.items() if root}
    report = Report(bench.series, told, memory)
    _say(report.text())
    if options.docs:
        report.write(options.docs)
        _say(f"written to {options.docs}")
    if failures := report.failures(THIS):
        _say(f"not answered with 2xx: {dict(failures)}", to=sys.stderr)
    return 1 if failures else 0


def _run_threads(options: argparse.Namespace, stack: Stack) -> int:
    told = conditions(stack, options)
    report = ThreadsReport(_measured(options, stack, CELLS_OF_THREADS).series, told, options.threads)
    _say(report.text())
    if options.docs:
        report.write(options.docs)
        _say(f"written to {options.docs}")
    return 0


def _measured(options: argparse.Namespace, stack: Stack, cells: Sequence[Cell]) -> Bench:
    bench = Bench(stack, cells=cells, seconds=options.seconds)
    bench.warm_up()
    for number in range(options.rounds):
        bench.round(number, of=options.rounds)
    return bench


def _progress(text: str) -> None:
    """Show what is being done, on one line of a terminal that the next text overwrites."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _say(text: str, *, to: TextIO | None = None) -> None:
    """Print lines that stay, in place of the progress."""
    _progress("")
    print(text, file=to or sys.stdout, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures the service beside references.")
    parser.add_argument("--long", action="store_true", help="more cells, rounds and seconds: about twenty minutes")
    parser.add_argument("--old", type=Path, metavar="TREE", help="another checkout of this project, measured in turns")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=VALUE", help="measure that setting too")
    parser.add_argument(
        "--threads",
        nargs="+",
        type=Threads.read,
        metavar="PROCESSESxTHREADS",
        help="measure creates with these, and nothing else",
    )
    parser.add_argument("--python", default="", help="runs the services in the place of .venv's own; has all packages")
    parser.add_argument("--old-python", default="", help="runs the old checkout in the place of that; may be --old .")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write the table and the picture there")
    parser.add_argument("--only", action="append", choices=sorted(SCENARIOS), help="this scenario; may be repeated")
    parser.add_argument(
        "--cell", action="append", type=_cell, metavar="SCENARIO:CLIENTS:MS", help="these cells, no others"
    )
    parser.add_argument("--rounds", type=int, help=f"default: {SHORT_ROUNDS}, or {LONG_ROUNDS} with --long")
    parser.add_argument("--seconds", type=float, help=f"of each measurement; {SHORT_SECONDS:g}, or {LONG_SECONDS:g}")
    options = parser.parse_args(arguments)
    cells = options.cell or (LONG if options.long else SHORT)
    options.cells = [cell for cell in cells if cell.scenario in (options.only or SCENARIOS)]
    options.rounds = options.rounds or (LONG_ROUNDS if options.long else SHORT_ROUNDS)
    options.seconds = options.seconds or (LONG_SECONDS if options.long else SHORT_SECONDS)
    options.old = options.old and options.old.resolve()
    options.python, options.old_python = _found(options.python), _found(options.old_python)
    if not all(SETTING.fullmatch(setting) for setting in options.beside):
        parser.error("--beside takes NAME=VALUE")
    if options.docs and not options.docs.is_dir():
        parser.error(f"--docs: there is no folder {options.docs}")
    if not 1 <= options.rounds <= MOST_ROUNDS or not 0 < options.seconds <= MOST_SECONDS:
        parser.error(f"at most {MOST_ROUNDS} rounds and {MOST_SECONDS:g} seconds")
    return options


def _found(interpreter: str) -> str:
    """Give the path of an interpreter; not resolved, as the link is what belongs to the packages."""
    return interpreter and str(Path(shutil.which(interpreter) or interpreter).absolute())


def _cell(text: str) -> Cell:
    """Read a cell as it is written on the command line: create:64:50."""
    scenario, clients, latency_ms = text.split(":")
    if scenario not in SCENARIOS:
        raise ValueError(text)
    return Cell(scenario, int(clients), int(latency_ms))


if __name__ == "__main__":
    sys.exit(main())
