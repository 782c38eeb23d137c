"""
The keys of services: made, rotated, revoked, and recognized.

A secret is 256 random bits, so that one round of SHA-256 is as good as any slow hash: there is nothing to
guess. It is shown once, by the caller of `issue` or `rotate`, and is not stored.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Q

from bookings.actor import Actor, Scope
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import InvalidRequest
from bookings.models import ApiKey, ApiKeyEvent
from bookings.models.access.api_key import ApiKeyEventKind
from bookings.text.legible import is_legible

log = structlog.get_logger(__name__)

# fbs_<id>_<secret>: the prefix lets scanners of repositories and logs find a key that got out.
PRESENTED = re.compile(r"fbs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")

# An auditor wants to know which keys are in use, not at which second.
LAST_USE_RESOLUTION = timedelta(minutes=1)

LONGEST_LIFE = timedelta(days=2 * 366)
LONGEST_GRACE = timedelta(days=30)


class UnknownApiKey(Exception):
    """There is no such key, or it is revoked."""


def issue_api_key(
    *,
    name: str,
    scopes: Collection[Scope],
    life: timedelta,
    requests_per_minute: int | None,
    actor: Actor,
    note: str = "",
    given: str | None = None,
) -> tuple[ApiKey, str]:
    """
    Make a key for a service; return it and its text, which cannot be had again.

    `note` says why; it stands in the key's events. `given` is the text of one that another cell has made: a service has
    one key for all of them.

    :raises InvalidRequest: if it has no name or no scope, lives longer than two years, or may ask for nothing
    """
    problems = {}
    if not is_legible(name) or len(name) > 80 or not name.isprintable():
        problems["name"] = "1 to 80 printable characters."
    if not scopes:
        problems["scopes"] = f"At least one of: {', '.join(Scope.values)}."
    if not timedelta(0) < life <= LONGEST_LIFE:
        problems["life"] = f"At most {LONGEST_LIFE.days} days."
    if requests_per_minute is not None and not 1 <= requests_per_minute <= 1_000_000:
        problems["requests_per_minute"] = "1 to 1,000,000."
    made = PRESENTED.fullmatch(_presented(secrets.token_hex(8), secrets.token_urlsafe(32)) if given is None else given)
    if made is None or ApiKey.objects.filter(key_id=made[1]).exists():
        problems["given"] = "The key of another cell, whole, that is not here yet."
    if problems or made is None:
        raise InvalidRequest(fields=problems)
    key_id, secret = made.groups()
    key = ApiKey(
        key_id=key_id,
        name=name.strip(),
        scopes=" ".join(sorted(scopes)),
        secret_hash=_salted(secret),
        requests_per_minute=requests_per_minute,
        created_by=actor.name[:150],
    )
    key = _issue(key, life=life, actor=actor, note=note)
    log.info("api_key.issued", key_id=key.key_id, scopes=key.scopes, by=actor.name)
    return key, _presented(key.key_id, secret)


@in_transaction("api_key.issue")
def _issue(key: ApiKey, *, life: timedelta, actor: Actor, note: str) -> ApiKey:
    if (made := ApiKey.objects.filter(key_id=key.key_id).first()) is not None:
        return made  # the COMMIT of the run before this one was lost
    key.created_at = database_time()
    key.expires_at = key.created_at + life
    key.save(force_insert=True)
    _append(key, ApiKeyEventKind.ISSUED, actor=actor, note=note, now=key.created_at)
    return key


def rotate_api_key(
    *,
    key_id: str,
    grace: timedelta,
    life: timedelta | None,
    actor: Actor,
    note: str = "",
    seen: str | None = None,
) -> tuple[ApiKey, str]:
    """
    Give a key a new secret; return it and its text, which cannot be had again.

    The old secret goes on working for `grace`, if it works now; one that was rotated away before ends at once.
    With `life` the key lives so long from now on. `seen` is the `secret_mark` of the key that the
    decision was about: a form that is sent twice must not end a secret that has just been promised a grace.

    :raises UnknownApiKey: if there is no such key, or it is revoked
    :raises InvalidRequest: if the grace or the life is too long, nothing is left of its life, or it was rotated
        meanwhile
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InvalidRequest(fields={"grace": f"At most {LONGEST_GRACE.days} days."})
    if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
        raise InvalidRequest(fields={"life": f"At most {LONGEST_LIFE.days} days."})
    # Made outside of the transaction: one that runs again after a lost COMMIT must find its own.
    secret = secrets.token_urlsafe(32)
    wish = _Rotation(secret_hash=_salted(secret), grace=grace, life=life, seen=seen)
    key = _rotate(key_id, wish, actor=actor, note=note)
    log.info("api_key.rotated", key_id=key_id, by=actor.name)
    return key, _presented(key_id, secret)


