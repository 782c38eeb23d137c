"""Refuses what another cell has, before a row is looked for: here it would seem not to be there."""

from django.conf import settings

from bookings.conf import RETRY_AFTER_SECONDS
from bookings.errors import BookingError
from bookings.text.cells import Cell


class WrongCell(BookingError):
    """This part of the service does not have that flight or booking. The operators' router sends it to another."""

    code = "wrong_cell"
    retryable = True


def cell() -> Cell:
    """Which of the installations that share the flights this one is; the only one, where CELL is not set."""
    this: Cell = settings.CELL
    return this


def refuse_another_cell(number: int) -> None:
    """
    Look whether a flight, or a booking by its id, is of this cell.

    :raises WrongCell: if it is of another
    """
    if not cell().owns(number):
        raise WrongCell(retry_after=RETRY_AFTER_SECONDS)


def refuse_reference_of_another_cell(reference: str) -> None:
    """
    Look whether a reference is one of this cell; what can be none is.

    :raises WrongCell: if it is of another
    """
    whose = cell().cell_of_reference(reference)
    if whose and whose != cell().number:
        raise WrongCell(retry_after=RETRY_AFTER_SECONDS)
