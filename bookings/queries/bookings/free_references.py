"""
References for new bookings that no booking has or ever had, the archived ones included.

The unique key of `booking` refuses what a booking there has. Those of the archive it does not see, and to look there
at each create would be a statement more. So a process draws a hundred at once, and asks once for all of them.
"""

# Note [A drawn reference stays free of the archive]
# One statement looks into both tables, so it finds a booking that is being moved in one of them. From then on nothing
# but a create gives a reference away, into `booking`, where the unique key refuses it to others; and from there no
# booking leaves for the archive within a month of its creation. So what was free is refused or free for that long.

import os
import time
from collections import deque

from bookings.cells import cell
from bookings.queries.bookings.archived import here_or_archived
from bookings.text.references import new_reference

DRAWN_AT_ONCE = 100

# Far less than the month that a booking stays in its table at the least.
GOOD_FOR_SECONDS = 3600.0

# Each with the time until which it is good, by the clock of this process.
_drawn: deque[tuple[str, float]] = deque()

# A child would give away the same ones as its parent.
os.register_at_fork(after_in_child=_drawn.clear)


def free_reference() -> str:
    """
    Give a reference that no booking has or had. Another process may be as lucky: the unique key tells.

    Asks the database for one in a hundred. Threads take turns without a lock: what two of them draw at once is kept.
    """
    while True:
        try:
            reference, good_until = _drawn.popleft()
        except IndexError:
            _draw()
            continue
        if time.monotonic() < good_until:
            return reference


def forget_drawn_references() -> None:
    """Let the next one be drawn again, and asked for."""
    _drawn.clear()


def _draw() -> None:
    good_until = time.monotonic() + GOOD_FOR_SECONDS
    first = cell().letters
    drawn = {new_reference(first=first) for _ in range(DRAWN_AT_ONCE)}
    taken = set(here_or_archived("reference", reference__in=drawn))
    _drawn.extend((reference, good_until) for reference in drawn if reference not in taken)
