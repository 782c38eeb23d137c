"""Numbers of seats, such as 12A, as text of one column: by row, then by letter, with commas between them."""

import re
from collections.abc import Iterable

# The row, then the letter of the column.
SEAT_NUMBER = re.compile(r"[1-9][0-9]{0,2}[A-Z]", re.ASCII)

LONGEST_SEAT_NUMBER = 4

# As many as a booking may have by number: the text of a column is as long.
MOST_SEAT_NUMBERS = 50
LONGEST_SEAT_NUMBERS = 255


def in_order(numbers: Iterable[str]) -> tuple[str, ...]:
    """Sort numbers as they stand in the aeroplane: from the front to the back, then from left to right."""
    return tuple(sorted(numbers, key=lambda number: (int(number[:-1]), number[-1])))


def seat_number_in(text: str) -> str | None:
    """Read one number as a person types it, in small letters too; None if it can be none."""
    number = text.strip().upper()
    return number if SEAT_NUMBER.fullmatch(number) else None


def numbers_in(text: str) -> tuple[str, ...]:
    """Read the numbers out of a column; none out of an empty one."""
    return tuple(text.split(",")) if text else ()


def as_text(numbers: Iterable[str]) -> str:
    """Write numbers into a column."""
    return ",".join(in_order(numbers))


def to_read(text: str) -> str:
    """Write the numbers of a column for a person; a page may break the line between any two of them."""
    return ", ".join(numbers_in(text))
