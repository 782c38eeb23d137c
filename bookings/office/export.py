"""Tables as CSV files, streamed, and harmless to the programs that open them."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.http import StreamingHttpResponse

# What makes a spreadsheet take a cell for a formula, in either width.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - these are the look-alikes


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_safe(value: object) -> str:
    """
    Write a value as a cell that no spreadsheet runs: what looks like a formula gets an apostrophe in front.

    Numbers stay numbers, negative ones too. Times are ISO 8601 with their offset; None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    is_formula = text.lstrip().startswith(FORMULA_STARTS) or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if is_formula else text


def stream_csv(filename: str, header: Iterable[object], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """
    Answer with a CSV file (UTF-8) that is sent while its rows are read.

    :param filename: without its ending; what is no letter, digit, or one of `._-` becomes a dash
    """
    write = csv.writer(_Line()).writerow

    def lines() -> Iterator[str]:
        for row in itertools.chain([header], rows):
            yield write([csv_safe(cell) for cell in row])

    name = re.sub(r"[^A-Za-z0-9._-]+", "-", filename)[:150].strip("-.") or "export"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)
