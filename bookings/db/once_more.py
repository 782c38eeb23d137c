"""What only reads, asked once more where its connection was lost."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from bookings.db import patience
from bookings.db.error_numbers import is_lost, number_of
from bookings.db.hang import hang

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)

# Until a new connection leads to the server that took over, or to the same one.
PAUSE_SECONDS = (0.05, 0.2)


def once_more(read: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that changes nothing: where its connection is lost, it is run a second time on a new one."""

    @functools.wraps(read)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if not helps(error):
                raise
            prepare(error)
        return read(*args, **kwargs)

    return run


def helps(error: BaseException) -> bool:
    """Tell whether a new connection may give what this one did not, in time. It does not where the server hangs."""
    return is_lost(error) and not connection.in_atomic_block and not hang.is_on() and patience.is_left()


def prepare(error: BaseException) -> None:
    """Leave the connection that was lost, and wait a moment."""
    log.warning("read.repeated", error=number_of(error))
    connection.close_if_unusable_or_obsolete()
    time.sleep(random.uniform(*PAUSE_SECONDS))  # jitter, not a secret  # noqa: S311  # nosec B311
