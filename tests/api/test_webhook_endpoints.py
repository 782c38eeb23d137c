"""A service makes endpoints of webhooks, changes them, and sees what was delivered: its own, and no one else's."""

import re
import secrets
from datetime import timedelta

import pytest

from bookings import wiring
from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.ports.webhooks import TurnedDown
from bookings.services.shared.sealing import Seal
from bookings.services.webhooks.again import go_on_with_replays
from tests.support.api import Api, refused, shown
from tests.support.callers import CallerApi, a_service_key
from tests.support.webhooks import FakeWebhooks, announcements, send_due, to_deliver

pytestmark = pytest.mark.django_db

ENDPOINTS = "/api/v1/webhook-endpoints"
URL = "https://hooks.example.org/a"


@pytest.fixture
def webhooks(monkeypatch) -> FakeWebhooks:
    return FakeWebhooks()


@pytest.fixture
def service(token_auth) -> CallerApi:
    return CallerApi(a_service_key(Scope.WEBHOOKS_MANAGE, Scope.BOOKINGS_READ))


def make(service: Api, **fields: object) -> dict:
    answer = service.post(ENDPOINTS, {"url": URL, **fields})
    assert answer.status_code == 201, answer.content
    return shown(answer)


def deliver(webhooks: FakeWebhooks) -> int:
    return send_due(webhooks, seal=wiring.seal())


def test_an_endpoint_is_made_with_a_secret_that_is_shown_this_once(service):
    answer = service.post(ENDPOINTS, {"url": "HTTPS://Hooks.example.org/a", "types": ["booking.paid", "booking.held"]})

    made = shown(answer)
    assert answer.headers["Location"] == f"{ENDPOINTS}/{made['id']}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.pop("secret"))
    assert made == {
        "id": made["id"],
        "url": URL,
        "types": ["booking.held", "booking.paid"],
        "hasContactEmail": False,
        "payloadVersion": "2026-12-01",
        "state": "new",
        "disabledWhy": None,
        "failures": 0,
        "failingSince": None,
        "restsUntil": None,
        "previousSecretUntil": None,
        "createdAt": made["createdAt"],
    }
    read = service.get(f"{ENDPOINTS}/{made['id']}")
    assert (shown(read), read.headers["ETag"]) == (made, answer.headers["ETag"])
    assert shown(service.get(ENDPOINTS)) == {"results": [made]}
    again = service.post(ENDPOINTS, {"url": URL})
    assert refused(again) == (409, "endpoint_exists")
    assert made["id"] in again.json()["error"]["explanation"]


def test_who_is_told_that_an_endpoint_fails_is_sealed_shown_to_no_one_and_taken_away(service, settings, caplog):
    assert refused(service.post(ENDPOINTS, {"url": URL, "contactEmail": "canary@example.org"})) == (
        400,
        "invalid_request",
    )
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    answer = service.post(ENDPOINTS, {"url": URL, "contactEmail": "canary@Example.ORG"})
    path = f"{ENDPOINTS}/{shown(answer)['id']}"
    endpoint = WebhookEndpoint.objects.get()
    place = endpoint.place_of("contact_email")
    assert wiring.seal().open(bytes(endpoint.contact_email), place=place) == b"canary@example.org"

    read = service.get(path)
    states = [shown(read)["hasContactEmail"]]
    for body in ({"types": ["booking.paid"]}, {"contactEmail": "canary.b@example.org"}, {"contactEmail": None}):
        states.append(shown(service.send("PATCH", path, body))["hasContactEmail"])
    assert states == [True, True, True, False]
    assert endpoint.version + 3 == WebhookEndpoint.objects.get().version
    assert "canary" not in caplog.text + answer.content.decode() + read.content.decode()
    for wrong in (7, "", "canary", "a b@example.org", "a@ü.example", "a@example.org\r\nBcc: canary@example.org"):
        refusal = service.send("PATCH", path, {"contactEmail": wrong})
        assert (refused(refusal), list(refusal.json()["error"]["fields"])) == (
            (400, "invalid_request"),
            ["contactEmail"],
        ), wrong


