"""What the start page says: today's numbers, and what is not as it should be."""

import math
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from bookings import wiring
from bookings.conf import longest_silence
from bookings.db.clock import database_time
from bookings.office.labels import Badge
from bookings.ports import BreakerState
from bookings.queries.upkeep.start_page import WaitingWork, Work, today, work

# A page that says whether the Flight Service answers must not wait for it as a client does.
PROBE_SECONDS = 0.25


def start_context(request: HttpRequest) -> dict[str, Any]:
    """What the start page shows to who may see bookings; nothing to others."""
    if not request.user.has_perm("bookings.view_booking"):
        return {}
    now = database_time()
    so_far, under_way = today(now), work()
    return {
        "now": now,
        "today": [
            (_("Bookings held"), so_far.held),
            (_("Paid"), so_far.paid),
            (_("Expired"), so_far.expired),
            (_("Cancelled by people"), so_far.cancelled),
        ],
        "flight_service": _flight_service(),
        "worker": _worker(under_way.finished_at, now),
        "calls": _calls(under_way, now),
        "seats_owed": under_way.seats_owed,
        "compared": under_way.compared,
        "compared_age": now - under_way.compared.finished_at if under_way.compared else None,
    }


def _flight_service() -> tuple[Badge, str]:
    """Whether the Flight Service answers, and what more there is to say. Asks nothing while it rests."""
    flights = wiring.flight_service()
    health = flights.health()
    if health.breaker is BreakerState.OPEN:
        return Badge(_("Not asked"), "bad"), _(
            "it failed %(failures)d times, next try in %(seconds)d s (seen by the process that made this page)"
        ) % {"failures": health.failures, "seconds": math.ceil(health.next_try_in)}
    if not flights.answers(seconds=PROBE_SECONDS):
        return Badge(_("Does not answer"), "bad"), ""
    return Badge(_("Answers"), "good"), ""


def _worker(finished_at: datetime | None, now: datetime) -> tuple[Badge, timedelta | None]:
    """Whether the background work goes through, and how long ago it last did."""
    if finished_at is None:
        return Badge(_("Has never run"), "bad"), None
    age = max(timedelta(0), now - finished_at)
    is_silent = age > longest_silence()
    return Badge(_("Silent"), "bad") if is_silent else Badge(_("Runs"), "good"), age


def _calls(under_way: Work, now: datetime) -> list[tuple[str, Badge, timedelta | None]]:
    """What was sent to the Flight Service and is not over: how many of each kind, and the age of the oldest."""

    def line(name: str, waiting: WaitingWork, tone: str) -> tuple[str, Badge, timedelta | None]:
        age = now - waiting.since if waiting.since else None
        return name, Badge(f"{waiting.count:,}", tone if waiting.count else "good"), age

    return [
        line(_("Give-backs without an answer"), under_way.open_calls, "busy"),
        line(_("Dead give-backs"), under_way.dead_calls, "bad"),
        line(_("Takes of unknown outcome"), under_way.unknown_takes, "warn"),
        line(_("Stuck takes"), under_way.stuck_takes, "bad"),
        line(_("Dead charges and refunds"), under_way.dead_payments, "bad"),
    ]
