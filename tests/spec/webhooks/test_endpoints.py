"""What owners and staff do with endpoints: each wish once, with its record, and no one else's endpoint."""

from datetime import timedelta

import pytest

from bookings import errors
from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.models import EndpointEvent, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.ports.webhooks import Accepted, TurnedDown
from bookings.services.access.api_keys import issue_api_key
from bookings.services.shared.sealing import CannotOpen, Seal
from bookings.services.webhooks import endpoints
from bookings.services.webhooks.endpoints import (
    Owner,
    Wish,
    change_endpoint,
    disable_endpoint,
    make_endpoint,
    ping_endpoint,
    retire_endpoint,
    rotate_secret,
)
from bookings.services.webhooks.letters import secrets_of
from bookings.services.webhooks.reseal import reseal_secrets
from tests.support.webhooks import (
    OPEN,
    OWNER,
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

STAFF, ANNA = Owner(is_staff=True), Actor(ActorKind.STAFF, "anna")
BUSY = TurnedDown(503, "busy")
OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def a_service(name: str = "crm") -> Owner:
    key, _ = issue_api_key(
        name=name, scopes=["bookings:read"], life=timedelta(days=9), requests_per_minute=None, actor=OWNER
    )
    return Owner(key.key_id)


def change(endpoint: WebhookEndpoint, *, owner: Owner = OPEN, **wish: object) -> WebhookEndpoint:
    return change_endpoint(
        key=endpoint.key, wish=Wish(**wish), owner=owner, actor=OWNER, webhooks=FakeWebhooks(), seal=SEAL
    )


def events(endpoint: WebhookEndpoint) -> list[tuple[str, str]]:
    rows = EndpointEvent.objects.filter(endpoint=endpoint).order_by("pk")
    return list(rows.values_list("what", "actor_name"))


def secrets(endpoint: WebhookEndpoint, seal: Seal = SEAL) -> list[bytes]:
    return secrets_of(WebhookEndpoint.objects.get(pk=endpoint.pk), seal=seal, now=database_time())


def test_an_endpoint_is_made_once_with_a_sealed_secret_and_a_ping():
    owner = a_service()

    made = an_endpoint(owner=owner, types=["booking.paid", "booking.held", "booking.paid"], active=False)

    endpoint = WebhookEndpoint.objects.get(key=made.endpoint.key)
    assert (endpoint.state, endpoint.url, endpoint.types) == (EndpointState.NEW, URL, "booking.held booking.paid")
    assert endpoint.api_key.key_id == owner.key_id
    (secret,) = secrets(endpoint)
    assert (len(secret), made.secret[:6], secret in bytes(endpoint.secret)) == (32, "whsec_", False)
    assert [row.announcement for row in WebhookDelivery.objects.filter(endpoint=endpoint)] == [None]
    assert events(endpoint) == [("made", "crm")]
    with pytest.raises(errors.EndpointExists, match=endpoint.key):
        an_endpoint(owner=owner)
    assert an_endpoint().endpoint.pk != endpoint.pk  # another owner's may have the same address


def test_what_cannot_be_made_is_refused_and_leaves_nothing():
    for url, types, seal, problem in (
        ("http://inside/", (), SEAL, errors.InvalidRequest),
        (URL, ("booking.lost",), SEAL, errors.InvalidRequest),
        (URL, (), Seal([]), errors.WebhooksOff),
    ):
        with pytest.raises(problem):
            make_endpoint(url=url, types=types, owner=OPEN, actor=OWNER, webhooks=FakeWebhooks(), seal=seal)

    assert not WebhookEndpoint.objects.exists()


@pytest.mark.slow
def test_an_owner_has_five_and_a_retired_one_does_not_count():
    owner = a_service()
    made = [an_endpoint(f"{URL}{number}", owner=owner).endpoint for number in range(5)]
    with pytest.raises(errors.TooManyEndpoints):
        an_endpoint(URL, owner=owner)

    retire_endpoint(key=made[0].key, owner=owner, actor=OWNER)

    assert an_endpoint(URL, owner=owner).endpoint.url == URL


def test_a_lost_commit_makes_one(monkeypatch):
    made = an_endpoint(active=False).endpoint

    assert endpoints._make(made, owner=OPEN, actor=OWNER).pk == made.pk
    assert (WebhookEndpoint.objects.count(), WebhookDelivery.objects.count()) == (1, 1)


def test_the_endpoint_of_another_is_one_that_there_is_not():
    owner, other = a_service(), a_service("other")
    endpoint = an_endpoint(owner=owner).endpoint
    for stranger in (other, OPEN):
        for act in (
            lambda who: change(endpoint, owner=who, state=EndpointState.PAUSED),
            lambda who: rotate_secret(key=endpoint.key, grace=timedelta(0), owner=who, actor=OWNER, seal=SEAL),
            lambda who: ping_endpoint(key=endpoint.key, owner=who, actor=OWNER),
            lambda who: retire_endpoint(key=endpoint.key, owner=who, actor=OWNER),
        ):
            with pytest.raises(errors.EndpointNotFound):
                act(stranger)

    endpoint.refresh_from_db()
    assert (endpoint.version, endpoint.state, events(endpoint)) == (1, EndpointState.ACTIVE, [("made", "crm")])
    assert ping_endpoint(key=endpoint.key, owner=STAFF, actor=ANNA).endpoint_id == endpoint.pk


def test_changes_are_recorded_counted_and_made_on_what_was_seen():
    endpoint = an_endpoint().endpoint

    assert change(endpoint, url=URL).version == 1  # no change
    changed = change(endpoint, url=f"{URL}/b", types=["booking.paid"], seen=[1])
    assert (changed.url, changed.types, changed.version) == (f"{URL}/b", "booking.paid", 2)
    with pytest.raises(errors.EndpointChanged):
        change(endpoint, url=URL, seen=[1])
    with pytest.raises(errors.EndpointChanged):
        retire_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER, seen=[1])
    with pytest.raises(errors.InvalidRequest, match="not valid"):
        change(endpoint, url="ftp://a")

    paused = change(endpoint, types=[], state=EndpointState.PAUSED)
    assert (paused.types, paused.state, paused.version) == ("", EndpointState.PAUSED, 3)
    assert change(endpoint, state=EndpointState.PAUSED).version == 3
    assert [what for what, _ in events(endpoint)] == ["made", "changed", "changed", "paused"]


