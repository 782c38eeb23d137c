"""What a check found, and what to do about it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Verdict(enum.StrEnum):
    """How bad it is: nothing to do; look at it by daylight; the service does not work, or breaks a promise."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What is true of one thing, without secrets.

    `hint` is empty where there is nothing to do. `details` are the values that the judgment rests on, for programs.
    """

    verdict: Verdict
    name: str
    message: str
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def ok(name: str, message: str, **details: Any) -> Finding:
    """Find that all is well."""
    return Finding(Verdict.OK, name, message, details=details)


def warn(name: str, message: str, hint: str, **details: Any) -> Finding:
    """Find what staff should look at."""
    return Finding(Verdict.WARN, name, message, hint, details)


def fail(name: str, message: str, hint: str, **details: Any) -> Finding:
    """Find what must be repaired."""
    return Finding(Verdict.FAIL, name, message, hint, details)


def in_one_line(error: Exception) -> str:
    """Give an error's own words, short enough for a screen."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
