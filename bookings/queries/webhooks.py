"""What is to be sent by webhook, and how it stands with it: short ranges of indexes."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from bookings.models import WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.models.webhooks import SENT_TO, ReplayState

# Endpoints that are looked at together: more than a process can send to at once.
LANES_AT_ONCE = 50


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