@dataclass(frozen=True, slots=True)
class _Rotation:
    """What is asked for, and the new secret."""

    secret_hash: str
    grace: timedelta
    life: timedelta | None
    seen: str | None


@in_transaction("api_key.rotate")
def _rotate(key_id: str, wish: _Rotation, *, actor: Actor, note: str) -> ApiKey:
    key = _lock(key_id)
    if key.secret_hash == wish.secret_hash:
        return key
    now = database_time()
    if wish.seen not in (None, key.secret_mark):
        raise InvalidRequest(fields={"key": "It was rotated meanwhile; nothing was changed."})
    if wish.life is None and key.expires_at <= now:
        raise InvalidRequest(fields={"life": "The key has expired: say how long it shall live now."})
    key.previous_secret_hash, key.secret_hash = key.secret_hash, wish.secret_hash
    # What had ended must not work again.
    key.previous_expires_at = min(now + wish.grace, max(now, key.expires_at))
    if wish.life is not None:
        key.expires_at = now + wish.life
    key.save(update_fields=["previous_secret_hash", "secret_hash", "previous_expires_at", "expires_at"])
    _append(key, ApiKeyEventKind.ROTATED, actor=actor, note=note, now=now)
    return key


def revoke_api_key(*, key_id: str, actor: Actor, note: str = "") -> ApiKey:
    """
    End a key at once, with all its secrets. It cannot be brought back.

    :raises UnknownApiKey: if there is no such key, or it is revoked already
    """
    key = _revoke(key_id, at=database_time(), actor=actor, note=note)
    log.info("api_key.revoked", key_id=key_id, by=actor.name)
    return key


@in_transaction("api_key.revoke")
def _revoke(key_id: str, *, at: datetime, actor: Actor, note: str) -> ApiKey:
    key = _lock(key_id, or_revoked_at=at)
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        _append(key, ApiKeyEventKind.REVOKED, actor=actor, note=note, now=at)
    return key


def recognize_api_key(presented: str) -> ApiKey | None:
    """
    Find the key that this text is a secret of, if it may be used now; None otherwise, whatever the reason.

    One read; and one write a minute, that says it was used.
    """
    parts = PRESENTED.fullmatch(presented)
    if parts is None:
        return None
    key_id, secret = parts.groups()
    key = ApiKey.objects.with_database_time().filter(key_id=key_id).first()
    if key is None or key.revoked_at is not None or key.expires_at <= key.read_at:
        return None
    good = [key.secret_hash]
    if key.previous_expires_at is not None and key.previous_expires_at > key.read_at:
        good.append(key.previous_secret_hash)
    if not any(_matches(secret, stored) for stored in good):
        return None
    _note_use(key)
    return key


def _lock(key_id: str, *, or_revoked_at: datetime | None = None) -> ApiKey:
    """Lock a key that is not revoked, or was by this very call, before the answer to its COMMIT was lost."""
    key = ApiKey.objects.select_for_update().filter(key_id=key_id).first()
    if key is None or key.revoked_at not in (None, or_revoked_at):
        raise UnknownApiKey
    return key


def _append(key: ApiKey, what: ApiKeyEventKind, *, actor: Actor, note: str, now: datetime) -> None:
    ApiKeyEvent.by(actor, at=now, api_key=key, what=what, note=note).save()


def _note_use(key: ApiKey) -> None:
    long_ago: datetime = key.read_at - LAST_USE_RESOLUTION
    if key.last_used_at is None or key.last_used_at <= long_ago:
        unused = Q(last_used_at=None) | Q(last_used_at__lte=long_ago)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=key.read_at)


def _salted(secret: str) -> str:
    return _hash(secret, salt=secrets.token_hex(16))


def _hash(secret: str, *, salt: str) -> str:
    return f"{salt}${hashlib.sha256(f'{salt}{secret}'.encode()).hexdigest()}"


def _matches(secret: str, stored: str) -> bool:
    salt, _, _ = stored.partition("$")
    return hmac.compare_digest(_hash(secret, salt=salt), stored)


def _presented(key_id: str, secret: str) -> str:
    return f"fbs_{key_id}_{secret}"
