"""What is due is sent with the same id and bytes until a receiver has it, and one that fails holds up no other."""

import json
from datetime import timedelta

import pytest

from bookings.actor import SYSTEM
from bookings.db.clock import database_time
from bookings.models import Announcement, EndpointEvent, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.ports import NotSent, Unknown
from bookings.ports.webhooks import Accepted, NotAllowed, TurnedDown
from bookings.services.access.api_keys import issue_api_key, revoke_api_key
from bookings.services.shared.sealing import Seal
from bookings.services.webhooks import deliver as delivering
from bookings.services.webhooks.endpoints import Owner
from bookings.services.webhooks.rules import PAUSES, next_pause, rest_after, width_after
from tests.support.announcements import announce
from tests.support.bookings import an_initiated_booking
from tests.support.webhooks import (
    OWNER,
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
BUSY = TurnedDown(503, "busy")
OTHER = "https://other.example.org/"


def states(endpoint: WebhookEndpoint) -> list[str]:
    return list(WebhookDelivery.objects.filter(endpoint=endpoint).order_by("pk").values_list("state", flat=True))


@pytest.mark.slow
def test_news_reaches_each_endpoint_that_wants_it_once(webhooks: FakeWebhooks, flights):
    all_news, held, paid = (
        an_endpoint(f"{URL}/{number}", types=types).endpoint
        for number, types in enumerate([(), ("booking.held",), ("booking.paid",)])
    )
    booking = an_initiated_booking(flights)
    announce()
    late = an_endpoint(f"{URL}/late").endpoint

    assert send_due(webhooks) == 2
    assert send_due(webhooks) == 0

    (told,) = Announcement.objects.all()
    assert [webhooks.ids(each.url) for each in (all_news, held, paid, late)] == [[told.key], [told.key], [], []]
    body = json.loads(webhooks.letters[0].body)
    assert (body["id"], body["type"], body["data"]["booking"]["id"]) == (told.key, "booking.held", booking.pk)
    assert states(all_news) == [DeliveryState.DELIVERED]


def test_a_new_endpoint_is_sent_a_ping_and_then_what_has_waited(webhooks: FakeWebhooks):
    made = an_endpoint(active=False)
    webhooks.says(BUSY)
    told = announcements(1)
    to_deliver(made.endpoint, told)

    assert send_due(webhooks) == 0
    assert [key[:5] for key in webhooks.ids()] == ["ping_"]
    let_webhooks_wait(seconds=10)
    assert send_due(webhooks) == 2

    assert [key[:5] for key in webhooks.ids()] == ["ping_", "ping_", told[0].key[:5]]
    made.endpoint.refresh_from_db()
    assert made.endpoint.state == EndpointState.ACTIVE
    assert json.loads(webhooks.letters[0].body)["type"] == "webhook.ping"


@pytest.mark.slow
def test_what_failed_is_sent_again_with_the_same_bytes_after_pauses_until_it_is_dead(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    webhooks.always(BUSY)
    for pause in [*PAUSES, *PAUSES[-1:] * 8]:
        send_due(webhooks)
        row.refresh_from_db()
        if row.next_at is None:
            break
        assert 0.75 * pause < row.next_at - database_time() < 1.25 * pause
        let_webhooks_wait(seconds=pause.total_seconds() * 1.25)

    assert (row.state, row.last_error, row.last_status) == (DeliveryState.DEAD, "HTTP 503", 503)
    assert 12 <= len(webhooks.letters) <= 16
    assert len({letter.body for letter in webhooks.letters}) == len({letter.key for letter in webhooks.letters}) == 1
    attempts = WebhookAttempt.objects.filter(delivery=row)
    assert {(each.status, each.error, each.answer) for each in attempts} == {(503, "HTTP 503", "busy")}
    assert len(attempts) == len(webhooks.letters)


@pytest.mark.slow
def test_every_way_to_fail_is_kept_with_its_reason(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    for outcome, why in (
        (HANGS, "answer too slow"),
        (NotSent("no such host"), "no such host"),
        (
            NotAllowed("the name leads to an address that is not public"),
            "the name leads to an address that is not public",
        ),
        (TurnedDown(500, "disk"), "HTTP 500"),
    ):
        webhooks.says(outcome)
        send_due(webhooks)
        row.refresh_from_db()
        assert (row.state, row.last_error) == (DeliveryState.PENDING, why)
        let_webhooks_wait(hours=1)


def test_the_pause_that_a_receiver_asks_for_is_kept(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    webhooks.says(TurnedDown(429, "", retry_after=1800.0))

    send_due(webhooks)

    row.refresh_from_db()
    assert row.next_at - database_time() > timedelta(minutes=29)


def test_what_would_be_sent_again_after_its_time_is_dead(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    let_webhooks_wait(hours=71, minutes=30)
    webhooks.says(TurnedDown(503, "", retry_after=3600.0))

    send_due(webhooks)

    row.refresh_from_db()
    assert (row.state, row.last_error, row.next_at) == (DeliveryState.DEAD, "HTTP 503", None)


def test_what_was_not_sent_within_its_time_is_dead_and_not_sent(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    let_webhooks_wait(hours=73)

    send_due(webhooks)

    row.refresh_from_db()
    assert (row.state, row.last_error, webhooks.letters) == (DeliveryState.DEAD, "not in time", [])


@pytest.mark.slow
def test_an_endpoint_that_fails_rests_and_its_deliveries_lose_nothing(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    rows = to_deliver(endpoint, announcements(20, bookings=20))
    webhooks.always(BUSY)

    send_due(webhooks)
    assert len(webhooks.letters) == 3
    assert [row.claims for row in WebhookDelivery.objects.order_by("pk")] == [1] * 3 + [0] * 17
    send_due(webhooks)
    assert len(webhooks.letters) == 3  # it rests

    for number, rest in enumerate((5, 10, 20, 40, 80, 160, 300, 300), start=4):
        endpoint.refresh_from_db()
        assert endpoint.rest_until - database_time() < timedelta(seconds=rest)
        let_webhooks_wait(seconds=rest)
        send_due(webhooks)
        assert len(webhooks.letters) == number  # one, to see

    webhooks.always(Accepted(204))
    let_webhooks_wait(seconds=300)
    send_due(webhooks)
    let_webhooks_wait(hours=13)
    send_due(webhooks)
    assert states(endpoint) == [DeliveryState.DELIVERED] * 20
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rest_until) == (0, None, None)
    assert len(rows) == 20


def test_one_event_that_is_always_refused_holds_up_no_other(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    told = announcements(12, bookings=12)
    to_deliver(endpoint, told)
    webhooks.always(lambda letter: TurnedDown(400, "no") if letter.key == told[0].key else Accepted(200))

    send_due(webhooks)

    assert states(endpoint) == [DeliveryState.PENDING] + [DeliveryState.DELIVERED] * 11
    endpoint.refresh_from_db()
    assert endpoint.failures == 0


def test_410_ends_an_endpoint_at_once(webhooks: FakeWebhooks, flights):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(2, bookings=2))
    webhooks.says(TurnedDown(410, "gone"))

    send_due(webhooks)

    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_why) == (EndpointState.DISABLED, "The receiver answered 410 (Gone).")
    event = EndpointEvent.objects.get(endpoint=endpoint, what="disabled")
    assert (event.actor_kind, event.note) == (SYSTEM.kind, endpoint.disabled_why)
    let_webhooks_wait(hours=1)
    an_initiated_booking(flights)
    announce()
    assert send_due(webhooks) == 0
    assert (len(webhooks.letters), len(states(endpoint))) == (1, 2)  # nothing is sent, or written down


@pytest.mark.slow
def test_five_days_without_a_success_end_an_endpoint_and_one_success_does_not(webhooks: FakeWebhooks):
    endpoint = an_endpoint().endpoint
    told = announcements(3, bookings=3)
    to_deliver(endpoint, told[:1])
    webhooks.says(BUSY, Accepted(200), BUSY, BUSY)
    send_due(webhooks)
    let_webhooks_wait(hours=60)
    send_due(webhooks)
    to_deliver(endpoint, told[1:])
    let_webhooks_wait(hours=61)
    send_due(webhooks)
    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.ACTIVE

    let_webhooks_wait(hours=10)
    WebhookEndpoint.objects.update(failing_since=database_time() - timedelta(days=5))
    webhooks.always(BUSY)
    send_due(webhooks)
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_why) == (EndpointState.DISABLED, "No success for five days.")


def test_the_endpoints_of_a_revoked_key_are_sent_nothing_more(webhooks: FakeWebhooks):
    key, _ = issue_api_key(
        name="crm", scopes=["bookings:read"], life=timedelta(days=9), requests_per_minute=None, actor=OWNER
    )
    endpoint = an_endpoint(owner=Owner(key.key_id)).endpoint
    to_deliver(endpoint, announcements(1))
    revoke_api_key(key_id=key.key_id, actor=OWNER)

    send_due(webhooks)

    endpoint.refresh_from_db()
    assert (endpoint.state, bytes(endpoint.secret), webhooks.letters) == (EndpointState.RETIRED, b"", [])


def test_an_endpoint_whose_secret_cannot_be_opened_rests_and_sends_nothing(webhooks: FakeWebhooks, caplog):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(1))

    send_due(webhooks, seal=Seal([b"another key of thirty-two bytes."]))

    endpoint.refresh_from_db()
    assert endpoint.rest_until > database_time()
    assert (webhooks.letters, states(endpoint)) == ([], [DeliveryState.PENDING])
    WebhookEndpoint.objects.update(rest_until=None)
    assert send_due(webhooks) == 1


def test_a_sender_that_fails_inside_and_a_claim_that_fails_hold_up_no_other(webhooks: FakeWebhooks, monkeypatch):
    bad, good = an_endpoint().endpoint, an_endpoint(OTHER).endpoint
    told = announcements(1)
    rows = [to_deliver(endpoint, told)[0] for endpoint in (bad, good)]

    def breaks(_letter):
        raise ValueError("canary")

    webhooks.says(breaks)
    assert send_due(webhooks) == 1
    rows[0].refresh_from_db()
    assert rows[0].last_error == "internal error"

    let_webhooks_wait(hours=1)
    WebhookDelivery.objects.update(state=DeliveryState.PENDING, next_at=database_time(), delivered_at=None)
    claim = delivering.claim_lane
    monkeypatch.setattr(
        delivering, "claim_lane", lambda pk, **options: claim(pk, **options) if pk == good.pk else 1 / 0
    )
    assert send_due(webhooks) == 1


def test_the_rules():
    assert [width_after(width, succeeded=True) for width in (1, 2, 4, 8)] == [2, 4, 8, 8]
    assert width_after(8, succeeded=False) == 1
    assert [rest_after(failures) for failures in (0, 1, 2)] == [None] * 3
    assert [rest_after(failures).total_seconds() for failures in (3, 4, 8, 9, 99)] == [5, 10, 160, 300, 300]
    for tries, pause in enumerate([*PAUSES, PAUSES[-1]], start=1):
        assert all(0.8 * pause <= next_pause(tries) <= 1.2 * pause for _ in range(50))
    assert next_pause(1, asked_for=3600) == timedelta(hours=1)
