"""An endpoint has a lane of its own: who hangs keeps no one else waiting, and what is sent is recorded by its lease."""

import json
import threading
import uuid

import pytest
from django.db import OperationalError

from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState
from bookings.ports import Unknown
from bookings.ports.webhooks import Accepted, TurnedDown
from bookings.services.webhooks import claim as claiming
from bookings.services.webhooks import deliver as delivering
from bookings.services.webhooks import endpoints
from bookings.services.webhooks import record as recording
from tests.support.webhooks import (
    SEAL,
    URL,
    FakeWebhooks,
    an_endpoint,
    announcements,
    let_webhooks_wait,
    send_due,
    to_deliver,
)

pytestmark = pytest.mark.django_db(transaction=True)

HANGS = Unknown("answer too slow")

HANGING, WORKING, EVENTS = 4, 2, 12


def send_to_many_of_which_most_hang(webhooks: FakeWebhooks, *, seconds: float) -> tuple[bool, int]:
    """
    Tell whether those that work had everything while the others hung, and give how many sendings hung at once.

    Those hang until then, or for so many seconds.
    """
    told = announcements(EVENTS, bookings=EVENTS)
    urls = [f"https://{number}.example.org/" for number in range(HANGING + WORKING)]
    hung, accepted, most, others_are_done = [], [], [0], threading.Event()

    def hangs(letter):
        hung.append(letter)
        most[0] = max(most[0], len(hung))
        others_are_done.wait(seconds)
        hung.remove(letter)
        return HANGS

    def works(letter):
        accepted.append(letter)
        if len(accepted) == WORKING * EVENTS and hung:
            others_are_done.set()
        return Accepted(200)

    for number, url in enumerate(urls):
        to_deliver(one_more_endpoint(url), told)
        webhooks.always(hangs if number < HANGING else works, url=url)
    send_due(webhooks, seconds=seconds)

    return others_are_done.is_set(), most[0]


def one_more_endpoint(url: str) -> WebhookEndpoint:
    """Make an endpoint beyond the number that one owner may have."""
    endpoint = an_endpoint(f"{url}first").endpoint
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url=url, api_key=None)
    endpoint.refresh_from_db()
    return endpoint


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(endpoints, "ENDPOINTS_OF_AN_OWNER", 99)
    monkeypatch.setattr(delivering, "SENDERS", 8)
    monkeypatch.setattr(delivering, "SENDERS_FOR_WIDE_LANES", 6)


@pytest.mark.slow
def test_receivers_that_hang_keep_no_one_else_waiting(webhooks: FakeWebhooks, many):
    others_are_done, most = send_to_many_of_which_most_hang(webhooks, seconds=20)

    assert most == HANGING  # one each
    assert others_are_done
    hanging = [len(webhooks.ids(f"https://{number}.example.org/")) for number in range(HANGING)]
    assert 1 <= max(hanging) <= 3


@pytest.mark.slow
def test_without_a_slow_start_receivers_that_hang_take_all_senders(webhooks: FakeWebhooks, many, monkeypatch):
    """The twin: each lane begins as wide as it may become."""
    begin = delivering._Lane.__init__

    def wide(lane, claim):
        begin(lane, claim)
        lane._width = 8

    monkeypatch.setattr(delivering._Lane, "__init__", wide)
    monkeypatch.setattr(delivering, "SENDERS_FOR_WIDE_LANES", 99)

    _others_are_done, most = send_to_many_of_which_most_hang(webhooks, seconds=0.5)

    assert most > HANGING


def test_without_a_rest_a_receiver_that_hangs_is_asked_again_and_again(webhooks: FakeWebhooks, monkeypatch):
    """The twin: an endpoint that fails is sent its next delivery at once."""
    monkeypatch.setattr(recording, "rest_after", lambda _failures: None)
    for module in (claiming, delivering):
        monkeypatch.setattr(module, "FAILURES_BEFORE_REST", 999)
    to_deliver(an_endpoint().endpoint, announcements(EVENTS, bookings=EVENTS))
    webhooks.always(HANGS)

    send_due(webhooks)

    assert len(webhooks.letters) == EVENTS


def leased_and_slow(webhooks: FakeWebhooks) -> WebhookDelivery:
    """One process has claimed a delivery and is slow; another one claims it after the lease, and delivers it."""
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    slow = uuid.uuid4()
    claiming.claim_lane(endpoint.pk, lease=slow, seal=SEAL)
    let_webhooks_wait(seconds=31)
    other = uuid.uuid4()
    claiming.claim_lane(endpoint.pk, lease=other, seal=SEAL)
    failed = recording.Sent(row.pk, HANGS, 10_000)
    recording.record(endpoint.pk, [failed], lease=slow, unsent=[], is_over=True)
    row.refresh_from_db()
    return row


def test_a_failure_counts_only_under_its_own_lease(webhooks: FakeWebhooks):
    row = leased_and_slow(webhooks)

    assert (row.state, row.last_error, row.claims) == (DeliveryState.PENDING, "", 2)
    assert row.lease is not None
    assert (row.endpoint.lane, row.endpoint.failures) == (row.lease, 0)


