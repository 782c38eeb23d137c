"""How every transaction of this service runs: named, outermost, and repeated when the database asks for it."""

import functools
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from bookings.db import patience, replica
from bookings.db.error_numbers import CONFLICTS, LOCK_WAITS, Number, UnsafeSession, is_lost, number_of
from bookings.db.limits import WEB_LOCK_WAIT_SECONDS
from bookings.observability import metrics

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)

# Of runs that ended in a conflict with another transaction.
TRIES = 5
PAUSE_SECONDS = (0.010, 0.200)

# After a lost connection: the first pause, and the longest. It takes a server about a second to follow another.
LOST_PAUSE_SECONDS = (0.1, 1.0)


def _durable() -> AbstractContextManager[Any]:
    return transaction.atomic(durable=True)


def in_transaction(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Decorate a function to run as one transaction: again after a conflict, and while its connection is lost.

    Five times at most after a conflict, and never longer than the patience of the work that it belongs to. The
    function must be the outermost block, decide only on rows it has locked, and be safe to run again after a
    COMMIT whose answer was lost: it finds its own rows, or changes nothing. `name` stands in the table of
    docs/protocol.md.

    :raises RuntimeError: when called inside another transaction
    """

    def decorate(block: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(block)
        def run_block(*args: P.args, **kwargs: P.kwargs) -> R:
            return run(name, functools.partial(block, *args, **kwargs))

        return run_block

    return decorate


def in_one_statement(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Decorate a function that decides by one conditional statement: that is a transaction by itself.

    Run again as `in_transaction` says. What else the function says must be true whenever it is read.
    """

    def decorate(block: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(block)
        def run_block(*args: P.args, **kwargs: P.kwargs) -> R:
            return run(name, functools.partial(block, *args, **kwargs), begin=nullcontext)

        return run_block

    return decorate


def run(name: str, block: Callable[[], R], *, begin: Callable[[], AbstractContextManager[Any]] = _durable) -> R:
    """Run `block` in a transaction of its own. See `in_transaction`."""
    replica.refuse_to_decide()
    ends_at, tries = patience.of_a_transaction(), 0
    while True:
        try:
            with begin():
                return block()
        except (OperationalError, InterfaceError) as error:
            tries += 1
            pause = _pause_before_next(error, tries)
            if pause is None or connection.in_atomic_block:
                raise
            if time.monotonic() + pause + _needed_seconds(error) > ends_at:
                log.warning("transaction.given_up", transaction=name, error=_word_for(error), tries=tries)
                raise
            metrics.TRANSACTION_RETRIES.labels(name, _word_for(error)).inc()
            log.warning("transaction.repeated", transaction=name, error=_word_for(error), tries=tries)
        connection.close_if_unusable_or_obsolete()
        time.sleep(pause)


def _pause_before_next(error: OperationalError | InterfaceError, tries: int) -> float | None:
    """Give how long to wait before the block is run again; None if that cannot help."""
    if is_lost(error):
        first, longest = LOST_PAUSE_SECONDS
        most = min(longest, first * 2**tries)
        return random.uniform(most / 2, most)  # jitter, not a secret  # noqa: S311  # nosec B311
    if number_of(error) in CONFLICTS and tries < TRIES:
        return random.uniform(*PAUSE_SECONDS)  # likewise  # noqa: S311  # nosec B311
    return None


def _needed_seconds(error: OperationalError | InterfaceError) -> float:
    """Give how many seconds another try needs: as long as the first for a lock, otherwise none."""
    return WEB_LOCK_WAIT_SECONDS if number_of(error) in LOCK_WAITS else 0.0


def _word_for(error: OperationalError | InterfaceError) -> Number:
    """Name an error in the log and the metrics: by its number, never by its text."""
    if isinstance(error, UnsafeSession):
        return "unsafe session"
    # Nothing is repeated but what is known by its number.
    number: Number = number_of(error)
    return number
