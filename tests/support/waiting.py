"""Waiting until something is true, in real time."""

import time
from collections.abc import Callable
from typing import Any

# Far longer than anything takes on a loaded machine.
PATIENCE_SECONDS = 60.0

LOOK_EVERY_SECONDS = 0.05


def comes_true(
    true: Callable[[], Any], seconds: float = PATIENCE_SECONDS, *, look_every: float = LOOK_EVERY_SECONDS
) -> bool:
    """Wait until something is true; False if it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(look_every)
    return True


def await_that(
    true: Callable[[], Any], explain: Callable[[], object] = lambda: "", *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until something is true; AssertionError, with what is to be seen then, if it does not become so."""
    assert comes_true(true, seconds), explain()
