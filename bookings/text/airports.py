"""
Airports by their IATA codes: the city that people know one by, and its time zone.

The list is read at the first question, which takes a third of a second; codes, cities and zones of it are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import airportsdata


@dataclass(frozen=True, slots=True)
class Airport:
    """Where a flight begins or ends. `zone` is None where the airport is not on the list."""

    code: str
    city: str
    zone: ZoneInfo | None

    def __str__(self) -> str:
        return f"{self.city} ({self.code})" if self.city else self.code


def airport(code: str) -> Airport:
    """Give an airport by its code; one that is not known has a code alone."""
    city, zone = _known().get(code, ("", ""))
    return Airport(code, city, ZoneInfo(zone) if zone else None)


@cache
def _known() -> Mapping[str, tuple[str, str]]:
    return MappingProxyType({code: (row["city"], row["tz"]) for code, row in airportsdata.load("IATA").items()})
