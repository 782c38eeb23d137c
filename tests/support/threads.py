"""
Threads that act in the same instant, and places where they are made to meet. No database, no sleeping.

A guard against races proves itself by its twin: with the lock, threads cannot meet behind it; without, they do.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

from tests.support.waiting import PATIENCE_SECONDS

# The first thread behind a lock waits this long for a second one that cannot come; the others not at all.
MEETING_SECONDS = 0.2


def in_the_background(work: Callable[[], Any]) -> Future[Any]:
    """Do something in a thread; its result is waited for where it is asked for."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def in_one_instant(
    acts: Sequence[Callable[[], Any]], *, ready: Callable[[], object] = lambda: None
) -> list[Future[Any]]:
    """Let each act begin in a thread of its own, all when all are `ready`; give their futures, once all are done."""
    barrier = threading.Barrier(len(acts), timeout=PATIENCE_SECONDS)

    def begin(act: Callable[[], Any]) -> Any:
        ready()
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [pool.submit(begin, act) for act in acts]


def together(count: int, act: Callable[[], Any]) -> list[Any]:
    """Let so many threads act at once; give what each returned."""
    return [future.result() for future in in_one_instant([act] * count)]


class MeetingPlace:
    """Where two threads wait for each other, if they can; from then on nobody waits."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=MEETING_SECONDS)
        self._is_over = False

    def come_by(self) -> None:
        """Wait for another thread to come by, for a moment."""
        if self._is_over:
            return
        try:
            self._barrier.wait()
        except threading.BrokenBarrierError:
            self._is_over = True


def meeting_at(owner: type, name: str) -> type:
    """Make a subclass whose threads meet right after they have read the attribute `name`."""

    def read(this: Any) -> Any:
        value = this.__dict__[name]
        if "meeting" in this.__dict__:
            this.__dict__["meeting"].come_by()
        return value

    def write(this: Any, value: Any) -> None:
        this.__dict__[name] = value

    return type(f"Meeting{owner.__name__}", (owner,), {name: property(read, write)})


def without_lock(guard: Any) -> None:
    """Take the lock of an object away."""
    guard._lock = nullcontext()
