"""What one measurement found, and what several rounds of it come to."""

from __future__ import annotations

import math
import os
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.cells import Cell
    from benchmarks.load import Load

PROCESSES = ("web", "database", "stub", "client")


@dataclass(frozen=True, slots=True)
class Sample:
    """One stretch of load. CPU in milliseconds and counts are of one request; `others` is a share of all cores."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: Mapping[str, float]
    statements: float
    round_trips: float
    failed: Mapping[str, int]
    others: float

    @classmethod
    def of(cls, load: Load, used: Mapping[str, float]) -> Sample:
        """Work a sample out from what `meters.readings` says was used meanwhile."""
        latencies, count = sorted(load.latencies), len(load.latencies)
        cpu = {**{name: used[name] for name in PROCESSES if name in used}, "client": load.own_cpu_seconds}
        return cls(
            rate=load.in_time / load.seconds,
            p50_ms=percentile(latencies, 50) * 1000,
            p99_ms=percentile(latencies, 99) * 1000,
            cpu_ms={name: seconds * 1000 / count for name, seconds in cpu.items()},
            statements=used["statements"] / count,
            round_trips=used["round_trips"] / count,
            failed=dict(load.failed),
            others=max(0.0, used["machine"] - sum(cpu.values())) / load.whole_seconds / (os.cpu_count() or 1),
        )

    @property
    def own_cpu_ms(self) -> float:
        """Web and database: what a target itself costs."""
        return self.cpu_ms.get("web", 0.0) + self.cpu_ms["database"]


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest of the sorted values that so many per cent do not exceed."""
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


class Spread(NamedTuple):
    """The median of several rounds, and the least and the most of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int) -> str:
        """Write the median, and the least and the most behind it."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


@dataclass(slots=True)
class Series:
    """The samples of all cells and targets, by round. `frozen` are the pairs where no answer came any more."""

    samples: dict[tuple[Cell, str], dict[int, Sample]] = field(default_factory=dict)
    frozen: set[tuple[Cell, str]] = field(default_factory=set)

    def add(self, cell: Cell, target: str, number: int, sample: Sample) -> None:
        self.samples.setdefault((cell, target), {})[number] = sample

    def spread(self, cell: Cell, target: str, of: Callable[[Sample], float]) -> Spread:
        return Spread.of([of(sample) for sample in self.samples[cell, target].values()])

    def ratios(self, cell: Cell, target: str, *, to: str, of: Callable[[Sample], float]) -> list[float]:
        """Give the ratios of two targets within one round; none if they have no round together."""
        ours, theirs = (self.samples.get((cell, name), {}) for name in (target, to))
        return [of(ours[number]) / of(theirs[number]) for number in ours if number in theirs and of(theirs[number])]
