"""How it stands with webhooks: whether their secrets can be opened, which endpoints fail, and where names lead."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookings.db.clock import database_time
from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.diagnostics.open_work import in_words
from bookings.models import WebhookEndpoint
from bookings.models.webhooks import SENT_TO, EndpointState
from bookings.ports.webhooks import NameUnknown, UnsafeAddress, Webhooks
from bookings.services.shared.sealing import CannotOpen, Seal
from bookings.services.webhooks.letters import secrets_of

# As the alert.
FAILS_FOR_LONG = timedelta(hours=1)
# Names are looked up one after the other.
LOOKED_UP, LOOK_UP_SECONDS = 20, 2.0


def check_webhooks(webhooks: Webhooks, seal: Seal) -> Iterator[Finding]:
    """Look at all endpoints that are not retired."""
    now = database_time()
    endpoints = list(WebhookEndpoint.objects.exclude(state=EndpointState.RETIRED).order_by("pk"))
    if not endpoints:
        said = "there is no endpoint of webhooks" + ("" if seal else "; without SEAL_KEYS there can be none")
        yield ok("webhooks", said)
        return
    yield _secrets(endpoints, seal, now)
    yield _endpoints(endpoints, now)
    yield _addresses([each for each in endpoints if each.state in SENT_TO], webhooks)


def _secrets(endpoints: list[WebhookEndpoint], seal: Seal, now: datetime) -> Finding:
    closed = 0
    for endpoint in endpoints:
        try:
            secrets_of(endpoint, seal=seal, now=now)
        except CannotOpen:
            closed += 1
    if not closed:
        return ok("webhook secrets", "SEAL_KEYS opens the secrets of all endpoints")
    said = f"SEAL_KEYS opens the secrets of {len(endpoints) - closed} endpoints of {len(endpoints)}"
    return fail("webhook secrets", said, "Add the key that they were sealed with, behind the new one and a comma.")


def _endpoints(endpoints: list[WebhookEndpoint], now: datetime) -> Finding:
    disabled = [each.key for each in endpoints if each.state == EndpointState.DISABLED]
    failing = [each for each in endpoints if each.state in SENT_TO and each.failing_since is not None]
    long = [each.key for each in failing if each.failing_since and now - each.failing_since > FAILS_FOR_LONG]
    if not disabled and not long:
        return ok("webhook endpoints", f"{len(endpoints)} endpoints, none of them fails for long")
    said = [f"{', '.join(disabled)} disabled"] * bool(disabled)
    said += [f"{', '.join(long)} failing for more than {in_words(FAILS_FOR_LONG)}"] * bool(long)
    return warn("webhook endpoints", "; ".join(said), "`manage.py webhooks list` says why. Tell the owner.")


def _addresses(endpoints: list[WebhookEndpoint], webhooks: Webhooks) -> Finding:
    wrong = []
    for endpoint in endpoints[:LOOKED_UP]:
        try:
            webhooks.leads_to(endpoint.url, seconds=LOOK_UP_SECONDS)
        except (UnsafeAddress, NameUnknown) as error:
            wrong.append(f"{endpoint.key}: {error}")
    if not wrong:
        return ok("webhook addresses", "names lead to addresses that webhooks are sent to")
    return warn("webhook addresses", "; ".join(wrong), "Tell the owner; one inside needs WEBHOOK_PRIVATE_NETWORKS.")
