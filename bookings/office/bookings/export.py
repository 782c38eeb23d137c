"""Tables as CSV files, streamed, and read by the programs that open them as what they are."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from django.http import StreamingHttpResponse

from bookings.office.cells import LARGEST_NUMBER, is_misread
from bookings.text.money import Money

# Tells Excel that the file is UTF-8.
BYTE_ORDER_MARK = "\ufeff"

# Stands before a text that a spreadsheet would take for something else.
TEXT_MARK = "'"

# Of a number with a point, in all.
LARGEST_DIGITS = len(str(LARGEST_NUMBER))


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_safe(value: object) -> str:
    """
    Write a value as a cell that every spreadsheet reads as what it is.

    A text that it would take for a formula, a number or a date gets an apostrophe in front. Numbers stay numbers,
    negative ones too, as far as spreadsheets can count; what has more digits is written as text. Times are
    ISO 8601 with their offset, money is a number without its currency; None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, Money):
        return csv_safe(str(value) if value.number is None else value.number)
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return f"{TEXT_MARK}{value}"
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > LARGEST_DIGITS:
        return f"{TEXT_MARK}{value:f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    return f"{TEXT_MARK}{text}" if is_misread(text) else text


def stream_csv(filename: str, header: Iterable[object], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """
    Answer with a CSV file (UTF-8 with a byte order mark, rows end in CRLF) that is sent while its rows are read.

    :param filename: without its ending; what is no letter, digit, or one of `._-` becomes a dash
    """
    write = csv.writer(_Line()).writerow

    def lines() -> Iterator[str]:
        yield BYTE_ORDER_MARK + write([csv_safe(cell) for cell in header])
        for row in rows:
            yield write([csv_safe(cell) for cell in row])

    name = re.sub(r"[^A-Za-z0-9._-]+", "-", filename)[:150].strip("-.") or "export"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)
