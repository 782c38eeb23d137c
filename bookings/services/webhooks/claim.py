"""
Lease what is due of one endpoint: its lane, so that no other process sends to it, and deliveries.

See Note [An endpoint that fails is rested].
"""

# Note [An endpoint that fails is rested]
# A receiver that hangs would take all senders, ten seconds each, and the news of all others would wait for it. So every
# endpoint has a lane of its own: a claim takes one lane, begins with one sending, and doubles with each success. After
# the third failure in a row the endpoint rests, and after the rest one delivery is sent, to see. What waits behind it
# loses neither a try nor its time: it was not sent, and is due when the receiver answers again. An event that is always
# refused while others are accepted follows its own pauses, and holds nothing up.

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import F
from django.db.models.functions import Coalesce

from bookings.actor import SYSTEM
from bookings.db.clock import database_time
from bookings.db.transactions import in_one_statement, in_transaction
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import SENT_TO, DeliveryState
from bookings.observability import tracing
from bookings.ports.webhooks import Letter
from bookings.queries.webhooks import due_deliveries
from bookings.services.shared import leases
from bookings.services.shared.sealing import CannotOpen, Seal
from bookings.services.webhooks.endings import retire
from bookings.services.webhooks.letters import letter, secrets_of
from bookings.services.webhooks.rules import FAILURES_BEFORE_REST, LANE_LEASE, LETTERS_PER_CLAIM, LONGEST_REST

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may send. Those of one booking are sent one after the other."""

    delivery_id: int
    booking_id: int | None
    letter: Letter


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane that this process has, and what it may send there."""

    endpoint_id: int
    lease: UUID
    failures: int
    claimed: list[Claimed] = field(default_factory=list)


@in_transaction("webhook.claim")
def claim_lane(endpoint_id: int, *, lease: UUID, seal: Seal) -> Claim | None:
    """
    Lease the lane of an endpoint, and what is due of it. None: it rests, another process has it, or nothing is due.

    Locks the endpoint, then deliveries by ascending id. What is past its time is dead. After failures one alone is
    leased, to see. Secrets are those of this moment: they are read under the lock that a rotation takes.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(skip_locked=True).filter(pk=endpoint_id).first()
    now = database_time()
    if endpoint is None or not _may_be_claimed(endpoint, lease, now):
        return None
    if _has_lost_its_key(endpoint, now):
        return None
    try:
        secrets = secrets_of(endpoint, seal=seal, now=now)
    except CannotOpen:
        log.exception("webhook.secret_not_opened", item=endpoint.key)
        endpoint.rest_until = now + LONGEST_REST
        endpoint.save(update_fields=["rest_until"])
        return None
    rows = _lease_deliveries(endpoint, lease=lease, now=now)
    if not rows:
        return None
    endpoint.lane, endpoint.lane_until = lease, now + LANE_LEASE
    endpoint.save(update_fields=["lane", "lane_until"])
    parent = tracing.traceparent()
    return Claim(
        endpoint.pk,
        lease,
        endpoint.failures,
        [
            Claimed(
                row.pk,
                row.announcement.booking_id if row.announcement else None,
                letter(row, url=endpoint.url, secrets=secrets, now=now, traceparent=parent),
            )
            for row in rows
        ],
    )


@in_one_statement("webhook.rest")
def let_rest(endpoint_id: int) -> None:
    """Let an endpoint of which nothing can be claimed wait, so that it is not tried twice a second."""
    WebhookEndpoint.objects.filter(pk=endpoint_id).update(rest_until=database_time() + LONGEST_REST)


def _may_be_claimed(endpoint: WebhookEndpoint, lease: UUID, now: datetime) -> bool:
    is_free = endpoint.lane is None or endpoint.lane_until is None or endpoint.lane_until <= now
    rests = endpoint.rest_until is not None and endpoint.rest_until > now
    # Its own lease: the COMMIT of the run before this one was lost.
    return endpoint.state in SENT_TO and not rests and (is_free or endpoint.lane == lease)


def _has_lost_its_key(endpoint: WebhookEndpoint, now: datetime) -> bool:
    """Retire an endpoint whose key is revoked. An expired key may still be given a new life: it sends on."""
    if endpoint.api_key is None or endpoint.api_key.revoked_at is None:
        return False
    retire(endpoint, actor=SYSTEM, now=now, why="Its API key is revoked.")
    return True


def _lease_deliveries(endpoint: WebhookEndpoint, *, lease: UUID, now: datetime) -> list[WebhookDelivery]:
    """Lease what is due, oldest first, and end what is past its time; give what may be sent."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).select_related("announcement__booking").order_by("pk")
    if endpoint.lane == lease:
        return list(rows.filter(lease=lease))
    due = due_deliveries(endpoint.pk, now).order_by("next_at", "pk").values_list("pk", flat=True)
    locked = WebhookDelivery.objects.select_for_update(skip_locked=True).filter(pk__in=list(due[:LETTERS_PER_CLAIM]))
    mine = [row for row in locked.order_by("pk") if row.next_at is not None and row.next_at <= now]
    for row in [row for row in mine if row.ends_at <= now]:
        over = leases.over(row.last_error or "not in time")
        leases.write(row, {"state": DeliveryState.DEAD, "died_at": now, **over})
    sent = [row.pk for row in mine if row.ends_at > now]
    if endpoint.failures >= FAILURES_BEFORE_REST:
        sent = sent[:1]
    leased = leases.leased(lease, now, term=LANE_LEASE)
    WebhookDelivery.objects.filter(pk__in=sent).update(
        lease=lease,
        claims=F("claims") + 1,
        next_at=leased["next_at"],
        first_sent_at=Coalesce("first_sent_at", leased["first_sent_at"]),
    )
    return list(rows.filter(pk__in=sent))
