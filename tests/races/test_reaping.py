"""Reapers beside each other, and beside whoever uses the rows: nobody waits, and each row is counted once."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django_q.models import Task

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import IdempotencyRecord, RateWindow
from bookings.services.upkeep.reap import reap_old_rows
from tests.races.crowd import PATIENCE_SECONDS, Halt, all_at_once, overtaken
from tests.races.guards import without_row_locks
from tests.races.places import DELETION_CHOSEN

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

ROWS = 1_200


def reap():
    return reap_old_rows(deadline=Deadline(PATIENCE_SECONDS))


def fill_with_old_rows():
    old, now = database_time() - timedelta(days=60), database_time()
    numbers = range(ROWS)
    RateWindow.objects.bulk_create(RateWindow(name=str(n), started_at=old, used=1) for n in numbers)
    Session.objects.bulk_create(Session(session_key=str(n), session_data="", expire_date=old) for n in numbers)
    Task.objects.bulk_create(
        Task(id=f"{n:032}", name="t", func="pass", started=old, stopped=old, success=n % 2) for n in numbers
    )
    IdempotencyRecord.objects.bulk_create(
        IdempotencyRecord(
            principal="open",
            endpoint="test",
            key_hash=str(n),
            fingerprint="",
            state="done",
            status_code=201,
            created_at=old if n else now,
        )
        for n in numbers
    )


def test_four_reapers_at_once_delete_each_row_once():
    fill_with_old_rows()

    reaped = all_at_once([reap] * 4)
    left = reap()

    assert sum(map(Counter.total, [*reaped, left])) == 4 * ROWS - 1
    assert IdempotencyRecord.objects.get().key_hash == "0"
    assert [table.objects.count() for table in (RateWindow, Session, Task)] == [0, 0, 0]


def renewed_while_it_is_reaped(monkeypatch):
    """Stop the reaper in front of its DELETE while the session is renewed; give what is left of it."""
    old = database_time() - timedelta(days=1)
    Session.objects.create(session_key="anna", session_data="", expire_date=old)
    renew = partial(Session.objects.filter(pk="anna").update, expire_date=database_time() + timedelta(minutes=30))
    halt = Halt(monkeypatch, DELETION_CHOSEN)
    _reaped, renewed = overtaken(reap, renew, at=halt)
    return renewed, Session.objects.count()


def test_whoever_renews_a_session_that_is_reaped_finds_it_gone(monkeypatch):
    assert renewed_while_it_is_reaped(monkeypatch) == (0, 0)


def test_twin_that_reaps_without_a_lock_deletes_a_session_that_was_just_renewed(monkeypatch):
    without_row_locks(monkeypatch)

    assert renewed_while_it_is_reaped(monkeypatch) == (1, 0)


def test_a_row_that_somebody_has_locked_is_left_for_the_next_time():
    old = database_time() - timedelta(days=1)
    for name in ("anna", "bert"):
        Session.objects.create(session_key=name, session_data="", expire_date=old)

    with transaction.atomic():
        Session.objects.select_for_update().get(pk="anna")
        (reaped,) = all_at_once([reap])

    assert reaped["django_session"] == 1
    assert Session.objects.get().pk == "anna"
