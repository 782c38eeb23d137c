"""
Writes a flight as a file for calendars, in the form of RFC 5545.

All times are in UTC: programs that know zones by other names than these show them an hour off.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

# In bytes, without the end of the line.
LONGEST_LINE = 75


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a calendar shows. The same `uid` with a higher `sequence` takes the place of what was there before.

    `ends_at` is None where it is not known.
    """

    uid: str
    sequence: int
    stamped_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    title: str
    place: str
    note: str
    is_cancelled: bool


def calendar_of(entry: Entry) -> str:
    """Write a calendar with one entry, for its reader to keep: no answer to it is expected."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Flight Booking Service//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{_escaped(entry.uid)}",
        f"SEQUENCE:{entry.sequence}",
        f"DTSTAMP:{_moment(entry.stamped_at)}",
        f"DTSTART:{_moment(entry.starts_at)}",
        *([f"DTEND:{_moment(entry.ends_at)}"] if entry.ends_at is not None else []),
        f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}",
        f"SUMMARY:{_escaped(entry.title)}",
        f"LOCATION:{_escaped(entry.place)}",
        f"DESCRIPTION:{_escaped(entry.note)}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    """Write a text so that it is one line, and nothing in it begins another property."""
    one = text.replace("\r\n", "\n").replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(each for each in one if each.isprintable())


def _folded(line: str) -> str:
    """Break a long line, between two characters and never within one."""
    pieces, size = [""], 0
    for character in line:
        length = len(character.encode())
        if size + length > LONGEST_LINE:
            pieces.append(" ")
            size = 1
        pieces[-1] += character
        size += length
    return "\r\n".join(pieces)
