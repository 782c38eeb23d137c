"""What is to be sent by webhook, how it stands with it, and who was told what: short ranges of indexes."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from bookings.models import Announcement, WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.models.webhooks import SENT_TO, DeliveryState, ReplayState
from bookings.queries.upkeep.open_work import waiting_of

# Endpoints that are looked at together: more than a process can send to at once.
LANES_AT_ONCE = 50

# Of one booking, for the page that shows who was told what: more than a person reads.
MOST_TOLD = 300


def due_deliveries(endpoint_id: int | OuterRef, now: datetime) -> QuerySet[WebhookDelivery]:
    """Deliveries of an endpoint whose lease or pause is over."""
    return WebhookDelivery.objects.filter(endpoint_id=endpoint_id, next_at__lte=now)


def due_lanes(now: datetime, *, but: Collection[int] = ()) -> list[int]:
    """Find endpoints that something is due of, that do not rest, and that no process sends to."""
    free = Q(lane_until=None) | Q(lane_until__lte=now)
    awake = Q(rest_until=None) | Q(rest_until__lte=now)
    endpoints = WebhookEndpoint.objects.filter(free, awake, state__in=SENT_TO).exclude(pk__in=but)
    has_some = Exists(due_deliveries(OuterRef("pk"), now))
    return list(
        endpoints.filter(has_some)
        .order_by(F("lane_until").asc(nulls_first=True))
        .values_list("pk", flat=True)[:LANES_AT_ONCE]
    )


def is_delivery_due(now: datetime) -> bool:
    """Tell whether something is to be sent now, or a replay goes on."""
    return bool(running_replays()) or bool(due_lanes(now))


def running_replays() -> list[int]:
    """Find replays that are not done."""
    rows = WebhookReplay.objects.filter(state=ReplayState.RUNNING).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:LANES_AT_ONCE])


def deliveries_of(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """All deliveries of an endpoint with what they are of, newest first."""
    return WebhookDelivery.objects.filter(endpoint=endpoint).select_related("announcement__booking").order_by("-pk")


def oldest_due(now: datetime) -> datetime | None:
    """Since when the oldest delivery is due to an endpoint that answers; None if there is none. A step for each."""
    answering = WebhookEndpoint.objects.filter(state__in=SENT_TO, failures=0)
    due = due_deliveries(OuterRef("pk"), now).order_by("next_at").values("next_at")[:1]
    found: datetime | None = answering.aggregate(since=Min(Subquery(due)))["since"]
    return found


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an endpoint has not got: how much waits, when the first of that is given up, and how much is dead."""

    waiting: int = 0
    first_ends_at: datetime | None = None
    dead: int = 0


def backlogs_of(endpoints: Sequence[int]) -> dict[int, Backlog]:
    """Count what these endpoints have not got, by their ids: one statement, two short ranges of an index for each."""
    if not endpoints:
        return {}
    rows = WebhookDelivery.objects.annotate(since=F("ends_at"))
    states = (DeliveryState.PENDING, DeliveryState.DEAD)
    found = waiting_of([rows.filter(endpoint=pk, state=state) for pk in endpoints for state in states])
    return {
        pk: Backlog(waiting.count, waiting.since, dead.count)
        for pk, waiting, dead in zip(endpoints, found[::2], found[1::2], strict=True)
    }


def told_of(booking_id: int) -> list[tuple[Announcement, list[WebhookDelivery]]]:
    """Read what was told of a booking, in its order, each with what became of it by webhook and by mail."""
    rows_of_booking = Announcement.objects.filter(booking=booking_id).order_by("sequence")
    announcements = list(rows_of_booking.defer("facts").prefetch_related("messages"))
    rows = WebhookDelivery.objects.filter(announcement__in=[each.pk for each in announcements])
    deliveries: dict[int | None, list[WebhookDelivery]] = defaultdict(list)
    for row in rows.select_related("endpoint").order_by("pk")[:MOST_TOLD]:
        deliveries[row.announcement_id].append(row)
    return [(each, deliveries[each.pk]) for each in announcements]
