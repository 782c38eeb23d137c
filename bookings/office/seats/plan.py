"""
Where the seats of a flight stand in a drawing of it. Pure: numbers in, places out; it knows no bookings.

The front of the aeroplane is on top, so that a long one makes a long page, and not one that is wider than the screen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bookings.ports import Cabin, Seat, SeatStatus
from bookings.text.seat_numbers import in_order

# In the units of the drawing, which are pixels where there is room.
SEAT, GAP, AISLE = 24, 4, 16
# To the left of the seats stand the numbers of the rows; above each cabin its name and the letters of its columns.
MARGIN, HEAD = 36, 44


@dataclass(frozen=True, slots=True)
class Place:
    """A seat in the drawing: its left upper corner, and whether it is at a window or at an aisle."""

    number: str
    x: int
    y: int
    is_window: bool
    is_aisle: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `places` has an entry for each column of the cabin, None for an aisle and where there is no seat."""

    number: int
    y: int
    places: tuple[Place | None, ...]


@dataclass(frozen=True, slots=True)
class Deck:
    """A cabin as it is drawn, from `y` on; `letters` are those of its columns, each with where it stands."""

    name: str
    y: int
    columns: tuple[str | None, ...]
    letters: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All cabins, the first one on top, and how large the drawing is."""

    width: int
    height: int
    decks: tuple[Deck, ...]


def plan_of(cabins: Sequence[Cabin], seats: Iterable[Seat]) -> Plan:
    """Place each seat, by its row and column; narrow cabins stand in the middle of wide ones."""
    by_row: dict[tuple[str, int], dict[str, Seat]] = {}
    for seat in seats:
        by_row.setdefault((seat.cabin, seat.row), {})[seat.column] = seat
    widest = max((_width(cabin) for cabin in cabins), default=0)
    decks, y = [], 0
    for cabin in cabins:
        numbers = sorted(row for name, row in by_row if name == cabin.name)
        places = _places(cabin, left=MARGIN + (widest - _width(cabin)) // 2)
        first = y + HEAD
        rows = tuple(
            _row(number, first + at * (SEAT + GAP), by_row[cabin.name, number], places)
            for at, number in enumerate(numbers)
        )
        letters = tuple((letter, x + SEAT // 2) for letter, x in places if letter is not None)
        decks.append(Deck(cabin.name, y, cabin.columns, letters, rows))
        y = first + len(rows) * (SEAT + GAP)
    return Plan(MARGIN + widest + GAP, y, tuple(decks))


def plan_of_numbers(numbers: Iterable[str]) -> Plan:
    """Draw what is known of an aeroplane whose map is not: these seats, and no aisle."""
    ordered = in_order(numbers)
    letters = sorted({number[-1] for number in ordered})
    cabins = [Cabin("", tuple(letters))] if letters else []
    return plan_of(cabins, [Seat(number, "", SeatStatus.TAKEN) for number in ordered])


def _width(cabin: Cabin) -> int:
    return sum(AISLE if column is None else SEAT + GAP for column in cabin.columns)


def _places(cabin: Cabin, *, left: int) -> list[tuple[str | None, int]]:
    """Where each column begins."""
    found = []
    for column in cabin.columns:
        found.append((column, left))
        left += AISLE if column is None else SEAT + GAP
    return found


def _row(number: int, y: int, seats: dict[str, Seat], places: list[tuple[str | None, int]]) -> Row:
    letters = [letter for letter, _ in places]
    at_window = {letter for letter in (letters[0], letters[-1]) if letter is not None}
    at_aisle = {
        letter
        for at, letter in enumerate(letters)
        if letter is not None and None in (*letters[max(0, at - 1) : at], *letters[at + 1 : at + 2])
    }
    return Row(
        number,
        y,
        tuple(
            None
            if letter is None or letter not in seats
            else Place(seats[letter].number, x, y, letter in at_window, letter in at_aisle)
            for letter, x in places
        ),
    )
