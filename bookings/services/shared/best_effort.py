"""Goes through many rows, or steps, so that one that fails does not keep the others from being done."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from django.db import connection

from bookings.deadline import Deadline

T = TypeVar("T")

log = structlog.get_logger(__name__)


def for_each(items: Iterable[T], work: Callable[[T], int], *, deadline: Deadline) -> int:
    """
    Do the work for each item until the time is up; return the sum of what it returned.

    :raises ExceptionGroup: at the end, if the work failed for some items
    """
    total = 0
    failures: list[Exception] = []
    for item in items:
        if not deadline:
            break
        try:
            total += work(item)
        except Exception as error:
            log.exception("batch.item_failed", item=str(item))
            failures.append(error)
            # The next item may get a new connection, if this one is broken.
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
    if failures:
        raise ExceptionGroup("the work failed for some items; the others were done", failures)
    return total
