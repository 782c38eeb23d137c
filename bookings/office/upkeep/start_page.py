"""What the start page says: what waits for a decision, what is under way, today's numbers, and how the systems are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from bookings import wiring
from bookings.db.clock import database_time
from bookings.diagnostics import health
from bookings.diagnostics.finding import Verdict
from bookings.diagnostics.open_work import judge_age
from bookings.office import unsent
from bookings.office.labels import Badge
from bookings.office.tags import capped
from bookings.office.upkeep.open_work import KINDS, Kind, counts
from bookings.ports import BreakerState
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.upkeep.open_work import WaitingWork
from bookings.queries.upkeep.start_page import today

# Of work that is under way.
TONES = {Verdict.OK: "busy", Verdict.WARN: "warn", Verdict.FAIL: "bad"}

# Of each kind, and of all: the list behind the number has the others.
MOST_DECISIONS = 20


class Decision(NamedTuple):
    """Something that staff have to decide: since when it waits, what it is called, and the page where it is decided."""

    since: datetime
    age: timedelta
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """How many of a kind wait: what they are called, the list of exactly these, and for how long the oldest does."""

    name: str | Promise
    address: str
    count: Badge
    age: timedelta | None


def start_context(request: HttpRequest) -> dict[str, Any]:
    """What the start page shows to who may see bookings; nothing to others."""
    if not request.user.has_perm("bookings.view_booking"):
        return {}
    now = database_time()
    waiting, compared = counts.look_again(), last_reconciliation()
    seen = {word: kind for word, kind in KINDS.items() if request.user.has_perm(kind.right)}
    to_decide = {word: kind for word, kind in seen.items() if kind.needs_decision}
    return {
        "now": now,
        "unsent": unsent.kept_page(request),
        "decisions": _decisions(to_decide, waiting, now),
        "to_decide": [_line(kind, waiting[word], now) for word, kind in to_decide.items() if waiting[word].count],
        "under_way": [_line(kind, waiting[word], now) for word, kind in seen.items() if not kind.needs_decision],
        "today": _today(now),
        "flight_service": _flight_service(),
        "worker": _worker(),
        "compared": compared,
        "compared_age": now - compared.finished_at if compared else None,
    }


def _decisions(kinds: Mapping[str, Kind], waiting: Mapping[str, WaitingWork], now: datetime) -> list[Decision]:
    """The decisions that wait for longest, oldest first; one statement for each kind that has any."""
    found = [
        Decision(
            row.since,
            now - row.since,
            kind.called(row),
            reverse(f"admin:{kind.opens}", args=[getattr(row, kind.opened_by)]),
        )
        for word, kind in kinds.items()
        if kind.called and waiting[word].count
        for row in kind.oldest(MOST_DECISIONS)
    ]
    return sorted(found)[:MOST_DECISIONS]


def _line(kind: Kind, waiting: WaitingWork, now: datetime) -> Line:
    age = None if waiting.since is None else now - waiting.since
    tone = "good"
    if age is not None:
        tone = "bad" if kind.needs_decision else "busy" if kind.is_elsewhere else TONES[judge_age(age)]
    return Line(kind.name, kind.address, Badge(capped(waiting.count), tone), age)


def _today(now: datetime) -> list[tuple[str, int, str]]:
    """What happened today: its name, how often, and the list of these bookings."""
    bookings, day, found = reverse("admin:bookings_booking_changelist"), f"{now.astimezone(UTC):%Y-%m-%d}", today(now)
    shown = [
        (_("Bookings made"), found.made, {"from": day, "to": day}),
        (_("Paid"), found.paid, {"view": "paid_today"}),
        (_("Expired"), found.expired, {"view": "expired_today"}),
        (_("Cancelled by people"), found.cancelled, {"view": "cancelled_by_people"}),
    ]
    return [(name, number, f"{bookings}?{urlencode(query)}") for name, number, query in shown]


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
    if silent := finding.details.get("silent"):
        names = ", ".join(f"{each['worker']} ({each['machine']})" for each in silent[: health.NAMES_SHOWN])
        return Badge(_("Runs, but not %(names)s") % {"names": names}, "warn"), timedelta(seconds=seconds)
    badges = {
        Verdict.OK: Badge(_("Runs"), "good"),
        Verdict.WARN: Badge(_("Not known: the database's clock has jumped"), "warn"),
        Verdict.FAIL: Badge(_("Silent"), "bad"),
    }
    return badges[finding.verdict], timedelta(seconds=seconds)
