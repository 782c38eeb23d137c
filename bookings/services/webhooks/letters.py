"""What is sent: the body of a delivery, and the secrets that sign it. The same bytes each time."""

import json
from collections.abc import Sequence
from datetime import datetime

from bookings.answers.announcements import announcement_as_json
from bookings.answers.pings import ping_as_json
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.ports.webhooks import Letter
from bookings.services.shared.sealing import Seal


def letter_key(delivery: WebhookDelivery) -> str:
    """Give the id that the receiver knows it by: that of the event, the same for each endpoint and each sending."""
    return delivery.announcement.key if delivery.announcement else f"ping_{delivery.pk}"


def body_of(delivery: WebhookDelivery) -> bytes:
    """Write the body of a delivery."""
    if delivery.announcement is not None:
        content = announcement_as_json(delivery.announcement)
    else:
        content = ping_as_json(letter_key(delivery), at=delivery.created_at)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def letter(delivery: WebhookDelivery, *, url: str, secrets: Sequence[bytes], now: datetime, traceparent: str) -> Letter:
    """Make what is sent of a delivery now."""
    return Letter(
        url=url,
        key=letter_key(delivery),
        body=body_of(delivery),
        sent_at=int(now.timestamp()),
        secrets=tuple(secrets),
        traceparent=traceparent,
    )


def secrets_of(endpoint: WebhookEndpoint, *, seal: Seal, now: datetime) -> list[bytes]:
    """
    Open the secrets that sign now: the newest, and the one before it while that is still valid.

    :raises CannotOpen: if no key of this installation opens one of them
    """
    found = [seal.open(bytes(endpoint.secret), place=endpoint.place_of("secret"))]
    if endpoint.previous_secret is not None and endpoint.previous_expires_at and endpoint.previous_expires_at > now:
        found.append(seal.open(bytes(endpoint.previous_secret), place=endpoint.place_of("secret")))
    return found
