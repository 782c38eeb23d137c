"""Something is delivered once more when that is asked for: the same id and bytes, and twice is once."""

import uuid
from datetime import timedelta

import pytest

from bookings import errors
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Announcement, WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.models.webhooks import DeliveryState, EndpointState, ReplayState
from bookings.ports.webhooks import Accepted, TurnedDown
from bookings.services.webhooks import again
from bookings.services.webhooks.again import ask_for_replay, go_on_with_replays, redeliver
from bookings.services.webhooks.claim import claim_lane
from bookings.services.webhooks.endpoints import Owner, retire_endpoint
from tests.support.webhooks import (
    OPEN,
    OWNER,
    SEAL,
    an_endpoint,
    announcements,
    let_webhooks_wait,
    send_due,
    to_deliver,
)

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = TurnedDown(503, "busy")
OTHER_LEASE = uuid.uuid4()
send_ok = Accepted(200)


def replay(endpoint: WebhookEndpoint, *, hours: float = 1, only_dead: bool = False) -> WebhookReplay:
    since = database_time() - timedelta(hours=hours)
    return ask_for_replay(key=endpoint.key, since=since, until=None, only_dead=only_dead, owner=OPEN, actor=OWNER)


def go_on(seconds: float = 5) -> int:
    return go_on_with_replays(deadline=Deadline(seconds))


def test_a_delivery_is_sent_once_more_dead_or_delivered(webhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    send_due(webhooks)
    WebhookDelivery.objects.update(ends_at=database_time())

    for _ in range(2):
        redeliver(key=endpoint.key, delivery_id=row.pk, owner=OPEN, actor=OWNER)
    assert send_due(webhooks) == 1

    first, second = webhooks.letters
    assert (first.key, first.body) == (second.key, second.body)
    row.refresh_from_db()
    assert (row.state, row.by_hand) == (DeliveryState.DELIVERED, True)
    with pytest.raises(errors.DeliveryNotFound):
        redeliver(key=endpoint.key, delivery_id=row.pk + 1, owner=OPEN, actor=OWNER)
    with pytest.raises(errors.EndpointNotFound):
        redeliver(key=endpoint.key, delivery_id=row.pk, owner=Owner("0" * 16), actor=OWNER)


def test_what_is_being_sent_is_left_alone(webhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    claim_lane(endpoint.pk, lease=OTHER_LEASE, seal=SEAL)

    assert redeliver(key=endpoint.key, delivery_id=row.pk, owner=OPEN, actor=OWNER).lease == OTHER_LEASE
    replay(endpoint)
    assert go_on() == 0

    row.refresh_from_db()
    assert (row.lease, row.claims) == (OTHER_LEASE, 1)


@pytest.mark.slow
def test_a_replay_brings_all_that_happened_to_who_was_not_told_and_to_who_was(webhooks, monkeypatch):
    monkeypatch.setattr(again, "REPLAYED_AT_ONCE", 4)
    told = announcements(10, bookings=10)
    Announcement.objects.filter(pk=told[0].pk).update(occurred_at=database_time() - timedelta(hours=2))
    endpoint = an_endpoint(types=["booking.held"]).endpoint
    to_deliver(endpoint, told[1:4])
    send_due(webhooks)

    asked = replay(endpoint)
    with pytest.raises(errors.ReplayUnderWay):
        replay(endpoint)
    assert go_on() == 9
    assert go_on() == 0
    assert send_due(webhooks) == 9

    asked.refresh_from_db()
    assert (asked.state, asked.count) == (ReplayState.DONE, 9)
    assert sorted(webhooks.ids()) == sorted([each.key for each in told[1:]] + [each.key for each in told[1:4]])
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() == 9


def test_a_replay_of_what_is_dead_leaves_alone_what_was_delivered(webhooks):
    told = announcements(3, bookings=3)
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, told)
    webhooks.always(lambda letter: BUSY if letter.key == told[0].key else send_ok)
    send_due(webhooks)
    let_webhooks_wait(hours=73)
    send_due(webhooks)
    webhooks.always(send_ok)

    replay(endpoint, only_dead=True)
    go_on()

    assert send_due(webhooks) == 1
    assert webhooks.ids()[-1] == told[0].key


@pytest.mark.slow
def test_a_replay_takes_only_the_types_that_are_wanted_and_ends_with_the_endpoint(webhooks):
    announcements(2, bookings=2)
    endpoint = an_endpoint(types=["booking.paid"]).endpoint
    replay(endpoint)
    assert (go_on(), WebhookDelivery.objects.count()) == (0, 0)

    other = an_endpoint("https://other.example.org/").endpoint
    asked = replay(other)
    retire_endpoint(key=other.key, owner=OPEN, actor=OWNER)
    assert go_on() == 0
    asked.refresh_from_db()
    assert asked.state == ReplayState.DONE


def test_a_replay_without_time_goes_on_later_and_one_that_makes_no_sense_is_refused():
    announcements(1)
    endpoint = an_endpoint().endpoint
    with pytest.raises(errors.InvalidRequest):
        replay(endpoint, hours=-1)
    asked = replay(endpoint)

    assert go_on(seconds=0) == 0
    asked.refresh_from_db()
    assert asked.state == ReplayState.RUNNING
    assert go_on() == 1


def test_nothing_happened_since_then():
    endpoint = an_endpoint().endpoint

    assert replay(endpoint).position == 0
    assert go_on() == 0
    WebhookEndpoint.objects.update(state=EndpointState.PAUSED)
    assert again._cut(WebhookReplay.objects.get().pk) is None
