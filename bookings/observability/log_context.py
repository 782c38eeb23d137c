"""What all lines of the log say that this thread writes for one request or one pass: its id, and who calls."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})

_said: ContextVar[Mapping[str, str]] = ContextVar("said by all lines", default=NOTHING)


def said_by_all() -> Mapping[str, str]:
    """Give the fields that each line has."""
    return _said.get()


def begin(**fields: str) -> None:
    """Say these fields and no others in each line from now on, or nothing: the next request has this thread too."""
    _said.set(fields)


def add(**fields: str) -> None:
    """Say these fields as well."""
    _said.set({**_said.get(), **fields})


@contextmanager
def within(**fields: str) -> Iterator[None]:
    """Say these fields as well, for the length of the block."""
    token = _said.set({**_said.get(), **fields})
    try:
        yield
    finally:
        _said.reset(token)
