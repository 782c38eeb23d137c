"""How an endpoint ends: disabled until it is enabled, or retired for good. Both assume its lock."""

from datetime import datetime

from bookings.actor import Actor
from bookings.models import EndpointEvent, WebhookEndpoint
from bookings.models.webhooks import EndpointEventKind, EndpointState


def note(endpoint: WebhookEndpoint, what: EndpointEventKind, *, actor: Actor, now: datetime, why: str = "") -> None:
    """Append to the record of an endpoint."""
    EndpointEvent.by(actor, at=now, endpoint=endpoint, what=what, note=why).save()


def disable(endpoint: WebhookEndpoint, *, actor: Actor, now: datetime, why: str) -> None:
    """Send nothing more there, and write nothing down for it, until it is enabled."""
    endpoint.state, endpoint.disabled_why = EndpointState.DISABLED, why
    endpoint.version += 1
    endpoint.save(update_fields=["state", "disabled_why", "version"])
    note(endpoint, EndpointEventKind.DISABLED, actor=actor, now=now, why=why)


def retire(endpoint: WebhookEndpoint, *, actor: Actor, now: datetime, why: str = "") -> None:
    """Send nothing there any more. Its secrets are forgotten, and where its owner was told."""
    endpoint.state, endpoint.disabled_why, endpoint.secret = EndpointState.RETIRED, "", b""
    endpoint.previous_secret, endpoint.previous_expires_at, endpoint.contact_email = None, None, None
    endpoint.version += 1
    sealed = ["secret", "previous_secret", "previous_expires_at", "contact_email"]
    endpoint.save(update_fields=["state", "disabled_why", *sealed, "version"])
    note(endpoint, EndpointEventKind.RETIRED, actor=actor, now=now, why=why)
