"""Have something delivered once more: one delivery, or what happened in a time."""

from datetime import datetime

from django.db.models import Q

from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import DeliveryNotFound, InvalidRequest, ReplayUnderWay
from bookings.models import Announcement, WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.models.webhooks import DeliveryState, EndpointEventKind, EndpointState, ReplayState
from bookings.queries.webhooks import running_replays
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.webhooks.endings import note
from bookings.services.webhooks.endpoints import Owner, lock_endpoint
from bookings.services.webhooks.fan_out import delivery, is_told
from bookings.services.webhooks.rules import ASKED_FOR

# One transaction of a replay looks at this many announcements at most.
REPLAYED_AT_ONCE = 500


@in_transaction("delivery.redeliver")
def redeliver(*, key: str, delivery_id: int, owner: Owner, actor: Actor) -> WebhookDelivery:
    """
    Have a delivery sent once more, delivered or dead: the same id and body, and 72 hours from now on.

    One that waits is sent now. One that is being sent is left alone: twice is once.

    :raises EndpointNotFound: if there is no such endpoint, or it is another's, or retired
    :raises DeliveryNotFound: if it has no such delivery
    """
    endpoint, now = lock_endpoint(key, owner)
    row = WebhookDelivery.objects.select_for_update().filter(endpoint=endpoint, pk=delivery_id).first()
    if row is None:
        raise DeliveryNotFound
    if row.lease is None:
        _again(row, now)
        note(endpoint, EndpointEventKind.REDELIVERED, actor=actor, now=now)
    return row


def _again(row: WebhookDelivery, now: datetime) -> None:
    columns = {**leases.not_sent_yet(now), "first_sent_at": row.first_sent_at}
    columns |= {
        "state": DeliveryState.PENDING,
        "delivered_at": None,
        "died_at": None,
        "by_hand": True,
        "ends_at": now + ASKED_FOR,
    }
    leases.write(row, columns)


@in_transaction("replay.ask")
def ask_for_replay(
    *, key: str, since: datetime, until: datetime | None, only_dead: bool, owner: Owner, actor: Actor, why: str = ""
) -> WebhookReplay:
    """
    Have what happened in a time delivered to an endpoint once more. The worker goes through it.

    :raises EndpointNotFound: if there is no such endpoint, or it is another's, or retired
    :raises ReplayUnderWay: if one is running for it
    :raises InvalidRequest: if the time ends before it begins
    """
    endpoint, now = lock_endpoint(key, owner)
    until = now if until is None else min(until, now)
    if until <= since:
        raise InvalidRequest(fields={"since": "Must be in the past, and before `until`."})
    if WebhookReplay.objects.filter(endpoint=endpoint, state=ReplayState.RUNNING).exists():
        raise ReplayUnderWay
    replay = WebhookReplay(
        endpoint=endpoint, since=since, until=until, only_dead=only_dead, position=_before(since), created_at=now
    )
    replay.save(force_insert=True)
    note(endpoint, EndpointEventKind.REPLAYED, actor=actor, now=now, why=why)
    return replay


def _before(since: datetime) -> int:
    """Give an id below that of each announcement of what happened since then: it was written down later."""
    later = Announcement.objects.filter(created_at__gte=since).order_by("created_at", "pk")
    return (later.values_list("pk", flat=True).first() or 1) - 1


def go_on_with_replays(*, deadline: Deadline) -> int:
    """
    Go through what is to be delivered once more, in steps; return how many deliveries were made or renewed.

    :raises ExceptionGroup: at the end, if some could not be gone on with
    """
    return for_each(running_replays(), lambda replay_id: _all_of(replay_id, deadline), deadline=deadline)


def _all_of(replay_id: int, deadline: Deadline) -> int:
    total = 0
    while deadline and (renewed := _cut(replay_id)) is not None:
        total += renewed
    return total


@in_transaction("replay.cut")
def _cut(replay_id: int) -> int | None:
    """
    Take one step of a replay. None: it is done, or another process is at it.

    Locks the endpoint's deliveries behind the replay's row. A step that runs twice finds the position moved on.
    """
    replay = WebhookReplay.objects.select_for_update(skip_locked=True).filter(pk=replay_id).first()
    if replay is None or replay.state != ReplayState.RUNNING:
        return None
    endpoint: WebhookEndpoint = replay.endpoint
    now = database_time()
    happened = Q(occurred_at__gte=replay.since, occurred_at__lt=replay.until)
    found = list(
        Announcement.objects.filter(happened, pk__gt=replay.position).order_by("pk")[:REPLAYED_AT_ONCE]
        if endpoint.state != EndpointState.RETIRED
        else []
    )
    if not found:
        replay.state = ReplayState.DONE
        replay.save(update_fields=["state"])
        return None
    renewed = _renew(endpoint, [each for each in found if is_told(endpoint, each)], now, only_dead=replay.only_dead)
    replay.position, replay.count = found[-1].pk, replay.count + renewed
    replay.save(update_fields=["position", "count"])
    return renewed


def _renew(endpoint: WebhookEndpoint, told: list[Announcement], now: datetime, *, only_dead: bool) -> int:
    """Make deliveries that there are not, and renew those that there are, unless they are being sent."""
    rows = WebhookDelivery.objects.select_for_update().filter(endpoint=endpoint, announcement__in=told).order_by("pk")
    known = {row.announcement_id: row for row in rows}
    missing = [delivery(endpoint, each, now) for each in told if each.pk not in known]
    for row in missing:
        row.ends_at, row.by_hand = now + ASKED_FOR, True
    WebhookDelivery.objects.bulk_create(missing)
    ended = [row for row in known.values() if row.state == DeliveryState.DEAD or not only_dead]
    again = [row.pk for row in ended if row.lease is None]
    WebhookDelivery.objects.filter(pk__in=again).update(
        lease=None,
        claims=0,
        next_at=now,
        last_error="",
        state=DeliveryState.PENDING,
        delivered_at=None,
        died_at=None,
        by_hand=True,
        ends_at=now + ASKED_FOR,
    )
    return len(missing) + len(again)
