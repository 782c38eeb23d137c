"""Have a second person decide about a bulk cancellation that is too large for one."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import ApproverWasReset, BulkCancelNotFound, InvalidRequest, OwnApproval, SelectionChanged
from bookings.models import BulkCancel, LogInEvent
from bookings.models.access.staff_log_in import LogInEventKind
from bookings.models.bookings.bulk_cancel import Approval, BulkCancelState, BulkCancelWhy
from bookings.queries.bookings.bulk_cancel import plan_of
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action
from bookings.text.legible import is_legible
from bookings.wake import wake_worker

log = structlog.get_logger(__name__)

# A link for a new password lives an hour. For a day its maker could be the one who used it: by then its user, who
# cannot log in any more, has noticed.
RESET_COUNTS_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    """
    What the second person says. A refusal needs a note.

    `seen` is the mark of the refunds that the page showed: an approval counts for these alone.
    """

    approves: bool
    note: str
    seen: str = ""


def decide_bulk_cancel(*, bulk_id: int, decision: ApprovalDecision, actor: Actor, action_key: str) -> BulkCancel:
    """
    Approve a bulk cancellation that waits for it, or refuse it; return it as it is then.

    One that was decided before is returned as it is, and so is one that needs no approval. Who asked for it may take it
    back by a refusal. An approval wakes the worker, which cancels the bookings that were fixed when it was asked
    for; nothing is cancelled here.

    :raises BulkCancelNotFound: if there is no such bulk cancellation
    :raises OwnApproval: if the one who approves has asked for it
    :raises ApproverWasReset: if that one has opened the log-in of the one who approves within a day
    :raises InvalidRequest: if a refusal does not say why
    :raises SelectionChanged: if other refunds would be made by now than were seen
    """
    if not decision.approves and not is_legible(decision.note):
        raise InvalidRequest(fields={"note": "Required for a refusal."})
    try:
        bulk, is_news = _decide(bulk_id, decision, actor, action_key)
    except KeyTaken:
        return BulkCancel.objects.get(pk=bulk_id)
    if is_news and decision.approves:
        wake_worker()
    return bulk


@in_transaction("bulk.decide")
def _decide(bulk_id: int, decision: ApprovalDecision, actor: Actor, action_key: str) -> tuple[BulkCancel, bool]:
    """Decide under the lock of its row; tell as well whether it was decided here and now."""
    begin_staff_action("decide bulk cancellation", key=action_key, actor=actor, row_id=bulk_id)
    bulk = BulkCancel.objects.select_for_update().filter(pk=bulk_id).first()
    if bulk is None:
        raise BulkCancelNotFound
    if bulk.approval != Approval.WAITING:
        return bulk, False
    if decision.approves:
        _refuse_own(bulk, actor)
    if decision.approves and plan_of(bulk).refunds_mark != decision.seen:
        raise SelectionChanged
    _write_down(bulk, decision, actor)
    return bulk, True


def _refuse_own(bulk: BulkCancel, actor: Actor) -> None:
    """
    By name, as records name staff: another session, or another browser, is the same person.

    So may be who has got a link for the password of another.
    """
    if actor.name == bulk.asked_by:
        raise OwnApproval
    opened = LogInEvent.objects.filter(
        user__username=actor.name,
        what__in=[LogInEventKind.LINK_MADE, LogInEventKind.PASSWORD_SET],
        done_by=bulk.asked_by,
        created_at__gt=database_time() - RESET_COUNTS_FOR,
    )
    if opened.exists():
        raise ApproverWasReset


def _write_down(bulk: BulkCancel, decision: ApprovalDecision, actor: Actor) -> None:
    now = database_time()
    bulk.approval = Approval.APPROVED if decision.approves else Approval.REFUSED
    bulk.decided_by, bulk.decided_at, bulk.decision_note = actor.name[:150], now, decision.note.strip()
    if not decision.approves:
        bulk.finished_at = now
        waiting = bulk.rows.filter(state=BulkCancelState.WAITING)
        waiting.update(state=BulkCancelState.SKIPPED, why=BulkCancelWhy.NOT_APPROVED, done_at=now)
    bulk.save(update_fields=["approval", "decided_by", "decided_at", "decision_note", "finished_at"])
    log.info("bulk_cancel.decided", item=str(bulk.pk), to=str(bulk.approval), by=actor.name)
