"""Record how sendings ended, of one endpoint, many at once: what is delivered, what is sent again, and its lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import F

from bookings.actor import SYSTEM
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import SENT_TO, DeliveryState, EndpointState
from bookings.observability import metrics
from bookings.ports.webhooks import Accepted, SendOutcome, TurnedDown
from bookings.services.shared import leases
from bookings.services.webhooks.endings import disable
from bookings.services.webhooks.rules import GONE, is_given_up, next_pause, rest_after

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """How one sending ended, in the order in which they ended, and how many milliseconds it took."""

    delivery_id: int
    outcome: SendOutcome
    milliseconds: int


@in_transaction("webhook.record")
def record(endpoint_id: int, sent: Sequence[Sent], *, lease: UUID, unsent: Sequence[int], is_over: bool) -> None:
    """
    Write how sendings of one lane ended, give back what was not sent, and free the lane if it `is_over`.

    Locks the endpoint, then the deliveries by ascending id. A success counts under any lease; a failure only under
    its own lease, as another process may be sending by now. What was not sent is due at once, and has lost no try.
    """
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    rows = WebhookDelivery.objects.select_for_update()
    locked = rows.filter(pk__in=[each.delivery_id for each in sent] + list(unsent)).order_by("pk")
    found = {row.pk: row for row in locked}
    now = database_time()
    pending = {pk: row for pk, row in found.items() if row.state == DeliveryState.PENDING}
    _delivered([each for each in sent if each.delivery_id in pending], now)
    mine = {pk: row for pk, row in pending.items() if is_mine(row, lease)}
    for each in sent:
        if each.delivery_id in mine and not isinstance(each.outcome, Accepted):
            _failed(mine[each.delivery_id], each, now)
    back = [pk for pk in unsent if pk in mine]
    WebhookDelivery.objects.filter(pk__in=back).update(lease=None, next_at=now, claims=F("claims") - 1)
    if endpoint.lane == lease:
        _judge(endpoint, sent, now, is_over=is_over)


def is_mine(row: WebhookDelivery, lease: UUID) -> bool:
    """Whether a delivery is still leased to who has sent it. If not, another one sends it, or has sent it since."""
    return row.lease == lease


def _delivered(sent: Sequence[Sent], now: datetime) -> None:
    """Say that these are delivered, those of one status together: mostly one statement for all."""
    accepted = [(each, each.outcome.status) for each in sent if isinstance(each.outcome, Accepted)]
    for status in sorted({status for _, status in accepted}):
        same = [each for each, its_status in accepted if its_status == status]
        WebhookDelivery.objects.filter(pk__in=[each.delivery_id for each in same]).update(
            state=DeliveryState.DELIVERED,
            delivered_at=now,
            last_status=status,
            last_ms=max(each.milliseconds for each in same),
            **leases.over(),
        )


def _failed(row: WebhookDelivery, sent: Sent, now: datetime) -> None:
    """Say when a delivery is sent again, or that it is dead; keep what the receiver said."""
    status, said, asked_for = _said(sent.outcome)
    why = f"HTTP {status}" if status else said
    next_at = now + next_pause(row.claims, asked_for=asked_for)
    columns = {
        "lease": None,
        "next_at": next_at,
        "last_error": why,
        "last_status": status,
        "last_ms": sent.milliseconds,
    }
    if next_at >= row.ends_at:
        columns |= {"state": DeliveryState.DEAD, "died_at": now, **leases.over(why)}
        metrics.WEBHOOKS_DEAD.inc()
        log.warning("webhook.dead", item=f"webhook_delivery {row.pk}", reason=why)
    leases.write(row, columns)
    WebhookAttempt(
        delivery=row,
        status=status,
        milliseconds=sent.milliseconds,
        error=why,
        answer=said if status else "",
        created_at=now,
    ).save(force_insert=True)


def _said(outcome: SendOutcome) -> tuple[int, str, float | None]:
    """Give the status of an answer, or 0; what was said; and the pause in seconds that was asked for."""
    if isinstance(outcome, TurnedDown):
        return outcome.status, outcome.answer, outcome.retry_after
    return (outcome.status, "", None) if isinstance(outcome, Accepted) else (0, outcome.why[:200], None)


def _judge(endpoint: WebhookEndpoint, sent: Sequence[Sent], now: datetime, *, is_over: bool) -> None:
    """Say what the sendings tell of the endpoint itself: whether it works, rests, or is given up."""
    for each in sent:
        if isinstance(each.outcome, Accepted):
            endpoint.failures, endpoint.failing_since, endpoint.rest_until = 0, None, None
            continue
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        rest = rest_after(endpoint.failures)
        endpoint.rest_until = now + rest if rest else None
    if is_over:
        endpoint.lane, endpoint.lane_until = None, None
    endpoint.save(update_fields=["failures", "failing_since", "rest_until", "lane", "lane_until"])
    if endpoint.state not in SENT_TO:
        return
    if any(isinstance(each.outcome, TurnedDown) and each.outcome.status == GONE for each in sent):
        disable(endpoint, actor=SYSTEM, now=now, why="The receiver answered 410 (Gone).")
    elif is_given_up(endpoint.failing_since, now):
        disable(endpoint, actor=SYSTEM, now=now, why="No success for five days.")
    elif endpoint.state == EndpointState.NEW and any(isinstance(each.outcome, Accepted) for each in sent):
        _activate(endpoint, now)
    if endpoint.state == EndpointState.DISABLED:
        log.warning("webhook.endpoint_disabled", item=endpoint.key, reason=endpoint.disabled_why)


def _activate(endpoint: WebhookEndpoint, now: datetime) -> None:
    """A new endpoint has answered: what has waited for that is due."""
    endpoint.state = EndpointState.ACTIVE
    endpoint.save(update_fields=["state"])
    let_go(endpoint, now)


def let_go(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Have what waits for its endpoint's first answer sent now."""
    never_sent = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.PENDING, claims=0)
    never_sent.filter(next_at__gt=now + timedelta(seconds=1)).update(next_at=now)
