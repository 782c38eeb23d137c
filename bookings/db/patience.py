"""How long the work that is under way may go on waiting for the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Of a request, from its start: then its client gets 503 and repeats. A failover takes about a second.
REQUEST_SECONDS = 5.0

# Of one transaction of a worker or a command: no client waits for it.
BACKGROUND_SECONDS = 10.0

# Of a transaction that begins when its request has no time left, as after a slow Flight Service: a deadlock must
# not lose what was done.
LEAST_SECONDS = 1.0

_ends_at: ContextVar[float | None] = ContextVar("patience_ends_at", default=None)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Bound all waiting inside the block together, however many transactions it runs and repeats."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def of_a_transaction() -> float:
    """Give the monotonic time until which a transaction that begins now may be begun again."""
    now, ends_at = time.monotonic(), _ends_at.get()
    return now + BACKGROUND_SECONDS if ends_at is None else max(ends_at, now + LEAST_SECONDS)


def is_left() -> bool:
    """Tell whether what is under way may go on waiting; work without a bound may."""
    ends_at = _ends_at.get()
    return ends_at is None or time.monotonic() < ends_at