@pytest.mark.slow
def test_without_that_fence_a_process_that_was_slow_ends_the_turn_of_another(webhooks: FakeWebhooks, monkeypatch):
    """The twin: every failure is taken for one of the present lease."""
    fence = recording.is_mine
    monkeypatch.setattr(recording, "is_mine", lambda row, lease: fence(row, row.lease))

    row = leased_and_slow(webhooks)

    assert (row.lease, row.last_error) == (None, "answer too slow")


@pytest.mark.slow
def test_a_success_counts_whoever_brings_it(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    slow = uuid.uuid4()
    claiming.claim_lane(endpoint.pk, lease=slow, seal=SEAL)
    let_webhooks_wait(seconds=31)
    claiming.claim_lane(endpoint.pk, lease=uuid.uuid4(), seal=SEAL)

    recording.record(endpoint.pk, [recording.Sent(row.pk, Accepted(200), 9)], lease=slow, unsent=[], is_over=True)

    row.refresh_from_db()
    assert (row.state, row.last_status, row.last_ms) == (DeliveryState.DELIVERED, 200, 9)


def test_two_claims_of_one_lane_are_one(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(2, bookings=2))
    mine, others = uuid.uuid4(), uuid.uuid4()

    first = claiming.claim_lane(endpoint.pk, lease=mine, seal=SEAL)
    assert claiming.claim_lane(endpoint.pk, lease=others, seal=SEAL) is None
    again = claiming.claim_lane(endpoint.pk, lease=mine, seal=SEAL)  # the answer to its COMMIT was lost

    assert [each.delivery_id for each in first.claimed] == [each.delivery_id for each in again.claimed]


def test_what_a_process_had_claimed_when_it_died_is_sent_by_another_with_the_same_bytes(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    rows = to_deliver(endpoint, announcements(3, bookings=3))
    died = claiming.claim_lane(endpoint.pk, lease=uuid.uuid4(), seal=SEAL)
    assert send_due(webhooks) == 0  # the lane is its own, for a while

    let_webhooks_wait(seconds=31)

    assert send_due(webhooks) == len(rows)
    assert [letter.body for letter in webhooks.letters] == [each.letter.body for each in died.claimed]


@pytest.mark.slow
def test_a_lane_begins_with_one_and_widens_with_each_success(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(60, bookings=60))
    seen, lock, over = [], threading.Lock(), threading.Event()

    def slow(_letter):
        with lock:
            seen.append(webhooks._sending[URL])
        over.wait(0.02)
        return Accepted(200)

    webhooks.always(slow)
    assert send_due(webhooks) == 60

    assert seen[0] == 1
    assert 4 <= max(seen) <= 8


def test_what_is_told_of_one_booking_is_sent_in_its_order(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    told = announcements(30, bookings=3)
    to_deliver(endpoint, told)
    at_once, lock = [], threading.Lock()

    def slow(letter):
        booking = json.loads(letter.body)["data"]["booking"]["id"]
        with lock:
            at_once.append(booking)
        threading.Event().wait(0.005)
        with lock:
            assert at_once.count(booking) == 1
            at_once.remove(booking)
        return Accepted(200)

    webhooks.always(slow)
    assert send_due(webhooks) == 30

    order = {each.key: (each.booking_id, each.sequence) for each in told}
    sent = [order[key] for key in webhooks.ids()]
    for booking in {each.booking_id for each in told}:
        mine = [sequence for of, sequence in sent if of == booking]
        assert mine == sorted(mine)


@pytest.mark.slow
def test_nothing_begins_once_the_time_is_up(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(30, bookings=30))
    webhooks.always(lambda _letter: threading.Event().wait(0.1) or Accepted(200))

    delivered = send_due(webhooks, seconds=0.05)

    assert 1 <= delivered <= 3
    assert [row.claims for row in WebhookDelivery.objects.filter(state=DeliveryState.PENDING)] == [0] * (30 - delivered)
    endpoint.refresh_from_db()
    assert endpoint.lane is None
    assert send_due(webhooks) == 30 - delivered


def test_what_ends_after_its_endpoint_was_paused_is_recorded_and_changes_nothing_else(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    lease = uuid.uuid4()
    claiming.claim_lane(endpoint.pk, lease=lease, seal=SEAL)
    WebhookEndpoint.objects.update(state="paused")

    sent = [recording.Sent(row.pk, TurnedDown(410, "gone"), 1)]
    recording.record(endpoint.pk, sent, lease=lease, unsent=[], is_over=True)

    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.lane, endpoint.failures) == ("paused", None, 1)


def test_a_database_that_is_away_ends_the_run(webhooks: FakeWebhooks, monkeypatch):
    to_deliver(an_endpoint().endpoint, announcements(1))

    def is_away(*_words, **_options):
        raise OperationalError("canary")

    monkeypatch.setattr(delivering, "claim_lane", is_away)

    with pytest.raises(OperationalError):
        send_due(webhooks)
