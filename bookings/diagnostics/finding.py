"""What a check found, and what to do about it."""

import enum
from dataclasses import dataclass


class Verdict(enum.StrEnum):
    """How bad it is: nothing to do; look at it by daylight; the service does not work, or breaks a promise."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's screen, without secrets. `advice` is empty where there is nothing to do."""

    verdict: Verdict
    subject: str
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    """Find that all is well."""
    return Finding(Verdict.OK, subject, found)


def warn(subject: str, found: str, advice: str) -> Finding:
    """Find what somebody should look at."""
    return Finding(Verdict.WARN, subject, found, advice)


def fail(subject: str, found: str, advice: str) -> Finding:
    """Find what must be mended."""
    return Finding(Verdict.FAIL, subject, found, advice)


def in_one_line(error: Exception) -> str:
    """Give an error's own words, short enough for a screen."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
