"""What a run must show: figures of this service, most of them beside those of another target, and the bar for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.cells import Cell
from benchmarks.samples import Sample, Series, Spread
from benchmarks.targets import ASKING, CEILING, OLD, THIS, node_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COLUMNS = ("", "", "figure", "bar", "is reached")
LARGEST_MB = 90


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure of `target`, or its ratio to that of another one: at least `least`, or at most `most`."""

    what: str
    figure: str
    cell: Cell
    to: str = ""
    target: str = THIS
    least: float = 0.0
    most: float = 0.0

    def row(self, series: Series) -> list[str] | None:
        """Write the row of the table; None if it was not measured."""
        found = self._found(series)
        if not found:
            return None
        spread = Spread.of(found)
        ratio = f"{self.target} ÷ {self.to}" if self.to else f"{self.target}, {UNITS[self.figure]}"
        return _row(self.what, ratio, spread, least=self.least, most=self.most)

    def _found(self, series: Series) -> list[float]:
        def of(sample: Sample) -> float:
            figure: float = getattr(sample, self.figure)
            return figure

        if self.to:
            return series.ratios(self.cell, self.target, to=self.to, of=of)
        return [of(sample) for sample in series.samples.get((self.cell, self.target), {}).values()]


UNITS = {"p99_ms": "p99 in ms", "round_trips": "round trips"}


def _aims() -> Iterator[Aim]:
    for clients in (16, 64):
        cell, what = Cell("create", clients, 0), f"creates a second, {clients} clients"
        yield Aim(what, "rate", cell, to=node_name(5), least=1.0)
        yield Aim(what, "rate", cell, to=node_name(64), least=1.0)
        yield Aim(what, "rate", cell, target=ASKING, to=node_name(5), least=0.8)
        yield Aim(what, "rate", cell, to=CEILING, least=0.6)
    slow, what = Cell("create", 64, 50), "creates a second, 64 clients, 50 ms for each call"
    yield Aim(what, "rate", slow, to=node_name(5), least=10.0)
    yield Aim(what, "rate", slow, to=node_name(64), least=1.0)
    yield Aim(what, "p99_ms", slow, most=250)
    # Each pay needs two connections at once there: see `targets.NODE_POOLS`.
    for clients, pool in ((16, 64), (64, 128)):
        what = f"payments a second, {clients} clients"
        yield Aim(what, "rate", Cell("pay", clients, 0), to=node_name(pool), least=0.8)
    for scenario, most in (("create", 0.4), ("pay", 0.6), ("cancel", 0.6), ("read", 0.5), ("list", 0.6)):
        yield Aim(f"CPU of web and database, {scenario}", "own_cpu_ms", Cell(scenario, 16, 0), to=OLD, most=most)
    for scenario, most in (("create", 4), ("pay", 8), ("cancel", 6), ("read", 1)):
        yield Aim(f"database, {scenario}", "round_trips", Cell(scenario, 16, 0), most=most)


AIMS = tuple(_aims())


def aim_rows(series: Series, memory: Mapping[str, Sequence[float]]) -> list[list[str]]:
    """Write the rows of what was measured; `memory` is as in `Report`."""
    rows = [row for aim in AIMS if (row := aim.row(series)) is not None]
    if THIS in memory:
        largest = memory[THIS][0]
        spread = Spread(largest, largest, largest)
        rows.append(_row("memory after the run", f"{THIS}, the largest process, MB", spread, most=LARGEST_MB))
    return rows


def _row(what: str, figure: str, spread: Spread, *, least: float = 0.0, most: float = 0.0) -> list[str]:
    digits = 0 if spread.median >= 100 else 2
    is_reached = spread.median >= least if least else spread.median <= most
    bar = f"≥ {least:g}" if least else f"≤ {most:g}"
    return [what, figure, spread.text(digits), bar, "yes" if is_reached else "**no**"]
