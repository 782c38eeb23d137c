"""What cells, installations that share the flights, ask of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class CellUnavailable(Exception):
    """A cell does not answer as it must; the message says how, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class PageOfCell:
    """Bookings of one cell, as its clients see them, each with its place in the list of that cell."""

    bookings: Sequence[Mapping[str, Any]]
    places: Sequence[str]
    has_more: bool


class OtherCells(Protocol):
    """Reads lists of other cells, in the name of the client that asks here."""

    def page_of(
        self, cell: int, *, query: Mapping[str, Sequence[str]], headers: Mapping[str, str], seconds: float
    ) -> PageOfCell:
        """
        Read a page of one cell's own list.

        :raises CellUnavailable: if it cannot be had in time
        """
