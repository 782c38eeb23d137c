"""How every transaction of this service runs: named, outermost, and repeated when the database asks for it."""

import functools
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction

from bookings import metrics, replica

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)

TRIES = 5
PAUSE_SECONDS = (0.010, 0.200)

# What MariaDB and MySQL say when the same transaction may succeed if it is run again.
REPEATABLE = {
    1213: "deadlock",
    1205: "lock wait time-out (it leaves the transaction open, so the whole block is rolled back)",
    1020: "row changed since the snapshot",
    2006: "connection gone",
    2013: "connection lost, perhaps during COMMIT",
    1290: "read-only after a failover",
    1836: "read-only",
    3572: "NOWAIT met a lock",
}


def in_transaction(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Decorate a function to run as one transaction, at most five times.

    The function must be the outermost block, decide only on rows it has locked, and bear being run again
    after a COMMIT whose answer was lost: it finds its own rows, or changes nothing. `name` is the one of the
    table in docs/protocol.md.

    :raises RuntimeError: when called inside another transaction
    """

    def decorate(block: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(block)
        def run_block(*args: P.args, **kwargs: P.kwargs) -> R:
            return run(name, functools.partial(block, *args, **kwargs))

        return run_block

    return decorate


def run(name: str, block: Callable[[], R]) -> R:
    """Run `block` in a transaction of its own. See `in_transaction`."""
    replica.refuse_to_decide()
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic(durable=True):
                return block()
        except OperationalError as error:
            number = _number(error)
            if number not in REPEATABLE or not left or connection.in_atomic_block:
                raise
            metrics.TRANSACTION_RETRIES.labels(name, number).inc()
            log.warning("transaction.repeated", transaction=name, error=number, tries_left=left)
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(*PAUSE_SECONDS))  # jitter, not a secret  # noqa: S311  # nosec B311
    raise AssertionError("unreachable: the last try returns or raises")


def _number(error: OperationalError) -> Any:
    return error.args[0] if error.args else None
