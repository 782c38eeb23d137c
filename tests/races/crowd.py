"""
Threads that act at once, and threads that overtake one another at a chosen place.

Each has a database connection of its own. Nothing here waits for a time to pass: a barrier, a halt or the
database itself says when to go on, and the limits only end a test that hangs.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from django.db import connection

from tests.races.places import Place
from tests.support.sessions import somebody_waits_for_a_lock
from tests.support.threads import in_one_instant
from tests.support.waiting import PATIENCE_SECONDS

LOOK_EVERY_SECONDS = 0.02


def all_at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all acts in the same instant; give what each returned, or the exception it ended with."""

    def connect() -> None:
        connection.ensure_connection()  # of the thread that asks

    on_their_own = [partial(on_own_connection, act) for act in acts]
    return [outcome_of(future) for future in in_one_instant(on_their_own, ready=connect)]


class Halt:
    """
    A place where one thread is stopped: in front of a function, or right behind it.

    Only the thread that runs `overtaken`'s slow act is stopped, and only the first time it comes by.
    """

    def __init__(self, monkeypatch: Any, place: Place) -> None:
        self.thread: int | None = None
        self._reached, self._released = threading.Event(), threading.Event()
        original = getattr(place.owner, place.name)

        def stop(*args: Any, **kwargs: Any) -> Any:
            if place.before:
                self._stand()
            result = original(*args, **kwargs)
            if not place.before:
                self._stand()
            return result

        monkeypatch.setattr(place.owner, place.name, stop)

    def _stand(self) -> None:
        if threading.get_ident() != self.thread or self._reached.is_set():
            return
        self._reached.set()
        assert self._released.wait(PATIENCE_SECONDS), "nobody let this thread go on"

    def await_arrival(self, slow: Future[Any]) -> None:
        """Return when the slow thread stands here; fail with its own error if it ends elsewhere."""
        while not self._reached.wait(LOOK_EVERY_SECONDS):
            assert not slow.done(), f"it never came by: {outcome_of(slow)!r}"

    def release(self) -> None:
        """Let the thread that stands here go on."""
        self._released.set()


def overtaken(slow: Callable[[], Any], quick: Callable[[], Any], *, at: Halt) -> tuple[Any, Any]:
    """
    Stop `slow` at a halt, run `quick` until it ends or waits for a lock, then let both end.

    Gives what each returned, or the exception it ended with. Where the guard is in place, `quick` waits or
    finds nothing to do; where it is not, both have decided on the same state.
    """

    def start_slowly() -> Any:
        at.thread = threading.get_ident()
        return slow()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(on_own_connection, start_slowly)
        try:
            at.await_arrival(first)
            second = pool.submit(on_own_connection, quick)
            while not wait([second], LOOK_EVERY_SECONDS).done and not somebody_waits_for_a_lock():
                pass
        finally:
            at.release()
    return outcome_of(first), outcome_of(second)


def on_own_connection(act: Callable[..., Any], *args: Any) -> Any:
    """Run `act` and close the connection that this thread has opened."""
    try:
        return act(*args)
    finally:
        connection.close()


def outcome_of(future: Future[Any]) -> Any:
    """Give the result of a finished future, or the exception it ended with."""
    return future.exception() or future.result()
