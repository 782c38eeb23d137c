"""What an outage must not do, and the table that says what it did. Knows no process, so it can be tested alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from tests.support.http import Reply

# A refusal with one of these statuses must say when to come again.
SAYS_WHEN = (429, 503)

# What a fault of the service may be called at most, so that the list of them can be read.
FAULTS_NAMED = 5


class Word(Enum):
    """What became of one request."""

    ANSWERED = "answered"
    REFUSED = "refused cleanly"
    CUT = "cut off with the web process that was killed"
    ERROR = "anything else"


def word_for(reply: Reply) -> Word:
    """Judge an answer: done, a refusal that a client can act upon, or neither."""
    try:
        envelope = json.loads(reply.body)
        if 200 <= reply.status < 300:
            return Word.ANSWERED if envelope["success"] is True else Word.ERROR
        is_clean = (
            (400 <= reply.status < 500 or reply.status == 503 or _is_about_its_flight(reply.status, envelope))
            and envelope["success"] is False
            and envelope["error"]["statusCode"] == reply.status
            and bool(envelope["error"]["code"])
            and (reply.status not in SAYS_WHEN or int(reply.headers["retry-after"]) > 0)
        )
    except (ValueError, KeyError, TypeError):
        return Word.ERROR
    return Word.REFUSED if is_clean else Word.ERROR


def _is_about_its_flight(status: int, envelope: Any) -> bool:
    """Whether a flight cannot be sold as it is shown, and the answer says so."""
    return bool(status == HTTPStatus.BAD_GATEWAY and envelope["error"]["code"] == "flight_unusable")


@dataclass
class Round:
    """What came of one outage; seconds count from its end, None means not within patience."""

    outage: str
    limit_seconds: float
    requests: int = 0
    refused: int = 0
    cut: int = 0
    errors: list[str] = field(default_factory=list)
    recovered_after: float | None = None
    drift: int = 0
    wrong: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Say why the service has not stood this outage; empty if it has."""
        found = [*self.wrong[:FAULTS_NAMED]]
        if self.errors:
            found.append(f"{len(self.errors)} errors: {'; '.join(sorted(set(self.errors))[:FAULTS_NAMED])}")
        if self.recovered_after is None:
            found.append("not recovered")
        elif self.recovered_after > self.limit_seconds:
            found.append(f"recovered after {self.recovered_after:.1f} s, not {self.limit_seconds:.0f}")
        if self.drift:
            found.append(f"{self.drift} seats adrift")
        return found


def exit_code(rounds: Sequence[Round], *, wanted: int) -> int:
    """Give 0 if as many outages as wanted were played and all of them were stood, 1 otherwise."""
    return 0 if rounds and len(rounds) == wanted and not any(each.faults() for each in rounds) else 1


def table(rounds: Sequence[Round]) -> str:
    """Show the rounds, one a line, and below them why any was not stood."""
    head = f"{'outage':<34}{'requests':>9}{'refused cleanly':>17}{'cut':>5}{'errors':>8}{'recovered':>14}{'drift':>7}"
    lines = [head, *(_line(each) for each in rounds)]
    lines += [f"{each.outage}: {fault}" for each in rounds for fault in each.faults()]
    return "\n".join(lines)


def _line(of: Round) -> str:
    recovered = "no" if of.recovered_after is None else f"{of.recovered_after:.1f} s"
    verdict = "" if not of.faults() else "  FAILED"
    counts = f"{of.requests:>9}{of.refused:>17}{of.cut:>5}{len(of.errors):>8}"
    return f"{of.outage:<34}{counts}{recovered:>14}{of.drift:>7}{verdict}"
