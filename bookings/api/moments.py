"""Reads moments as RFC 3339 writes them, and nothing else."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from rest_framework import serializers

from bookings.conf import YEARS_OF_FLIGHTS

# What the database keeps: of a fraction six digits count.
KEPT_DIGITS = 6

MOMENT_TEXT = "RFC 3339 with an offset and at most nine digits of a fraction; in an address + is written %2B."

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# An hour 24 is refused here, as Python takes it from 3.14 on.
_MOMENT = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<time>(?:[01][0-9]|2[0-3]):[0-9]{2}:(?P<second>[0-9]{2}))"
    r"(\.(?P<fraction>[0-9]{1,9}))?"
    r"([Zz]|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]))"
)


class Moment(serializers.DateTimeField):
    """
    A date, a T, a time and an offset; the framework takes milliseconds since 1970 for a year, and much else.

    :param rounds_up: a moment between two that the database can keep is the later of them, and else the earlier
    """

    default_error_messages = {
        "invalid": "Must be a time as in 2026-11-22T10:00:00Z or 2026-11-22T12:00:00+02:00 (RFC 3339). In an "
        "address + means a blank: write %2B.",
        "leap": "Second 60 is not known here; write 59.",
        "overflow": "Must be between the years 1 and 9999 in UTC.",
    }

    def __init__(self, *, rounds_up: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rounds_up = rounds_up

    def to_internal_value(self, value: Any) -> datetime:
        found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self.fail("invalid")
        if found["second"] == "60":
            self.fail("leap")
        try:
            local = datetime.fromisoformat(f"{found['date']}T{found['time']}")
        except ValueError:
            self.fail("invalid")
        fraction = (found["fraction"] or "").ljust(9, "0")
        between = self._rounds_up and bool(fraction[KEPT_DIGITS:].strip("0"))
        try:
            moment = local.replace(tzinfo=_zone(found)) + timedelta(microseconds=int(fraction[:KEPT_DIGITS]) + between)
            return moment.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class Day(serializers.DateField):
    """A day as in 2030-01-01; the framework takes 2030-1-1 for one as well. No flight leaves on others."""

    default_error_messages = {"invalid": "Must be a day as in 2030-01-01, from 1970 to 2199."}

    def to_internal_value(self, value: Any) -> date:
        try:
            day = date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None or day.year not in YEARS_OF_FLIGHTS:
            self.fail("invalid")
        return day


def _zone(found: re.Match[str]) -> timezone:
    offset = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    return timezone(-offset if found["sign"] == "-" else offset)
