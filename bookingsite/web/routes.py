"""What an address is called in logs, metrics and traces: by its form, and never by what a client typed."""

import functools
import re

from django.urls import ResolverMatch

# Where no pattern fits.
UNKNOWN = "unknown"

# A part of a pattern that stands for what a client types: `(?P<pk>[^/.]+)`, or `<path:object_id>`.
ARGUMENT = re.compile(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()])*\)|<(?:\w+:)?(\w+)>")
ANCHORS = re.compile(r"[\^$]")

# As long as ids are, see `bookings.conf.HIGHEST_ID`.
INTEGER = re.compile(r"[0-9]{1,16}")


def route_of(match: ResolverMatch | None) -> str:
    """Give the form of an address, as `/api/v1/bookings/{id}/cancel`."""
    return _form_of(match.route) if match is not None else UNKNOWN


def booking_in(match: ResolverMatch | None) -> str:
    """Give the booking that an address of the API names, if that is an id in form; empty if not."""
    if match is None or not (match.url_name or "").startswith("booking-"):
        return ""
    named: str = match.kwargs.get("pk", "")
    return named if INTEGER.fullmatch(named) else ""


@functools.cache
def _form_of(pattern: str) -> str:
    return "/" + ANCHORS.sub("", ARGUMENT.sub(_named, pattern))


def _named(argument: re.Match[str]) -> str:
    name = argument[1] or argument[2]
    return "{id}" if name == "pk" else f"{{{name}}}"
