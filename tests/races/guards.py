"""
Takes guards away, for the twins: a race test proves something only if it fails without its guard.

Also says how often a race is run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

from bookings.db import rows
from bookings.models import (
    Announcement,
    ArchivedBooking,
    ArchiveRound,
    Booking,
    BookingCase,
    BookingEvent,
    BookingSeat,
    BulkCancel,
    BulkCancelRow,
    Contact,
    Dispute,
    GatewayNotice,
    IdempotencyRecord,
    Message,
    Payment,
    Refund,
    Report,
    SeatCall,
    SeatCallEvent,
    SeatExchange,
)
from bookings.services.bookings import unpaid_limit

EVERY_ROW = (
    ArchivedBooking,
    ArchiveRound,
    Report,
    Message,
    Contact,
    Announcement,
    GatewayNotice,
    Dispute,
    BulkCancelRow,
    BulkCancel,
    BookingCase,
    BookingEvent,
    Refund,
    Payment,
    IdempotencyRecord,
    BookingSeat,
    SeatExchange,
    Booking,
    SeatCallEvent,
    SeatCall,
)

CONNECTION_LOST = 2013


def rounds(everyday: int) -> range:
    """Give the rounds of a race: `ROUNDS` of the environment, or few enough for every day."""
    return range(int(os.environ.get("ROUNDS", everyday)))


def forget_everything() -> None:
    """Delete every booking and what belongs to it."""
    for table in EVERY_ROW:
        table.objects.all().delete()


def without_row_locks(monkeypatch: Any) -> None:
    """Let every locking read be a plain one."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda all_rows, **_options: all_rows.all())
    # Its text is kept: made each time it is what the line above has made of it.
    monkeypatch.setattr(rows, "_lock_text", rows._lock_text.__wrapped__)


def without_user_locks(monkeypatch: Any) -> None:
    """Let no create lock its user."""
    monkeypatch.setitem(unpaid_limit.LOCK, connection.vendor, "SELECT %s")


def without_conditions(monkeypatch: Any, *names: str) -> None:
    """Let every filter forget these conditions."""
    original = QuerySet.filter

    def forgetful(these: Any, *args: Any, **conditions: Any) -> Any:
        return original(these, *args, **{name: c for name, c in conditions.items() if name not in names})

    monkeypatch.setattr(QuerySet, "filter", forgetful)


@contextmanager
def without_constraints(model: type[Model], *names: str) -> Iterator[None]:
    """Drop these constraints for the length of the block; the rows it leaves behind are deleted."""
    dropped = [constraint for constraint in model._meta.constraints if constraint.name in names]
    assert len(dropped) == len(names), "a constraint has another name now"
    with connection.schema_editor() as editor:
        for constraint in dropped:
            editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        forget_everything()
        with connection.schema_editor() as editor:
            for constraint in dropped:
                editor.add_constraint(model, constraint)
