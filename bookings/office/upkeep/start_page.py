"""What the start page says: today's numbers, and what is not as it should be."""

import math
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from bookings import wiring
from bookings.db.clock import database_time
from bookings.diagnostics import health
from bookings.diagnostics.finding import Verdict
from bookings.diagnostics.open_work import judge_calls
from bookings.office.addresses import NEEDS_DECISION
from bookings.office.labels import Badge
from bookings.ports import BreakerState
from bookings.queries.upkeep.open_work import WaitingWork, Work, work
from bookings.queries.upkeep.start_page import today

# Of work that is under way.
TONES = {Verdict.OK: "busy", Verdict.WARN: "warn", Verdict.FAIL: "bad"}


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
        "worker": _worker(),
        "calls": _calls(under_way, now),
        "seats_owed": under_way.seats_owed,
        "compared": under_way.compared,
        "compared_age": now - under_way.compared.finished_at if under_way.compared else None,
    }


def _flight_service() -> tuple[Badge, str]:
    """Whether the Flight Service answers, and what more there is to say."""
    finding = health.flight_service(wiring.flight_service())
    if finding.verdict is Verdict.OK:
        return Badge(_("Answers"), "good"), ""
    if finding.details["breaker"] is not BreakerState.OPEN:
        return Badge(_("Does not answer"), "bad"), ""
    return Badge(_("Not asked"), "bad"), _(
        "it failed %(failures)d times, next try in %(seconds)d s (seen by the process that made this page)"
    ) % {"failures": finding.details["failures"], "seconds": math.ceil(finding.details["nextTryInSeconds"])}


def _worker() -> tuple[Badge, timedelta | None]:
    """Whether passes finish, and how long ago the last one did."""
    finding = health.worker()
    seconds = finding.details.get("lastPassSecondsAgo")
    if seconds is None:
        return Badge(_("Not known") if "error" in finding.details else _("Has never run"), "bad"), None
    badges = {
        Verdict.OK: Badge(_("Runs"), "good"),
        Verdict.WARN: Badge(_("Not known: the database's clock has jumped"), "warn"),
        Verdict.FAIL: Badge(_("Silent"), "bad"),
    }
    return badges[finding.verdict], timedelta(seconds=seconds)


def _calls(under_way: Work, now: datetime) -> list[tuple[str, str, Badge, timedelta | None]]:
    """What was sent and is not over: the page about each kind, how many there are, and the age of the oldest."""
    calls = reverse("admin:bookings_seatcall_changelist")
    payments = f"{reverse('admin:bookings_payment_changelist')}?{NEEDS_DECISION}"

    judged = judge_calls(under_way, now)

    def line(name: str, kind: str, page: str = calls) -> tuple[str, str, Badge, timedelta | None]:
        waiting: WaitingWork = getattr(under_way, kind)
        tone = TONES[judged[kind].verdict] if waiting.count else "good"
        return name, page, Badge(f"{waiting.count:,}", tone), now - waiting.since if waiting.since else None

    return [
        line(_("Releases without an answer"), "open_calls"),
        line(_("Dead releases"), "dead_calls"),
        line(_("Reservations of unknown outcome"), "unknown_reservations"),
        line(_("Stuck reservations"), "stuck_reservations"),
        line(_("Dead charges and refunds"), "dead_payments", payments),
    ]
