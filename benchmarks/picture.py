"""Draws bars with their ranges, as an SVG without scripts or fonts of its own."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.samples import Spread

WIDTH, MARGIN, NAMES, FIGURES = 860, 16, 110, 150
LINE, THICKNESS, TITLE = 24, 14, 34
INK, GROUND = "#1f2933", "#ffffff"
# The first of each group stands out.
FIRST, OTHER = "#0b7285", "#adb5bd"


class Bar(NamedTuple):
    """One target's median and range."""

    name: str
    spread: Spread


def drawn(title: str, groups: Mapping[str, Sequence[Bar]]) -> str:
    """Draw one group below the other, all in one scale."""
    most = max((bar.spread.high for bars in groups.values() for bar in bars), default=0.0) or 1.0
    scale = (WIDTH - 2 * MARGIN - NAMES - FIGURES) / most
    parts, top = [_text(MARGIN, TITLE - 8, title, weight="bold", size=16)], TITLE
    for name, bars in groups.items():
        parts.append(_text(MARGIN, top + 20, name, weight="bold"))
        top += TITLE
        for place, bar in enumerate(bars):
            parts += _bar(bar, top=top, scale=scale, color=OTHER if place else FIRST)
            top += LINE
        top += LINE // 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img"'
        f' font-family="sans-serif" font-size="13" fill="{INK}">\n<title>{escape(title)}</title>\n'
        f'<rect width="{WIDTH}" height="{top}" fill="{GROUND}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(bar: Bar, *, top: int, scale: float, color: str) -> list[str]:
    left, middle = MARGIN + NAMES, top + THICKNESS / 2
    median, low, high = (left + value * scale for value in bar.spread)
    figures = f"{bar.spread.median:.0f} ({bar.spread.low:.0f} to {bar.spread.high:.0f})"
    return [
        _text(MARGIN, middle + 5, bar.name),
        f'<rect x="{left}" y="{top}" width="{median - left:.1f}" height="{THICKNESS}" fill="{color}"/>',
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="{INK}" stroke-width="2"/>',
        _text(high + 8, middle + 5, figures),
    ]


def _text(x: float, y: float, text: str, *, weight: str = "normal", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" font-size="{size}">{escape(text)}</text>'