@pytest.mark.slow
def test_what_happens_while_an_endpoint_is_paused_is_sent_when_it_is_enabled(webhooks):
    endpoint = an_endpoint().endpoint
    change(endpoint, state=EndpointState.PAUSED)
    to_deliver(endpoint, announcements(3, bookings=3))
    assert send_due(webhooks) == 0

    change(endpoint, state=EndpointState.ACTIVE)

    assert send_due(webhooks) == 3
    assert [what for what, _ in events(endpoint)] == ["made", "paused", "enabled"]


@pytest.mark.slow
def test_an_endpoint_that_was_disabled_begins_again_when_it_is_enabled(webhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(3, bookings=3))
    webhooks.says(BUSY, BUSY, BUSY)
    send_due(webhooks)
    assert disable_endpoint(key=endpoint.key, why="wrong address", actor=ANNA).disabled_why == "wrong address"
    disable_endpoint(key=endpoint.key, why="again", actor=ANNA)

    change(endpoint, state=EndpointState.ACTIVE)
    let_webhooks_wait(seconds=7)

    assert send_due(webhooks) == 3
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_why, endpoint.failures) == (EndpointState.ACTIVE, "", 0)
    assert events(endpoint) == [("made", "crm"), ("disabled", "anna"), ("enabled", "crm")]


def test_staff_may_have_a_new_endpoint_sent_to_before_it_has_answered(webhooks):
    endpoint = an_endpoint(active=False).endpoint
    to_deliver(endpoint, announcements(1))

    change(endpoint, owner=STAFF, state=EndpointState.ACTIVE)

    assert send_due(webhooks) == 2


