"""
Cells: installations that share the flights, and how a number or a reference says whose it is.

Pure. See Note [A number says its cell].
"""

# Note [A number says its cell]
# Cell 2 of 4 has the flights 2, 6, 10 …, and its database counts in the same steps: so the remainder of a booking's
# number is that of its flight, and a router needs no table. A reference says its cell by its first letter. Both hold
# for what is written from then on, so the number of cells is chosen before the first booking, and never changes.

from dataclasses import dataclass

from bookings.text.references import CONSONANTS

# Each has a first letter of references of its own, at the least.
MOST_CELLS = len(CONSONANTS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One of `of` cells, counted from 1."""

    number: int
    of: int

    def owns(self, number: int) -> bool:
        """Whether a flight, or a booking by its id, is of this cell."""
        return number % self.of == self.number % self.of

    def cell_of(self, number: int) -> int:
        """Whose flight this is, or whose booking by its id."""
        return number % self.of or self.of

    def cell_of_reference(self, reference: str) -> int:
        """Whose booking has this reference; 0 if it can be none."""
        place = CONSONANTS.find(reference[:1]) if reference else -1
        return 0 if place < 0 else place % self.of + 1

    @property
    def letters(self) -> str:
        """What its references begin with."""
        return CONSONANTS[self.number - 1 :: self.of]

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


ONLY_ONE = Cell(1, 1)
