"""
W3C Trace Context: which trace the work of this thread belongs to, and what of it goes into the next request.

Pure: nothing here sends or stores anything. `listener` is told of each span that has ended.
"""

# Note [A trace goes on]
# A request continues its caller's trace, or begins one. Its calls to the Flight Service, and the pass that it wakes,
# are parts of it. A booking keeps where in which trace it was asked for: when the worker repeats its reservation,
# hours later perhaps, that call is a part of the request's trace and not of the pass's. A release is for many
# bookings, so it belongs to the pass. The ids are in every log line, whether or not anybody collects spans.

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

# Versions after 00 may have more behind the flags; of that nothing is kept.
TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-[!-~]{0,200})?"
)

# The members of tracestate that the specification allows, and as much of it as must be passed on.
MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
LONGEST_STATE = 512
MOST_MEMBERS = 32

SAMPLED, RANDOM = 1, 2


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a trace: the span that what comes next is a part of."""

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def headers(self) -> dict[str, str]:
        """What a request says so that the other side continues this trace."""
        said = {"traceparent": self.traceparent}
        return {**said, "tracestate": self.state} if self.state else said


class Kind(Enum):
    """What a span is about, as OpenTelemetry names it."""

    SERVER = "a request that was answered"
    CLIENT = "a request that was sent"
    INTERNAL = "something else"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def parse(traceparent: str, tracestate: str = "") -> Trace | None:
    """Read a `traceparent` that was received; None unless it is what the specification wants, to the letter."""
    found = TRACEPARENT.fullmatch(traceparent)
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not (found["trace"].strip("0") and found["span"].strip("0")):
        return None
    # Of the flags only those that are known: the others may come to mean anything.
    return Trace(found["trace"], found["span"], int(found["flags"], 16) & (SAMPLED | RANDOM), _sane(tracestate))


def _sane(tracestate: str) -> str:
    """What other systems keep in a trace, unchanged; nothing if it is too long or malformed."""
    if not tracestate or len(tracestate) > LONGEST_STATE:
        return ""
    members = [stripped for member in tracestate.split(",") if (stripped := member.strip(" "))]
    keys = {member.partition("=")[0] for member in members}
    is_sane = 1 <= len(members) <= MOST_MEMBERS and len(keys) == len(members)
    return tracestate if is_sane and all(MEMBER.fullmatch(member) for member in members) else ""


def current() -> Trace | None:
    """Where this thread is; None outside of everything that is traced."""
    return _current.get()


def traceparent() -> str:
    """Where this thread is, to be kept; empty outside of everything that is traced."""
    trace = _current.get()
    return "" if trace is None else trace.traceparent


@contextmanager
def resumed(kept: str) -> Iterator[None]:
    """Go on where a trace was left, for the length of the block; where nothing was kept, nothing changes."""
    trace = parse(kept)
    if trace is None:
        yield
        return
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


@dataclass(slots=True)
class Span:
    """
    A piece of work, for the length of a `with` block: a part of `parent`, or of what this thread is doing, or
    else the first of a new trace.

    `name` and `attributes` may be changed until it ends. Nothing that a client has written belongs there.
    """

    name: str
    kind: Kind = Kind.INTERNAL
    parent: Trace | None = None
    attributes: dict[str, str | int] = field(default_factory=dict)
    trace: Trace = field(init=False)
    started_at: int = field(init=False, default=0)
    failed: bool = field(init=False, default=False)
    _token: Token[Trace | None] = field(init=False)

    def __enter__(self) -> Self:
        self.parent = self.parent or _current.get()
        span_id = os.urandom(8).hex()
        if self.parent is None:
            # Sampled only if a listener records it: other systems must not look for spans that nothing recorded.
            self.trace = Trace(os.urandom(16).hex(), span_id, RANDOM | SAMPLED if listener else RANDOM)
        else:
            self.trace = Trace(self.parent.trace_id, span_id, self.parent.flags, self.parent.state)
        self._token = _current.set(self.trace)
        if listener is not None:
            self.started_at = time.time_ns()
        return self

    def answered(self, method: str, route: str, status: int) -> None:
        """Say which request this was and how it was answered, in the words of OpenTelemetry."""
        self.name = f"{method} {route}"
        self.attributes |= {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
        self.failed = status >= 500

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        _current.reset(self._token)
        self.failed = self.failed or error is not None
        if listener is not None and self.trace.flags & SAMPLED:
            listener(self, time.time_ns())


Listener = Callable[[Span, int], None]

listener: Listener | None = None
"""Is told of each span that has ended and is sampled, and when it ended, in nanoseconds of wall-clock time."""


def listen(told: Listener | None) -> None:
    """Tell every span of this process to a listener from now on, or to none."""
    global listener  # noqa: PLW0603 - one for the process, chosen at its start
    listener = told
