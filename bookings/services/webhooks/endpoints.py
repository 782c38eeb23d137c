"""
What owners and staff do with endpoints: make, change, rotate, ping, pause, enable, retire.

Each locks the endpoint and appends to its record. Nothing is sent here: a ping is a row, which the worker sends.
"""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import QuerySet

from bookings.actor import Actor
from bookings.answers.announcements import VERSION
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import (
    EndpointChanged,
    EndpointExists,
    EndpointNotFound,
    InvalidRequest,
    RotationUnderWay,
    TooManyEndpoints,
    WebhooksOff,
)
from bookings.lifecycle import News
from bookings.models import ApiKey, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointEventKind, EndpointState
from bookings.ports.webhooks import UnsafeAddress, Webhooks, written
from bookings.services.shared.sealing import Seal
from bookings.services.webhooks import endings
from bookings.services.webhooks.endings import note
from bookings.services.webhooks.fan_out import delivery
from bookings.services.webhooks.record import let_go

log = structlog.get_logger(__name__)

SECRET_BYTES = 32

# For a test, a rehearsal and production, and two more. Each costs a row for each event.
ENDPOINTS_OF_AN_OWNER = 5

LONGEST_GRACE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose endpoints are meant: a service's, those of the open API (neither is set), or all, for staff."""

    key_id: str = ""
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A new endpoint, or one with a new secret, which cannot be had again."""

    endpoint: WebhookEndpoint
    secret: str


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What is to be changed of an endpoint, and why; None stays as it is.

    An empty `contact_email` is taken away. `seen` are the versions that will do; None: any.
    """

    url: str | None = None
    types: Collection[str] | None = None
    state: EndpointState | None = None
    contact_email: str | None = None
    seen: Collection[int] | None = None
    why: str = ""


def make_endpoint(
    *,
    url: str,
    types: Collection[str],
    owner: Owner,
    actor: Actor,
    webhooks: Webhooks,
    seal: Seal,
    contact_email: str = "",
) -> Made:
    """
    Make an endpoint; a ping goes out, and the first 2xx makes it active.

    :param contact_email: where its owner is told that it fails; empty: nowhere
    :raises WebhooksOff: if this installation has no key to seal a secret with
    :raises InvalidRequest: if nothing would ever be sent to this address
    :raises EndpointExists: if the owner has one with this address: its secret can be rotated
    :raises TooManyEndpoints: if it has as many as it may have
    """
    if not seal:
        raise WebhooksOff
    key = f"we_{uuid.uuid4().hex}"
    secret = secrets.token_bytes(SECRET_BYTES)
    endpoint = WebhookEndpoint(
        key=key, url=_normal(url, webhooks), types=_kept(types), payload_version=VERSION, state=EndpointState.NEW
    )
    endpoint.secret = seal.seal(secret, place=endpoint.place_of("secret"))
    endpoint.contact_email = _sealed(contact_email, endpoint, seal)
    made = _make(endpoint, owner=owner, actor=actor)
    log.info("webhook.endpoint_made", item=key, by=actor.name)
    return Made(made, written(secret))


@in_transaction("endpoint.make")
def _make(endpoint: WebhookEndpoint, *, owner: Owner, actor: Actor) -> WebhookEndpoint:
    if (made := WebhookEndpoint.objects.filter(key=endpoint.key).first()) is not None:
        return made  # the COMMIT of the run before this one was lost
    # The key's row: of two at once the second counts the first.
    endpoint.api_key = ApiKey.objects.select_for_update().get(key_id=owner.key_id) if owner.key_id else None
    others = list(owned_by(owner).exclude(state=EndpointState.RETIRED))
    same = next((each.key for each in others if each.url == endpoint.url), None)
    if same is not None:
        raise EndpointExists(f"There is one with this address: {same}.")
    if len(others) >= ENDPOINTS_OF_AN_OWNER:
        raise TooManyEndpoints
    endpoint.pk, endpoint.created_at = None, database_time()
    endpoint.save(force_insert=True)
    note(endpoint, EndpointEventKind.MADE, actor=actor, now=endpoint.created_at)
    delivery(endpoint, None, endpoint.created_at).save(force_insert=True)
    return endpoint