@pytest.mark.slow
def test_while_a_secret_is_exchanged_both_sign_and_then_the_new_one_alone(webhooks):
    made = an_endpoint()
    endpoint = made.endpoint
    (first,) = secrets(endpoint)

    rotated = rotate_secret(key=endpoint.key, grace=timedelta(hours=24), owner=OPEN, actor=OWNER, seal=SEAL)

    second, previous = secrets(endpoint)
    assert (previous, rotated.secret != made.secret) == (first, True)
    with pytest.raises(errors.RotationUnderWay):
        rotate_secret(key=endpoint.key, grace=timedelta(hours=1), owner=OPEN, actor=OWNER, seal=SEAL)
    to_deliver(endpoint, announcements(1))
    send_due(webhooks)
    assert webhooks.letters[0].secrets == (second, first)

    let_webhooks_wait(hours=25)
    assert secrets(endpoint) == [second]
    rotate_secret(key=endpoint.key, grace=timedelta(hours=1), owner=OPEN, actor=OWNER, seal=SEAL)
    leaked = rotate_secret(key=endpoint.key, grace=timedelta(0), owner=OPEN, actor=OWNER, seal=SEAL)
    assert len(secrets(endpoint)) == 1
    assert leaked.endpoint.previous_secret is None
    assert (
        endpoints._rotate(
            endpoint.key, bytes(leaked.endpoint.secret), grace=timedelta(0), owner=OPEN, actor=OWNER
        ).version
        == leaked.endpoint.version
    )  # the answer to its COMMIT was lost


def test_a_rotation_that_makes_no_sense_is_refused():
    endpoint = an_endpoint().endpoint
    for grace in (timedelta(hours=-1), timedelta(hours=169)):
        with pytest.raises(errors.InvalidRequest):
            rotate_secret(key=endpoint.key, grace=grace, owner=OPEN, actor=OWNER, seal=SEAL)
    with pytest.raises(errors.WebhooksOff):
        rotate_secret(key=endpoint.key, grace=timedelta(0), owner=OPEN, actor=OWNER, seal=Seal([]))


@pytest.mark.slow
def test_a_ping_is_sent_once_however_often_it_is_asked_for(webhooks):
    endpoint = an_endpoint().endpoint
    pings = {ping_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER).pk for _ in range(3)}
    assert len(pings) == 1

    webhooks.says(BUSY)
    send_due(webhooks)
    ping_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER)  # at once, and not after its pause
    assert send_due(webhooks) == 1
    WebhookDelivery.objects.create(
        endpoint=endpoint,
        lease=OWNER_LEASE,
        next_at=database_time(),
        ends_at=database_time(),
        created_at=database_time(),
    )
    before = WebhookDelivery.objects.latest("pk").next_at
    assert ping_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER).next_at == before  # it is being sent


OWNER_LEASE = "00000000-0000-4000-8000-000000000001"


def test_a_retired_endpoint_is_sent_nothing_and_its_secrets_are_gone(webhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(1))
    for _ in range(2):
        retire_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER)

    assert send_due(webhooks) == 0
    endpoint.refresh_from_db()
    assert (endpoint.state, bytes(endpoint.secret)) == (EndpointState.RETIRED, b"")
    assert [what for what, _ in events(endpoint)] == ["made", "retired"]
    with pytest.raises(TypeError):
        endpoint.delete()


def test_secrets_are_sealed_again_when_the_key_has_changed():
    endpoint = an_endpoint().endpoint
    rotate_secret(key=endpoint.key, grace=timedelta(hours=9), owner=OPEN, actor=OWNER, seal=SEAL)
    before = secrets(endpoint)
    exchanging = Seal([NEW, OLD])

    assert (reseal_secrets(seal=exchanging), reseal_secrets(seal=exchanging)) == (1, 0)

    assert secrets(endpoint, Seal([NEW])) == before
    other = WebhookEndpoint(key="we_other", secret=WebhookEndpoint.objects.get(pk=endpoint.pk).secret)
    with pytest.raises(CannotOpen):
        exchanging.open(bytes(other.secret), place=other.place_of("secret"))


@pytest.mark.slow
def test_delivered_is_what_was_accepted(webhooks):
    endpoint = an_endpoint().endpoint
    to_deliver(endpoint, announcements(1))
    webhooks.says(Accepted(299))

    assert send_due(webhooks) == 1
    assert str(WebhookDelivery.objects.get()) == f"delivery {WebhookDelivery.objects.get().pk}"
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED


def test_an_address_is_not_kept_where_there_is_no_key_to_seal_it_with():
    endpoint = an_endpoint().endpoint
    wish = Wish(contact_email="owner@example.org")

    with pytest.raises(errors.WebhooksOff):
        change_endpoint(key=endpoint.key, wish=wish, owner=OPEN, actor=OWNER, webhooks=FakeWebhooks(), seal=Seal([]))
    assert WebhookEndpoint.objects.get().contact_email is None
