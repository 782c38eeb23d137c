"""Reads which of the installations that share the flights this one is."""

import re

from django.core.exceptions import ImproperlyConfigured

from bookings.text.cells import MOST_CELLS, ONLY_ONE, Cell
from bookingsite.config.env import ORIGIN, env


def cell() -> Cell:
    """
    Read CELL, as in 2/4.

    :raises ImproperlyConfigured: if there is no such cell, or it lacks the Redis that all cells share
    """
    text = str(env.str("CELL", default="")).strip()
    if not text:
        return ONLY_ONE
    said = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", text)
    number, of = (int(said[1]), int(said[2])) if said else (0, 0)
    if not 1 <= number <= of <= MOST_CELLS:
        raise ImproperlyConfigured(f"CELL is {text!r}; it must look like 2/4: one of {MOST_CELLS} cells at the most.")
    if of > 1 and not env.str("REDIS_URL", default=""):
        raise ImproperlyConfigured(
            f"CELL={text} needs REDIS_URL, the same for all cells: it remembers which cell has a client's key."
        )
    return Cell(number, of)


def addresses() -> list[str]:
    """
    Read CELLS: where the web servers of each cell answer inside, cell 1 first.

    :raises ImproperlyConfigured: if there is not one for each cell
    """
    this = cell()
    found = [each.strip() for each in str(env.str("CELLS", default="")).split(",") if each.strip()]
    if not all(map(ORIGIN.fullmatch, found)) or len(found) != (0 if this == ONLY_ONE else this.of):
        raise ImproperlyConfigured(
            f"CELLS must name {this.of if this != ONLY_ONE else 'nothing'} where CELL={this}: http://host:port of each "
            "cell's web servers, cell 1 first, with commas between them."
        )
    return found
