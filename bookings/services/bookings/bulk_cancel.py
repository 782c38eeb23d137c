"""
Cancel many bookings of one flight together: asked for once, carried out by the worker.

The bookings are fixed when it is asked for, one row each. Each row is decided in a transaction of its own, so a
worker that dies leaves the others to the next one, and no lock on a booking is held for long.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError

from bookings.actor import Actor, ActorKind, Cause
from bookings.conf import BULK_CANCEL_LIMIT, BULK_CANCEL_RETRIES_END_AFTER
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.errors import InvalidRequest, Refusal, SelectionChanged
from bookings.lifecycle import STAFF_REASONS, CancelEffect, CancelReason
from bookings.models import Booking, BulkCancel, BulkCancelRow
from bookings.models.bookings.bulk_cancel import Approval, BulkCancelState, BulkCancelWhy
from bookings.queries.bookings.bulk_cancel import BulkPlan, newest_in, plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.cancel import cancel_locked
from bookings.services.shared.best_effort import for_each
from bookings.text.legible import is_legible
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)

# One statement inserts this many rows: far below the longest statement that any of the databases takes.
ROWS_PER_INSERT = 1000


class _AskedAlready(Exception):
    """Another transaction has written this action key first. Roll back, and look at its row."""


@dataclass(frozen=True, slots=True)
class BulkCancelOrder:
    """
    What support staff want: to cancel all bookings of a selection that they have looked at.

    `without` are the ids of those that stay as they are. `seen` is the mark of the plan that was shown: exactly its
    bookings are meant, and newer ones are left alone.
    `shown_as` is how the page spells the selection, for those who look at it later.
    """

    selection: Selection
    shown_as: str
    seen: str
    reason: CancelReason
    note: str
    without: frozenset[int] = frozenset()


def start_bulk_cancel(*, order: BulkCancelOrder, actor: Actor, action_key: UUID) -> BulkCancel:
    """
    Write down that all bookings of a selection are to be cancelled, and wake the worker.

    What is too large for one person waits for the approval of another one, see `decide_bulk_cancel`. Cancels nothing
    itself. An action key that was used already stands for what it started: that is
    returned, and nothing is changed.

    :raises InvalidRequest: if the selection, the reason or the note will not do
    :raises SelectionChanged: if some of the bookings that were shown belong to the selection no more, or others do
    """
    flight_id = _checked_flight(order)
    try:
        bulk = _start(order, flight_id=flight_id, actor=actor, action_key=action_key)
    except _AskedAlready:
        return BulkCancel.objects.get(action_key=action_key)
    except IntegrityError as moved:  # one of its bookings is in the archive by now
        raise SelectionChanged from moved
    if bulk.approval != Approval.WAITING:
        wake_worker()
    return bulk


def _checked_flight(order: BulkCancelOrder) -> int:
    """Say which flight is meant, if everything about the order is as it must be."""
    problems = {}
    if order.reason not in STAFF_REASONS:
        problems["reason"] = "Not a reason that staff may give."
    if order.reason == CancelReason.OTHER and not is_legible(order.note):
        problems["note"] = "Required for this reason."
    if order.selection.flight is None:
        problems["flight"] = "One flight is required."
    if order.selection.flight is None or problems:
        raise InvalidRequest(fields=problems)
    return order.selection.flight


@in_transaction("bulk.start")
def _start(order: BulkCancelOrder, *, flight_id: int, actor: Actor, action_key: UUID) -> BulkCancel:
    if (earlier := BulkCancel.objects.filter(action_key=action_key).first()) is not None:
        return earlier
    plan = plan_bulk_cancel(order.selection, up_to=newest_in(order.seen), without=order.without)
    if plan.is_too_large:
        raise InvalidRequest(fields={"selection": f"More than {BULK_CANCEL_LIMIT} bookings; narrow the filter."})
    if plan.seen != order.seen:
        raise SelectionChanged
    if not plan.work:
        raise InvalidRequest(fields={"selection": "Nothing of it can be cancelled."})
    bulk = BulkCancel(
        action_key=action_key,
        flight_id=flight_id,
        selection=order.shown_as[:500],
        reason=order.reason,
        note=order.note.strip(),
        asked_by=actor.name,
        request_id=actor.request_id,
        created_at=database_time(),
        approval=Approval.WAITING if plan.needs_approval else Approval.NOT_NEEDED,
    )
    try:
        bulk.save(force_insert=True)
    except IntegrityError as error:
        raise _AskedAlready from error
    _insert_rows(bulk, plan)
    log.info("bulk_cancel.started", flight=flight_id, by=actor.name, reason=str(order.reason))
    return bulk


def _insert_rows(bulk: BulkCancel, plan: BulkPlan) -> None:
    """One row for each booking, by ascending id. Cancelled before, or left out: its row is done at once."""
    rows = []
    for booking, outcome in plan.lines:
        row = BulkCancelRow(bulk=bulk, booking=booking)
        if outcome.effect == CancelEffect.SKIPPED:
            row.state, row.why, row.done_at = outcome.effect, outcome.why, bulk.created_at
        rows.append(row)
    BulkCancelRow.objects.bulk_create(rows, batch_size=ROWS_PER_INSERT)


def carry_out_bulk_cancels(*, deadline: Deadline) -> int:
    """
    Decide the waiting rows of all bulk cancellations until the time is up; return how many were decided.

    One that waits for approval is left alone. Bookings that another transaction has locked are left for the next
    round, or the next pass. One that fails is tried again for an hour, then it is left to a person. Seats and money are
    owed back; neither the Flight Service nor the gateway is called here.
    """

    def carry_out(bulk_id: int) -> int:
        bulk = BulkCancel.objects.get(pk=bulk_id)
        waiting = bulk.rows.filter(state=BulkCancelState.WAITING).order_by("booking_id")
        decided = 0
        while deadline:
            rows = list(waiting.values_list("pk", "booking_id"))
            done = for_each(rows, lambda row: _try_row(row[0], row[1], bulk=bulk), deadline=deadline)
            decided += done
            if not done:
                break
        _finish(bulk_id)
        return decided

    may_go_on = [Approval.NOT_NEEDED, Approval.APPROVED]
    unfinished = BulkCancel.objects.filter(finished_at=None, approval__in=may_go_on).order_by("pk")
    return for_each(list(unfinished.values_list("pk", flat=True)), carry_out, deadline=deadline)


def _try_row(row_id: int, booking_id: int, *, bulk: BulkCancel) -> int:
    """Decide one row; where that fails for good, let the bulk cancellation come to its end without it."""
    try:
        return _decide_row(row_id, booking_id, bulk=bulk)
    except (OperationalError, InterfaceError):
        raise  # the database is not well: that says nothing about this row
    except Exception:
        _give_up_late(row_id, bulk=bulk)
        raise


@in_transaction("bulk.cancel_one")
def _decide_row(row_id: int, booking_id: int, *, bulk: BulkCancel) -> int:
    """
    Cancel one booking in the name of the staff who asked, and write down what became of it: in one transaction.

    Locks the booking, then the row. Returns 0 if there was nothing to do, or the booking is locked elsewhere.
    """
    booking = Booking.objects.select_for_update(skip_locked=True).filter(pk=booking_id).first()
    if booking is None:
        return 0
    row = BulkCancelRow.objects.select_for_update().get(pk=row_id)
    if row.state != BulkCancelState.WAITING:
        return 0
    row.done_at = database_time()
    actor = Actor(kind=ActorKind.STAFF, name=bulk.asked_by, request_id=bulk.request_id)
    cause = Cause(actor, CancelReason(bulk.reason), bulk.note)
    try:
        outcome = cancel_locked(booking, cause, now=row.done_at)
        row.state, row.why, row.seats, row.refund = outcome.effect, outcome.why, outcome.seats, outcome.refund
    except Refusal as problem:
        row.state, row.why = BulkCancelState.FAILED, problem.explanation[:200]
    row.save(update_fields=["state", "why", "seats", "refund", "done_at"])
    return 1


@in_transaction("bulk.give_up")
def _give_up_late(row_id: int, *, bulk: BulkCancel) -> None:
    """Write down that a row has failed, once it has had its time. Its booking is left as it is."""
    now = database_time()
    if now - (bulk.decided_at or bulk.created_at) <= BULK_CANCEL_RETRIES_END_AFTER or not clock_is_proven():
        return
    waiting = BulkCancelRow.objects.filter(pk=row_id, state=BulkCancelState.WAITING)
    waiting.update(state=BulkCancelState.FAILED, why=BulkCancelWhy.OUR_FAULT, done_at=now)


@in_transaction("bulk.finish")
def _finish(bulk_id: int) -> None:
    """
    Mark a bulk cancellation as finished once none of its rows waits.

    Rows are never added and never wait again, so nothing needs a lock: that none waits stays true once it is.
    Of two workers that decide the last rows, the one that commits later sees it; if it dies, the next pass does.
    """
    if BulkCancelRow.objects.filter(bulk=bulk_id, state=BulkCancelState.WAITING).exists():
        return
    if BulkCancel.objects.filter(pk=bulk_id, finished_at=None).update(finished_at=database_time()):
        log.info("bulk_cancel.finished", item=str(bulk_id))
