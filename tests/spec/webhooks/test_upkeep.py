"""What the worker does with webhooks beside sending them: it is woken, measures, and deletes what is old."""

import threading
from datetime import timedelta

import pytest

from bookings import tasks, wiring
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Announcement, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from bookings.observability import gauges
from bookings.ports import Unknown
from bookings.ports.webhooks import Accepted, TurnedDown
from bookings.queries.webhooks import is_delivery_due
from bookings.services.upkeep.reap import reap_old_rows
from tests.support.webhooks import (
    SEAL,
    FakeWebhooks,
    an_endpoint,
    announcements,
    let_webhooks_wait,
    send_due,
    to_deliver,
)

pytestmark = pytest.mark.django_db(transaction=True)


def numbers() -> dict[str, float]:
    return {
        " ".join([name, *labels.values()]): number
        for name, _, values in gauges.numbers()
        for labels, number in values
        if name.startswith("webhook_")
    }


@pytest.mark.slow
def test_the_task_sends_what_is_due(monkeypatch):
    webhooks = FakeWebhooks()
    monkeypatch.setattr(wiring, "webhooks", lambda: webhooks)
    monkeypatch.setattr(wiring, "seal", lambda: SEAL)
    an_endpoint(active=False)
    assert is_delivery_due(database_time())

    assert tasks.deliver() == 1
    assert not is_delivery_due(database_time())


@pytest.mark.slow
def test_the_next_task_may_begin_while_this_one_waits_for_its_last_receivers(monkeypatch):
    webhooks, left = FakeWebhooks(), []
    monkeypatch.setattr(wiring, "webhooks", lambda: webhooks)
    monkeypatch.setattr(wiring, "seal", lambda: SEAL)
    monkeypatch.setattr(tasks, "PASS_SECONDS", 0.05)
    has_left = threading.Event()
    monkeypatch.setattr(tasks, "leave_place", lambda task: left.append("place") or has_left.set())
    an_endpoint(active=False)
    webhooks.says(lambda _letter: Accepted(200) if has_left.wait(20) else Unknown("the place was kept"))

    assert tasks.deliver() == 1
    assert left == ["place"]  # once


@pytest.mark.slow
def test_numbers_say_what_waits_and_what_fails(webhooks):
    first, second = an_endpoint().endpoint, an_endpoint("https://other.example.org/").endpoint
    to_deliver(first, announcements(1))
    let_webhooks_wait(seconds=100)
    assert numbers() == {
        "webhook_endpoints new": 0,
        "webhook_endpoints active": 2,
        "webhook_endpoints paused": 0,
        "webhook_endpoints disabled": 0,
        "webhook_failing_seconds": 0,
        "webhook_oldest_due_seconds": pytest.approx(100, abs=5),
    }

    webhooks.says(TurnedDown(503, ""))
    send_due(webhooks)
    let_webhooks_wait(seconds=50)
    found = numbers()
    assert found["webhook_failing_seconds"] == pytest.approx(50, abs=5)
    assert found["webhook_oldest_due_seconds"] == 0  # it fails: another number tells of it
    assert second.pk


@pytest.mark.slow
def test_deliveries_and_their_attempts_are_deleted_with_what_they_tell(webhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(2, bookings=2))
    webhooks.says(TurnedDown(503, ""))
    send_due(webhooks)
    month_ago = database_time() - timedelta(days=31)
    Announcement.objects.update(created_at=month_ago)
    old, young = WebhookDelivery.objects.order_by("pk")
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=month_ago)

    for _ in range(2):
        reap_old_rows(deadline=Deadline(5))

    assert list(WebhookDelivery.objects.all()) == [young]
    assert list(Announcement.objects.all()) == [young.announcement]  # it is delivered once more
    assert not WebhookAttempt.objects.exists()
    assert WebhookEndpoint.objects.filter(pk=endpoint.pk).exists()
