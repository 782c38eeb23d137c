"""Which form of an answer a client will take (RFC 9110, section 12.5.1). Refusals come in any case."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

ANY = "*/*"
JSON, PROBLEM = "application/json", "application/problem+json"
# The framework leaves the weights out.
_WEIGHT = re.compile(r";\s*q\s*=\s*(?P<weight>[0-9.]+)", re.IGNORECASE)


class Negotiation(DefaultContentNegotiation):
    """
    Looks at the weights: what has none is not wanted. No Accept, and an empty one, take anything.

    Parameters of a type are not looked at, as there is one form of each. `*` alone is what old Java sends for any.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        ranges = _ranges(request.META.get("HTTP_ACCEPT", ""))
        best = max(renderers, key=lambda renderer: _weight(str(renderer.media_type), ranges))
        if not _weight(str(best.media_type), ranges):
            raise NotAcceptable(f"Answers here are {best.media_type}; name that in Accept, or leave Accept out.")
        return best, str(best.media_type)


def prefers_problems(accept: str) -> bool:
    """Tell whether a client names problems, and not as what it would rather do without: `*/*` asks for none."""
    if PROBLEM not in accept.lower():
        return False
    ranges = _ranges(accept)
    return ranges.get(PROBLEM, 0.0) > 0 and ranges[PROBLEM] >= ranges.get(JSON, 0.0)


# Clients say few things; a value has 16 KiB at most.
@lru_cache(maxsize=64)
def _ranges(accept: str) -> Mapping[str, float]:
    """Read the types that a client names, with their weights; one that is named twice has the higher."""
    ranges: dict[str, float] = {}
    for member in accept.lower().split(","):
        name = member.partition(";")[0].strip()
        if name:
            name = ANY if name == "*" else name
            ranges[name] = max(ranges.get(name, 0.0), _weight_of(member))
    return ranges or {ANY: 1.0}


def _weight_of(member: str) -> float:
    """Read a weight; one that cannot be read is as none, and none is 1."""
    found: Any = _WEIGHT.search(member)
    try:
        return min(float(found["weight"]), 1.0) if found else 1.0
    except ValueError:
        return 1.0


def _weight(media_type: str, ranges: Mapping[str, float]) -> float:
    """The weight of a type is that of the most specific range that it is in; 0 if it is in none."""
    kind = media_type.partition("/")[0]
    return next((ranges[name] for name in (media_type, f"{kind}/*", ANY) if name in ranges), 0.0)
