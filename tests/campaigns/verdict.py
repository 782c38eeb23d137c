"""What a round of a campaign must not do, and the table that says what it did. Knows no process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from tests.support.http import Reply

# A refusal with one of these statuses must say when to come again.
SAYS_WHEN = (429, 503)

# What a fault of the service may be called at most, so that the list of them can be read.
FAULTS_NAMED = 5

LOOK_EVERY_SECONDS = 0.25


class Word(Enum):
    """What became of one request."""

    ANSWERED = "answered"
    REFUSED = "refused cleanly"
    CUT = "cut off with the web process that was killed"
    ERROR = "anything else"


def word_for(reply: Reply) -> Word:
    """Judge an answer: done, a refusal that a client can act upon, or neither."""
    try:
        envelope = reply.json()
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


def code_of(reply: Reply) -> str:
    """Name an answer by the code of its error, or else by its status."""
    try:
        code = reply.json()["error"].get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        code = None
    return str(code or reply.status)


def _is_about_its_flight(status: int, envelope: Any) -> bool:
    """Whether a flight cannot be sold as it is shown, and the answer says so."""
    return bool(status == HTTPStatus.BAD_GATEWAY and envelope["error"]["code"] == "flight_unusable")


@dataclass
class Round:
    """
    What came of one round. `figures` are further columns of the table.

    Seconds count from the end of what was broken; None means not within patience.
    """

    name: str
    limit_seconds: float = float("inf")
    figures: dict[str, object] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    recovered_after: float | None = None
    drift: int = 0
    wrong: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Say why the service has not stood this round; empty if it has."""
        found = [*self.wrong[:FAULTS_NAMED]]
        if len(self.wrong) > FAULTS_NAMED:
            found.append(f"and {len(self.wrong) - FAULTS_NAMED} more")
        if self.errors:
            found.append(f"{len(self.errors)} errors: {'; '.join(sorted(set(self.errors))[:FAULTS_NAMED])}")
        if self.recovered_after is None:
            found.append("not recovered")
        elif self.recovered_after > self.limit_seconds:
            found.append(f"recovered after {self.recovered_after:.1f} s, not {self.limit_seconds:.0f}")
        if self.drift:
            found.append(f"{self.drift} seats adrift")
        return found

    def recover(self, unfinished: Callable[[], list[str]], *, since: float, patience_seconds: float) -> None:
        """
        Look until nothing is unfinished any more, and note how long it took.

        :param since: the moment from which seconds count, on the monotonic clock
        :param patience_seconds: longer than the limit, so that the table can say how late
        """
        while left := unfinished():
            if time.monotonic() - since > patience_seconds:
                self.wrong += left
                return
            time.sleep(LOOK_EVERY_SECONDS)
        self.recovered_after = time.monotonic() - since


def exit_code(rounds: Sequence[Round]) -> int:
    """Give 0 if something was played and all of it was stood, 1 otherwise."""
    return 0 if rounds and not any(each.faults() for each in rounds) else 1


def table(rounds: Sequence[Round]) -> str:
    """Show the rounds, one a line, and below them why any was not stood."""
    names = list(dict.fromkeys(name for each in rounds for name in each.figures))
    rows = [["", *names, "errors", "in step after", "drift", ""], *(_cells(each, names) for each in rounds)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        ends = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *ends]))
    lines += [f"{each.name}: {fault}" for each in rounds for fault in each.faults()]
    return "\n".join(line.rstrip() for line in lines)


def _cells(of: Round, names: Sequence[str]) -> list[str]:
    recovered = "no" if of.recovered_after is None else f"{of.recovered_after:.1f} s"
    figures = (of.figures.get(name, "") for name in names)
    shown = [f"{each:.1f}" if isinstance(each, float) else str(each) for each in figures]
    return [of.name, *shown, str(len(of.errors)), recovered, str(of.drift), "FAILED" if of.faults() else ""]
