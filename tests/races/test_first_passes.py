"""The very first passes of several workers, which all find that none has ever gone through."""

from functools import partial

import pytest
from django.db import OperationalError, transaction

from bookings.models import Heartbeat
from bookings.queries.upkeep.background import last_pass_finished_at
from bookings.services.upkeep import run_pass
from tests.races.crowd import all_at_once
from tests.races.guards import rounds
from tests.support.bookings import one_pass

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

WORKERS = 8


def first_passes(flights, payments):
    Heartbeat.objects.all().delete()
    return all_at_once([partial(one_pass, flights, payments)] * WORKERS)


def test_eight_first_passes_at_once_all_go_through(flights, payments):
    for _ in rounds(3):
        failed = [result for result in first_passes(flights, payments) if isinstance(result, Exception)]

        assert failed == []
        assert last_pass_finished_at() is not None


def test_none_of_them_meets_a_deadlock(flights, payments, monkeypatch):
    """They wait for one row, which one statement makes or writes; a look before that could lock a gap."""
    monkeypatch.setattr(run_pass, "_finish", transaction.atomic(run_pass._finish.__wrapped__))

    for _ in rounds(5):
        assert [result for result in first_passes(flights, payments) if isinstance(result, Exception)] == []


# PostgreSQL locks no gap where a row is missing, and meets no deadlock.
@pytest.mark.mysql
def test_with_a_look_before_it_is_written_one_of_them_dies_of_a_deadlock(flights, payments, monkeypatch):
    """The twin."""

    def look_and_write(row, names):
        Heartbeat.objects.update_or_create(name=row.name, defaults={name: getattr(row, name) for name in names})

    monkeypatch.setattr(run_pass, "insert_or_change", look_and_write)
    monkeypatch.setattr(run_pass, "_finish", transaction.atomic(run_pass._finish.__wrapped__))

    for _ in range(20):
        failed = [result for result in first_passes(flights, payments) if isinstance(result, Exception)]
        if failed:
            break

    assert {type(error) for error in failed} == {OperationalError}
    assert {error.args[0] for error in failed} == {1213}
