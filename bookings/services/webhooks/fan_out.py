"""Writes a delivery for each endpoint that is told of an announcement, in the transaction that writes these."""

from collections.abc import Sequence
from datetime import datetime

from bookings.models import Announcement, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import WRITTEN_DOWN_FOR, EndpointState
from bookings.services.shared import leases
from bookings.services.webhooks.rules import ASKED_FOR


def fan_out(announcements: Sequence[Announcement], now: datetime) -> None:
    """
    Write what is to be delivered. An endpoint is not told of what happened before it was made.

    Locks nothing: an endpoint that is disabled at this moment keeps its deliveries until it is enabled.
    """
    endpoints = list(WebhookEndpoint.objects.filter(state__in=WRITTEN_DOWN_FOR).only("created_at", "types", "state"))
    WebhookDelivery.objects.bulk_create(
        delivery(endpoint, announcement, now)
        for announcement in announcements
        for endpoint in endpoints
        if endpoint.created_at <= announcement.occurred_at and is_told(endpoint, announcement)
    )


def is_told(endpoint: WebhookEndpoint, announcement: Announcement) -> bool:
    """Whether an endpoint wants to be told of this type of event."""
    return not endpoint.types or str(announcement.type) in endpoint.wanted


def delivery(endpoint: WebhookEndpoint, announcement: Announcement | None, now: datetime) -> WebhookDelivery:
    """
    Make the row of a delivery, or of a ping where there is no announcement. It is not saved.

    An endpoint that has not answered yet is sent pings alone: the rest is due at the end, and at once when it answers.
    """
    since = announcement.occurred_at if announcement else now
    waits = endpoint.state == EndpointState.NEW and announcement is not None
    columns = {**leases.not_sent_yet(now), "next_at": since + ASKED_FOR if waits else now}
    return WebhookDelivery(
        endpoint=endpoint, announcement=announcement, ends_at=since + ASKED_FOR, created_at=now, **columns
    )
