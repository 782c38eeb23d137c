"""
A client's key, what was asked under it, and the response that each repeat of it gets for 72 hours.

`begin`, `finish` and `forget` assume the transaction that makes or decides what the key stands for.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models.functions import Now

from bookings.answers.rendering import render, stored_columns
from bookings.answers.results import AlreadyDone, Result
from bookings.db.once_more import once_more
from bookings.db.packets import later
from bookings.db.rows import insert, update, write_later
from bookings.db.waiting_line import lines
from bookings.errors import IdempotencyKeyReused
from bookings.models import IdempotencyRecord
from bookings.models.access.idempotency import RecordState
from bookings.observability import metrics


class KeyTaken(Exception):
    """Another transaction has written this key first. Roll back, and look at its record."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A client's key with the request it stands for; the key itself is not kept."""

    principal: str
    endpoint: str
    key_hash: str
    fingerprint: str

    @classmethod
    def of(cls, *, principal: str, endpoint: str, key: str, validated: Mapping[str, Any]) -> "KeyedRequest":
        """
        Hash a key and a validated request.

        :param endpoint: method and route, so that one key on two routes is two keys
        :param validated: path parameters and body after validation, so that spelling does not matter
        """
        canonical = json.dumps(validated, sort_keys=True, separators=(",", ":"))
        return cls(principal, endpoint, _sha256(key), _sha256(canonical))


@once_more
def find(keyed: KeyedRequest) -> IdempotencyRecord | None:
    """
    Look a key up, without a lock.

    :raises IdempotencyKeyReused: if it stands for another request
    """
    record = IdempotencyRecord.objects.filter(
        principal=keyed.principal, endpoint=keyed.endpoint, key_hash=keyed.key_hash
    ).first()
    if record is not None and record.fingerprint != keyed.fingerprint:
        raise IdempotencyKeyReused
    return record


def begin(keyed: KeyedRequest, *, call_key: UUID | None, result: Result | None = None) -> IdempotencyRecord:
    """
    Write the key down as running, or as done where the result is known beforehand.

    The unique constraint decides between two at once; the later one waits.

    :raises KeyTaken: if it is there already
    :raises TemporarilyUnavailable: if others already wait for the transaction that writes it
    """
    record = IdempotencyRecord(
        principal=keyed.principal,
        endpoint=keyed.endpoint,
        key_hash=keyed.key_hash,
        fingerprint=keyed.fingerprint,
        call_key=call_key,
        created_at=Now(),
        **({} if result is None else _done(result)),
    )
    try:
        with lines.place_for(f"key {keyed.principal} {keyed.endpoint} {keyed.key_hash}"):
            insert(record)
    except IntegrityError as error:
        raise KeyTaken from error
    return record


def finish(record: IdempotencyRecord, result: Result) -> None:
    """Store what a request came to, decided in this transaction, as the bytes that the client gets."""
    # By primary key alone: it is this transaction's own row. With the state beside it MariaDB may take the index
    # on (state, created_at), and deadlock with those who wait for this key.
    columns = _done(result)
    for name, value in columns.items():
        setattr(record, name, value)
    write_later(record, columns)


def finish_call(call_key: UUID, result: Result) -> None:
    """Store what the request that started this call came to, unless it is stored already. There may be none."""
    # Not `state=RUNNING`: few are running, so MariaDB would lock them all by the index on (state, created_at).
    later(*update(IdempotencyRecord, _done(result), where={"call_key": call_key}, unless={"state": RecordState.DONE}))


def forget_call(call_key: UUID) -> None:
    """Nothing was decided and nothing was sent: the key is free again."""
    IdempotencyRecord.objects.filter(call_key=call_key).exclude(state=RecordState.DONE).delete()


def replay(record: IdempotencyRecord) -> AlreadyDone:
    """Give what is stored in a record that is done, and count it."""
    metrics.REPLAYS.labels(record.endpoint).inc()
    return AlreadyDone(record)


def _done(result: Result) -> dict[str, Any]:
    return {"state": RecordState.DONE, **stored_columns(render(result))}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