def test_what_is_wrong_is_refused_by_its_field(service):
    for body, fields in (
        ({}, {"url"}),
        ({"url": "http://hooks.example.org/"}, {"url"}),
        ({"url": "https://127.0.0.1/"}, {"url"}),
        ({"url": "https://localhost/"}, {"url"}),
        ({"url": URL, "types": ["booking.lost"]}, {"types"}),
        ({"url": URL, "secret": "mine"}, {"secret"}),
        ({"url": 7}, {"url"}),
    ):
        answer = service.post(ENDPOINTS, body)
        assert refused(answer) == (400, "invalid_request"), body
        assert set(answer.json()["error"]["fields"]) == fields
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.slow
def test_a_change_is_made_on_what_was_seen(service):
    made = make(service)
    path = f"{ENDPOINTS}/{made['id']}"
    tag = service.get(path).headers["ETag"]

    changed = service.send("PATCH", path, {"types": ["booking.paid"], "state": "paused"}, headers={"If-Match": tag})

    assert (shown(changed)["types"], shown(changed)["state"]) == (["booking.paid"], "paused")
    assert refused(service.send("PATCH", path, {"url": URL + "/b"}, headers={"If-Match": tag})) == (
        412,
        "endpoint_changed",
    )
    assert refused(service.send("DELETE", path, {}, headers={"If-Match": '"x"'})) == (412, "endpoint_changed")
    assert shown(service.send("PATCH", path, {"state": "active"}, headers={"If-Match": "*"}))["state"] == "active"
    assert refused(service.send("PATCH", path, {"state": "retired"})) == (400, "invalid_request")
    for _ in range(2):
        assert service.send("DELETE", path, {}).status_code == 200
    assert refused(service.get(path)) == (404, "endpoint_not_found")
    assert shown(service.get(ENDPOINTS)) == {"results": []}


def test_a_secret_is_rotated_and_the_one_before_it_ends_when_it_was_said(service):
    made = make(service)
    path = f"{ENDPOINTS}/{made['id']}/rotate-secret"

    rotated = shown(service.post(path, {}))

    assert rotated["secret"] not in (made["secret"], "")
    assert rotated["previousSecretUntil"][:13] == f"{database_time() + timedelta(hours=24):%Y-%m-%dT%H}"
    assert refused(service.post(path, {"graceHours": 1})) == (409, "rotation_under_way")
    assert shown(service.post(path, {"graceHours": 0}))["previousSecretUntil"] is None
    assert refused(service.post(path, {"graceHours": 169})) == (400, "invalid_request")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_is_delivered_is_shown_with_its_body_and_each_failure(service, webhooks):
    made = make(service)
    endpoint = WebhookEndpoint.objects.get(key=made["id"])
    path = f"{ENDPOINTS}/{made['id']}"
    deliver(webhooks)  # the ping
    rows = to_deliver(WebhookEndpoint.objects.get(pk=endpoint.pk), announcements(3, bookings=3))[1:]
    webhooks.says(TurnedDown(503, "busy"))
    deliver(webhooks)

    page = shown(service.get(f"{path}/deliveries", {"limit": 2}))

    assert [each["id"] for each in page["results"]] == [rows[2].pk, rows[1].pk]
    assert page["results"][0]["state"] == "delivered"
    rest = shown(service.get(page["next"].partition("testserver")[2]))
    assert [each["type"] for each in rest["results"]] == ["booking.held", "webhook.ping"]
    assert [each["id"] for each in shown(service.get(f"{path}/deliveries", {"state": "pending"}))["results"]] == [
        rows[0].pk
    ]
    booking = rows[1].announcement.booking_id
    assert len(shown(service.get(f"{path}/deliveries", {"bookingId": booking}))["results"]) == 1

    failed = shown(service.get(f"{path}/deliveries/{rows[0].pk}"))
    assert (failed["lastStatus"], failed["lastError"], failed["tries"]) == (503, "HTTP 503", 1)
    assert [(each["status"], each["answer"]) for each in failed["attempts"]] == [(503, "busy")]
    assert failed["body"]["id"] == failed["eventId"]

    again = service.post(f"{path}/deliveries/{rows[2].pk}/redeliver", {})
    assert (again.status_code, shown(again)["state"]) == (202, "pending")
    assert deliver(webhooks) == 1
    for wrong in ("x", "0", str(rows[2].pk + 1)):
        assert refused(service.get(f"{path}/deliveries/{wrong}")) == (404, "delivery_not_found")
        assert refused(service.post(f"{path}/deliveries/{wrong}/redeliver", {})) == (404, "delivery_not_found")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_ping_and_a_replay_are_accepted(service, webhooks):
    made = make(service)
    path = f"{ENDPOINTS}/{made['id']}"
    deliver(webhooks)
    assert shown(service.post(f"{path}/ping", {}))["type"] == "webhook.ping"
    announcements(2, bookings=2)

    answer = service.post(f"{path}/replay", {"since": f"{database_time() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"})

    assert (answer.status_code, shown(answer)["state"], shown(answer)["onlyDead"]) == (202, "running", False)
    assert refused(service.post(f"{path}/replay", {"since": "2026-01-01T00:00:00Z"})) == (409, "replay_under_way")
    go_on_with_replays(deadline=Deadline(5))
    assert deliver(webhooks) == 3
    assert WebhookDelivery.objects.filter(state=DeliveryState.DELIVERED).count() == 4


