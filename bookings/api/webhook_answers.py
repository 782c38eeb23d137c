"""How the API shows endpoints of webhooks, and what is delivered to them. No secret is in it."""

import json
from collections.abc import Iterable
from typing import Any

from bookings.answers.pings import PING
from bookings.answers.rendering import iso
from bookings.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.services.webhooks.letters import body_of, letter_key


def endpoint_as_json(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Show an endpoint as its owner sees it."""
    return {
        "id": endpoint.key,
        "url": endpoint.url,
        "types": sorted(endpoint.wanted),
        "hasContactEmail": endpoint.contact_email is not None,
        "payloadVersion": endpoint.payload_version,
        "state": str(endpoint.state),
        "disabledWhy": endpoint.disabled_why or None,
        "failures": endpoint.failures,
        "failingSince": endpoint.failing_since and iso(endpoint.failing_since),
        "restsUntil": endpoint.rest_until and iso(endpoint.rest_until),
        "previousSecretUntil": endpoint.previous_expires_at and iso(endpoint.previous_expires_at),
        "createdAt": iso(endpoint.created_at),
    }


def delivery_as_json(delivery: WebhookDelivery) -> dict[str, Any]:
    """Show a delivery in a list."""
    told = delivery.announcement
    return {
        "id": delivery.pk,
        "eventId": letter_key(delivery),
        "type": str(told.type) if told else PING,
        "bookingId": told.booking_id if told else None,
        "state": str(delivery.state),
        "tries": delivery.claims,
        "nextTryAt": delivery.next_at and iso(delivery.next_at),
        "endsAt": iso(delivery.ends_at),
        "deliveredAt": delivery.delivered_at and iso(delivery.delivered_at),
        "lastStatus": delivery.last_status or None,
        "lastError": delivery.last_error or None,
        "lastMilliseconds": delivery.last_ms,
        "createdAt": iso(delivery.created_at),
    }


def whole_delivery_as_json(delivery: WebhookDelivery, attempts: Iterable[WebhookAttempt]) -> dict[str, Any]:
    """Show a delivery with what is sent, and what came of it so far."""
    return {
        **delivery_as_json(delivery),
        "body": json.loads(body_of(delivery)),
        "attempts": [
            {
                "at": iso(attempt.created_at),
                "status": attempt.status or None,
                "error": attempt.error,
                "answer": attempt.answer,
                "milliseconds": attempt.milliseconds,
            }
            for attempt in attempts
        ],
    }


def replay_as_json(replay: WebhookReplay) -> dict[str, Any]:
    """Show a wish for a replay."""
    return {
        "since": iso(replay.since),
        "until": iso(replay.until),
        "onlyDead": replay.only_dead,
        "state": str(replay.state),
        "count": replay.count,
        "createdAt": iso(replay.created_at),
    }
