"""What goes wrong, on demand, in the second implementations of what this service asks of others."""

import enum
from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

F = TypeVar("F")


class ProcessDied(BaseException):
    """Ends a request as a kill would: no `except Exception` on the way sees it."""


class Fault(enum.Enum):
    """What goes wrong with one change of seats."""

    REFUSE_CONNECTION = "no byte arrives"
    DROP_REQUEST = "it may have arrived, and has not"
    DROP_REPLY = "it is carried out, then the answer is lost"
    MISTAKE = "the other side says that the request is wrong"
    DIE_BEFORE = "this process dies before it is sent"
    DIE_AFTER = "this process dies when it is carried out and not yet answered"


class ChargeFault(enum.Enum):
    """What goes wrong with one charge or refund."""

    DECLINE = "no money is taken"
    AWAITS_PAYER = "the payer's bank asks something"
    AWAITS_BANK = "the payer's bank has not decided"
    NOT_SENT = "the request was certainly not sent"
    UNKNOWN = "no money has moved, and nobody knows"
    UNKNOWN_MOVED = "the money has moved, and nobody knows"
    REFUND_FAILS = "the gateway says that no money goes back"
    REFUND_WAITS = "the gateway has the refund, and makes it later"
    DIE_BEFORE = "this process dies before it asks"
    DIE_AFTER = "this process dies when the money has moved"


class Planned(Generic[F]):
    """What a test has planned for the next changes: faults, one for each, and what happens while one is under way."""

    def __init__(self) -> None:
        self._faults: deque[F] = deque()
        self._meanwhile: deque[Callable[[], object]] = deque()
        self._lock = RLock()

    def fail_next(self, *faults: F) -> None:
        """Let the next changes meet these faults, in this order."""
        self._faults.extend(faults)

    def meanwhile(self, action: Callable[[], object]) -> None:
        """Run `action` while the next change is under way: carried out, and not yet answered."""
        self._meanwhile.append(action)

    def _next_fault(self) -> F | None:
        with self._lock:
            fault = self._faults.popleft() if self._faults else None
        if fault in (Fault.DIE_BEFORE, ChargeFault.DIE_BEFORE):
            raise ProcessDied
        return fault

    def _let_it_be_under_way(self, fault: F | None) -> None:
        with self._lock:
            action = self._meanwhile.popleft() if self._meanwhile else None
        if action is not None:
            action()
        if fault in (Fault.DIE_AFTER, ChargeFault.DIE_AFTER):
            raise ProcessDied
