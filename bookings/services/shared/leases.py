"""
Leases of calls to other systems: who sends a call, and what its row says while it has no answer.

Each call is written down before it is sent, claimed by one worker at a time, and repeated under its key until
there is an answer, or until the key may be forgotten on the other side. The functions here assume an open
transaction; those that write assume a row that it has locked.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog

from bookings.conf import LEASE
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.rows import write_later
from bookings.models.outbound_call import OutboundCall
from bookings.ports import NotSent, Unknown
from bookings.services.shared.retry_policy import is_too_old, next_try

C = TypeVar("C", bound=OutboundCall)

log = structlog.get_logger(__name__)

Columns = Mapping[str, Any]
"""Values of the columns of an `OutboundCall`: for a new row, an UPDATE, or `write`."""

NoAnswer = NotSent | Unknown


def claim(
    model: type[C],
    call_id: int,
    *,
    lease: UUID,
    is_unanswered: Callable[[C], bool],
    give_up: Callable[[C, datetime], None],
) -> C | None:
    """
    Lease a call whose lease or pause is over. None: another worker has it, or it has its answer.

    One that was first sent too long ago is given up instead: its key may be forgotten, and sent once more it would
    count twice. Locks by primary key, then looks: an UPDATE with these conditions would lock by the index of due
    times, and deadlock with a transaction that has locked the row and changes that time.
    """
    call = model._default_manager.select_for_update(skip_locked=True).filter(pk=call_id).first()
    now = database_time()
    if call is None or not is_unanswered(call):
        return None
    if call.lease == lease:  # the COMMIT of the run before this one was lost
        return call
    if not call.is_due(now):
        return None
    if is_too_old(call.first_sent_at, now):
        if clock_is_proven():
            give_up(call, now)
            log.warning("call.given_up", item=f"{model._meta.db_table} {call_id}")
        return None
    write(call, leased(lease, now, before=call))
    return call


def leased(lease: UUID, now: datetime, *, before: OutboundCall | None = None, term: timedelta = LEASE) -> Columns:
    """
    Say that a call is leased and about to be sent: a new one, or `before`.

    A first sending in the future was written by a clock that was ahead: the call would never become too old.
    """
    sent_at = before.first_sent_at if before is not None else None
    return {
        "lease": lease,
        "claims": 1 if before is None else before.claims + 1,
        "next_at": now + term,
        "first_sent_at": now if sent_at is None else min(sent_at, now),
    }


def not_sent_yet(now: datetime) -> Columns:
    """Say that a call is due and has never been sent."""
    return {"lease": None, "claims": 0, "next_at": now, "first_sent_at": None, "last_error": ""}


def over(why: str = "") -> Columns:
    """Say that nothing is left to do for a call: it has its answer, or is given up."""
    return {"lease": None, "next_at": None, "last_error": why[:200]}


def put_off(call: OutboundCall, outcome: NoAnswer, now: datetime) -> Columns:
    """
    Say when a call without an answer is sent again: after the pause that the other system asked for, or one of ours.

    A claim that provably sent nothing does not count as the first sending.
    """
    asked_for = outcome.retry_after if isinstance(outcome, Unknown) else None
    sent_by_this_claim = call.next_at is not None and call.next_at - LEASE == call.first_sent_at
    return {
        "lease": None,
        "next_at": next_try(now, claims=call.claims, asked_for=asked_for),
        "first_sent_at": None if isinstance(outcome, NotSent) and sent_by_this_claim else call.first_sent_at,
        "last_error": outcome.why[:200],
    }


def try_later(call: OutboundCall, outcome: NoAnswer, *, lease: UUID | None, now: datetime) -> None:
    """End the lease of a call without an answer. Changes nothing if another claim is running: its lease stands."""
    if call.lease == lease:
        write(call, put_off(call, outcome, now))


def write(call: OutboundCall, columns: Columns) -> None:
    """Set these columns of a locked row, and save no others."""
    for name, value in columns.items():
        setattr(call, name, value)
    write_later(call, columns)