@pytest.mark.slow
def test_the_endpoints_of_another_service_are_not_there(service):
    made = make(service)
    other = CallerApi(a_service_key(Scope.WEBHOOKS_MANAGE, Scope.BOOKINGS_READ, name="other"))

    assert shown(other.get(ENDPOINTS)) == {"results": []}
    assert refused(other.get(f"{ENDPOINTS}/{made['id']}")) == (404, "endpoint_not_found")
    assert refused(other.send("DELETE", f"{ENDPOINTS}/{made['id']}", {})) == (404, "endpoint_not_found")
    assert refused(other.get(f"{ENDPOINTS}/{made['id']}/deliveries")) == (404, "endpoint_not_found")


@pytest.mark.long
def test_a_thousand_guesses_find_nothing(service):
    make(service)
    other = CallerApi(a_service_key(Scope.WEBHOOKS_MANAGE, Scope.BOOKINGS_READ, name="other"))
    key = WebhookEndpoint.objects.get().key
    random_ones = [f"we_{secrets.token_hex(len(key) // 2)}" for _ in range(500)]
    close_ones = [key[:place] + letter + key[place + 1 :] for place in range(len(key)) for letter in "0af_"]
    guesses = [*random_ones, *({*close_ones} - {key}), key]

    answers = {refused(other.get(f"{ENDPOINTS}/{guess}")) for guess in (guesses * 2)[:1000]}

    assert answers == {(404, "endpoint_not_found")}


def test_a_key_that_may_not_read_bookings_may_have_none_sent(token_auth):
    service = CallerApi(a_service_key(Scope.WEBHOOKS_MANAGE))

    assert refused(service.post(ENDPOINTS, {"url": URL})) == (403, "forbidden")


def test_where_every_client_is_trusted_endpoints_have_no_key(api):
    made = make(api)

    assert WebhookEndpoint.objects.get(key=made["id"]).api_key is None
    assert shown(api.get(ENDPOINTS))["results"][0]["id"] == made["id"]


def test_without_a_key_to_seal_secrets_there_are_no_webhooks(service, monkeypatch):
    monkeypatch.setattr(wiring, "seal", lambda: Seal([]))

    assert refused(service.post(ENDPOINTS, {"url": URL})) == (409, "webhooks_off")


@pytest.mark.slow
def test_more_than_five_are_refused(service):
    for number in range(5):
        make(service, url=f"{URL}{number}")
    assert refused(service.post(ENDPOINTS, {"url": URL})) == (409, "too_many_endpoints")
    assert WebhookEndpoint.objects.filter(state=EndpointState.NEW).count() == 5