def change_endpoint(
    *, key: str, wish: Wish, owner: Owner, actor: Actor, webhooks: Webhooks, seal: Seal
) -> WebhookEndpoint:
    """
    Change an endpoint's address, types or contact, pause it, or enable it.

    One that is enabled after it was disabled is new again if it never answered; what was not written down meanwhile
    comes by a replay.

    :raises EndpointNotFound: if there is none, or it is another's, or retired
    :raises EndpointChanged: if it has changed since it was seen
    :raises InvalidRequest: if nothing would ever be sent to this address
    """
    url = None if wish.url is None else _normal(wish.url, webhooks)
    return _change(key, wish, url, owner=owner, actor=actor, seal=seal)


@in_transaction("endpoint.change")
def _change(key: str, wish: Wish, url: str | None, *, owner: Owner, actor: Actor, seal: Seal) -> WebhookEndpoint:
    endpoint, now = lock_endpoint(key, owner)
    _check_seen(endpoint, wish.seen)
    before = (endpoint.url, endpoint.types)
    if url is not None:
        endpoint.url = url
    if wish.types is not None:
        endpoint.types = _kept(wish.types)
    if wish.contact_email is not None:
        endpoint.contact_email = _sealed(wish.contact_email, endpoint, seal)
    if (endpoint.url, endpoint.types) != before or wish.contact_email is not None:
        note(endpoint, EndpointEventKind.CHANGED, actor=actor, now=now, why=wish.why)
    elif wish.state in (None, endpoint.state):
        return endpoint
    if wish.state is not None and wish.state != endpoint.state:
        _move(endpoint, wish.state, actor=actor, now=now, why=wish.why)
    endpoint.version += 1
    endpoint.save(update_fields=["url", "types", "contact_email", "state", "disabled_why", "version", *RESTED])
    return endpoint


# What is forgotten when an endpoint is said to work again.
RESTED = ("failures", "failing_since", "rest_until")


def _move(endpoint: WebhookEndpoint, to: EndpointState, *, actor: Actor, now: datetime, why: str) -> None:
    """Pause an endpoint, or enable it: then it has to prove itself no more than any other."""
    if to == EndpointState.PAUSED:
        endpoint.state, endpoint.disabled_why = EndpointState.PAUSED, ""
        note(endpoint, EndpointEventKind.PAUSED, actor=actor, now=now, why=why)
        return
    endpoint.state, endpoint.disabled_why = EndpointState.ACTIVE, ""
    endpoint.failures, endpoint.failing_since, endpoint.rest_until = 0, None, None
    note(endpoint, EndpointEventKind.ENABLED, actor=actor, now=now, why=why)
    let_go(endpoint, now)


