"""A day in four rows of bars: geometry alone, the template draws it. Rows tell them apart, not colours."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 720
LABEL_WIDTH = 130
ROW_HEIGHT = 46
GAP = 16
TOP = 6
BOTTOM = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in the picture's own units, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    value: int
    hour: str


@dataclass(frozen=True, slots=True)
class Row:
    """The bars of one kind; `base` is the line they stand on."""

    name: str
    total: int
    base: float
    middle: float
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    """The picture: its size, rows, and the hours that are written below it."""

    width: int
    height: int
    left: int
    highest: int
    rows: list[Row]
    ticks: list[tuple[float, str]]
    tick_line: float


def chart_of(hours: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """
    Lay out one row of bars for each series, all on one scale.

    :param hours: what each bar is called, as 14:00
    :param series: the name of each row, and a number for each hour
    """
    step = (WIDTH - LABEL_WIDTH) / max(1, len(hours))
    highest = max((value for _name, values in series for value in values), default=0)
    rows = []
    for place, (name, values) in enumerate(series):
        base = TOP + place * (ROW_HEIGHT + GAP) + ROW_HEIGHT
        bars = []
        for number, (hour, value) in enumerate(zip(hours, values, strict=True)):
            # What happened once is seen beside what happened a thousand times.
            height = max(1.5, ROW_HEIGHT * value / highest) if value > 0 else 0
            x = LABEL_WIDTH + number * step + 2
            bars.append(Bar(round(x, 1), round(base - height, 1), round(step - 4, 1), round(height, 1), value, hour))
        rows.append(Row(name, sum(values), base, base - ROW_HEIGHT / 2, bars))
    bottom = TOP + len(series) * (ROW_HEIGHT + GAP)
    ticks = [(LABEL_WIDTH + number * step + step / 2, hour) for number, hour in enumerate(hours) if number % 4 == 2]
    return Chart(WIDTH, bottom + BOTTOM, LABEL_WIDTH, highest, rows, ticks, bottom + BOTTOM - 8)
