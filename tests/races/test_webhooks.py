"""Processes that send webhooks beside each other, and beside what owners do: each delivery is sent by one of them."""

import uuid
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.ports.webhooks import TurnedDown
from bookings.services.access.api_keys import issue_api_key
from bookings.services.webhooks.again import redeliver
from bookings.services.webhooks.claim import claim_lane
from bookings.services.webhooks.endpoints import Owner, Wish, change_endpoint, ping_endpoint
from tests.races.crowd import all_at_once
from tests.races.guards import rounds
from tests.support.webhooks import OPEN, OWNER, SEAL, FakeWebhooks, an_endpoint, announcements, send_due, to_deliver

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

SENDERS = 4
OTHER = "https://other.example.org/"


@pytest.mark.slow
def test_four_processes_at_once_send_each_delivery_once():
    webhooks = FakeWebhooks()
    told = announcements(60, bookings=20)
    for url in ("https://hooks.example.org/a", OTHER):
        to_deliver(an_endpoint(url).endpoint, told)

    outcomes = all_at_once([partial(send_due, webhooks)] * SENDERS)
    send_due(webhooks)

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    assert Counter(letter.key for letter in webhooks.letters) == {each.key: 2 for each in told}
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}


@pytest.mark.slow
def test_one_of_many_claims_gets_the_lane():
    endpoint = an_endpoint().endpoint
    for _ in rounds(3):
        WebhookEndpoint.objects.update(lane=None, lane_until=None)
        WebhookDelivery.objects.all().delete()
        to_deliver(endpoint, announcements(1)[-1:])

        claims = all_at_once([lambda: claim_lane(endpoint.pk, lease=uuid.uuid4(), seal=SEAL)] * SENDERS)

        assert sum(claim is not None for claim in claims) == 1


@pytest.mark.slow
def test_an_owner_and_the_worker_at_once_lose_nothing_and_meet_no_deadlock():
    webhooks = FakeWebhooks()
    endpoint = an_endpoint().endpoint
    rows = to_deliver(endpoint, announcements(30, bookings=30))
    webhooks.says(*[TurnedDown(503, "")] * 2)

    def owner_acts():
        for state in (EndpointState.PAUSED, EndpointState.ACTIVE) * 3:
            change_endpoint(
                key=endpoint.key, wish=Wish(state=state), owner=OPEN, actor=OWNER, webhooks=webhooks, seal=SEAL
            )
            ping_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER)
            redeliver(key=endpoint.key, delivery_id=rows[-1].pk, owner=OPEN, actor=OWNER)

    outcomes = all_at_once([owner_acts, *[partial(send_due, webhooks)] * 2])
    for _ in range(3):  # what was refused, or given back as an owner acted
        WebhookDelivery.objects.exclude(state=DeliveryState.DELIVERED).update(next_at=rows[0].created_at)
        send_due(webhooks, seconds=20)

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}
    assert {row.announcement.key for row in rows} <= set(webhooks.ids())


def test_an_owner_has_no_more_than_five_however_fast_it_makes_them():
    key, _ = issue_api_key(
        name="crm", scopes=["bookings:read"], life=timedelta(days=9), requests_per_minute=None, actor=OWNER
    )
    owner = Owner(key.key_id)

    outcomes = all_at_once(
        [partial(an_endpoint, f"https://{number}.example.org/", owner=owner, active=False) for number in range(8)]
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["Made"] * 5 + ["TooManyEndpoints"] * 3