def rotate_secret(*, key: str, grace: timedelta, owner: Owner, actor: Actor, seal: Seal) -> Made:
    """
    Give an endpoint a new secret. The one before it goes on signing beside it for `grace`.

    :raises EndpointNotFound: if there is none, or it is another's, or retired
    :raises InvalidRequest: if the grace is longer than a week
    :raises RotationUnderWay: if a grace is running; with none (a leak) both secrets before the new one end at once
    :raises WebhooksOff: if this installation has no key to seal a secret with
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InvalidRequest(fields={"graceHours": "From 0 to 168."})
    if not seal:
        raise WebhooksOff
    secret = secrets.token_bytes(SECRET_BYTES)
    sealed = seal.seal(secret, place=f"webhook_endpoint.secret {key}")
    endpoint = _rotate(key, sealed, grace=grace, owner=owner, actor=actor)
    log.info("webhook.secret_rotated", item=key, by=actor.name)
    return Made(endpoint, written(secret))


@in_transaction("endpoint.rotate")
def _rotate(key: str, sealed: bytes, *, grace: timedelta, owner: Owner, actor: Actor) -> WebhookEndpoint:
    endpoint, now = lock_endpoint(key, owner)
    if bytes(endpoint.secret) == sealed:
        return endpoint  # the COMMIT of the run before this one was lost
    if grace and endpoint.previous_expires_at is not None and endpoint.previous_expires_at > now:
        raise RotationUnderWay
    endpoint.previous_secret, endpoint.previous_expires_at = (endpoint.secret, now + grace) if grace else (None, None)
    endpoint.secret = sealed
    endpoint.version += 1
    endpoint.save(update_fields=["secret", "previous_secret", "previous_expires_at", "version"])
    note(endpoint, EndpointEventKind.ROTATED, actor=actor, now=now)
    return endpoint


@in_transaction("endpoint.ping")
def ping_endpoint(*, key: str, owner: Owner, actor: Actor) -> WebhookDelivery:
    """
    Have a ping sent. One that still waits is sent in its place.

    :raises EndpointNotFound: if there is none, or it is another's, or retired
    """
    endpoint, now = lock_endpoint(key, owner)
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, announcement=None, state=DeliveryState.PENDING)
    ping = waiting.select_for_update().order_by("-pk").first()
    if ping is None:
        ping = delivery(endpoint, None, now)
        ping.by_hand = True
        ping.save(force_insert=True)
    elif ping.lease is None:
        ping.next_at = now
        ping.save(update_fields=["next_at"])
    note(endpoint, EndpointEventKind.PINGED, actor=actor, now=now)
    return ping


@in_transaction("endpoint.retire")
def retire_endpoint(
    *, key: str, owner: Owner, actor: Actor, seen: Collection[int] | None = None, why: str = ""
) -> None:
    """
    Send nothing there any more, for good. A second time changes nothing.

    :raises EndpointNotFound: if there is none, or it is another's
    :raises EndpointChanged: if it has changed since it was seen
    """
    endpoint = owned_by(owner).select_for_update().filter(key=key).first()
    if endpoint is None:
        raise EndpointNotFound
    if endpoint.state == EndpointState.RETIRED:
        return
    _check_seen(endpoint, seen)
    endings.retire(endpoint, actor=actor, now=database_time(), why=why)


@in_transaction("endpoint.disable")
def disable_endpoint(*, key: str, why: str, actor: Actor, seen: Collection[int] | None = None) -> WebhookEndpoint:
    """
    Send nothing there, and write nothing down for it, until it is enabled: for staff.

    :raises EndpointNotFound: if there is none, or it is retired
    :raises EndpointChanged: if it has changed since it was seen
    """
    endpoint, now = lock_endpoint(key, Owner(is_staff=True))
    _check_seen(endpoint, seen)
    if endpoint.state != EndpointState.DISABLED:
        endings.disable(endpoint, actor=actor, now=now, why=why[:200])
    return endpoint


def lock_endpoint(key: str, owner: Owner) -> tuple[WebhookEndpoint, datetime]:
    """Lock an endpoint of an owner that is not retired; another's is one that there is not."""
    endpoint = owned_by(owner).exclude(state=EndpointState.RETIRED).select_for_update().filter(key=key).first()
    if endpoint is None:
        raise EndpointNotFound
    return endpoint, database_time()


def _check_seen(endpoint: WebhookEndpoint, seen: Collection[int] | None) -> None:
    if seen is not None and endpoint.version not in seen:
        raise EndpointChanged


def owned_by(owner: Owner) -> QuerySet[WebhookEndpoint]:
    """Give the endpoints of an owner."""
    if owner.is_staff:
        return WebhookEndpoint.objects.all()
    if owner.key_id:
        return WebhookEndpoint.objects.filter(api_key__key_id=owner.key_id)
    return WebhookEndpoint.objects.filter(api_key=None)


def _sealed(email: str, endpoint: WebhookEndpoint, seal: Seal) -> bytes | None:
    """:raises WebhooksOff: if there is no key to seal an address with"""
    if not email:
        return None
    if not seal:
        raise WebhooksOff
    return seal.seal(email.encode(), place=endpoint.place_of("contact_email"))


def _normal(url: str, webhooks: Webhooks) -> str:
    try:
        return webhooks.normal(url)
    except UnsafeAddress as error:
        raise InvalidRequest(fields={"url": f"{str(error).capitalize()}."}) from error


def _kept(types: Collection[str]) -> str:
    """Write types in one order; all of them are none, as types to come are wanted then, too."""
    unknown = sorted(set(types) - set(News.values))
    if unknown:
        raise InvalidRequest(fields={"types": f"Each must be one of: {', '.join(News.values)}."})
    return " ".join(sorted(set(types)))
