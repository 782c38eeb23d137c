"""Compare our payments and refunds with those that the gateways list, both ways."""

# Note [What differs is looked at twice]
# A list takes a while, and payments go on meanwhile: what it shows may be older than our rows, or newer. So it only
# names candidates. Each is then looked at by itself: our row, what the gateway says now, and our row once more. Only
# what differs while our row stood still, and with nothing under way, is reported.

import enum
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from bookings.conf import (
    CLOCK_TOLERANCE,
    DIFFERING_PAYMENTS_NAMED,
    PAYMENTS_COMPARED,
    RECONCILIATIONS_KEPT,
    WORKER_CALL_SECONDS,
)
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Dispute, Payment, PaymentComparison
from bookings.models.payments import CHARGED, UNANSWERED
from bookings.ports import (
    Charged,
    ChargeOutcome,
    Disputed,
    ListUnavailable,
    Mistake,
    NotSent,
    PaymentGateway,
    RefundsSeen,
    SeenPayment,
    Unknown,
)
from bookings.queries.payment_comparisons import charged_since, rows_by_key
from bookings.services.payments.disputes import record_dispute
from bookings.services.payments.gateway_refunds import all_agree, record_refunds
from bookings.services.payments.gateways import Gateways, intent_of
from bookings.services.payments.settle import settle_payment

log = structlog.get_logger(__name__)

# Rows that are read with one statement.
CHUNK = 200


class DifferenceKind(enum.StrEnum):
    """How the two sides differ about a payment."""

    # Charged there, with our mark, and there is no row here: a restored backup, or a lost one.
    UNKNOWN = "unknown"
    CHARGED_THERE = "charged_there"
    CHARGED_HERE = "charged_here"
    MONEY = "money"
    REFUNDS = "refunds"


Kind = DifferenceKind


@dataclass(slots=True)
class PaymentsCompared:
    """What a comparison came to. `fixed` counts what was put right, `unread` names gateways that gave no list."""

    compared: int = 0
    foreign: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    fixed: int = 0
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a gateway says of one payment now."""

    outcome: ChargeOutcome
    refunds: RefundsSeen


def reconcile_payments(*, payments: Gateways, deadline: Deadline, fix: bool = False) -> PaymentsCompared:
    """
    Compare the payments of the last two days at every gateway that keeps a list, and keep what was found.

    With `fix`, what the gateway knows for certain is recorded here: money that came in, refunds that were made, and the
    gateway's names. Nothing is changed there. Disputes that are open are looked at again, as a notice may be lost.
    """
    found = PaymentsCompared()
    began = database_time()
    listing = [gateway for gateway in payments.values() if not gateway.settles_here]
    for gateway in listing:
        try:
            _compare(gateway, found, began=began, deadline=deadline, fix=fix)
        except ListUnavailable as error:
            found.unread.append(gateway.name)
            log.warning("payments.not_listed", item=gateway.name, error=str(error))
    _look_at_disputes(payments, deadline=deadline)
    tell = log.error if found.differences else log.info
    tell("payments.reconciled", outcome=f"{found.compared} compared, {len(found.differences)} differ")
    if found.compared or found.differences or (listing and not found.unread):
        _keep(found, finished_at=database_time())
    return found


def _compare(
    gateway: PaymentGateway, found: PaymentsCompared, *, began: datetime, deadline: Deadline, fix: bool
) -> None:
    """
    Compare with the list of one gateway.

    :raises ListUnavailable: if it does not come, or not in time
    """
    since = began - PAYMENTS_COMPARED
    listed = gateway.payments_since(since, seconds=WORKER_CALL_SECONDS)
    if listed is None:
        return
    keys: set[UUID] = set()
    for chunk in _in_chunks(listed, deadline):
        ours = [seen for seen in chunk if seen.key is not None]
        found.foreign += len(chunk) - len(ours)
        keys.update(seen.key for seen in ours if seen.key is not None)
        rows = rows_by_key(gateway.name, [seen.key for seen in ours if seen.key is not None])
        for seen in ours:
            row = rows.get(seen.key)
            found.compared += 1
            if row is None:
                if seen.charged:
                    _note(found, Kind.UNKNOWN, gateway, payment=seen.id, key=str(seen.key), amount=str(seen.money))
                continue
            if fix and not row.gateway_id:
                found.fixed += _learn_name(row.pk, seen.id)
            if not _agree(row, seen):
                _look_again(row.pk, gateway, found, fix=fix)
    # The other way: what was charged here, and is not on the list. The gateway heard of it once it was written down.
    for row in charged_since(gateway.name, since + CLOCK_TOLERANCE, until=began - CLOCK_TOLERANCE):
        if row.gateway_key not in keys:
            found.compared += 1
            _look_again(row.pk, gateway, found, fix=fix)


def _in_chunks(listed: Iterator[SeenPayment], deadline: Deadline) -> Iterator[list[SeenPayment]]:
    """
    Read a list piece by piece.

    :raises ListUnavailable: if the time is up before its end
    """
    chunk: list[SeenPayment] = []
    for seen in listed:
        if not deadline:
            raise ListUnavailable("the time was up")
        chunk.append(seen)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _agree(row: Payment, seen: SeenPayment) -> bool:
    """Whether nothing differs, as far as the list shows it; what is under way on our side is the worker's."""
    if row.state in UNANSWERED:
        return True
    is_charged = row.state in CHARGED
    if is_charged != seen.charged or (is_charged and seen.money != row.money):
        return False
    return all_agree(row, seen.refunds)


def _look_again(payment_id: int, gateway: PaymentGateway, found: PaymentsCompared, *, fix: bool) -> None:
    """Look at one payment by itself, and note what differs. See Note [What differs is looked at twice]."""
    before = Payment.objects.select_related("booking").get(pk=payment_id)
    look = _look(before, gateway)
    row = Payment.objects.select_related("booking").get(pk=payment_id)
    if look is None or row.state in UNANSWERED or (row.state, row.refunded) != (before.state, before.refunded):
        return
    for kind in _kinds(row, look):
        _note(
            found,
            kind,
            gateway,
            payment=row.gateway_id or "",
            key=str(row.gateway_key),
            booking=row.booking.reference,
            amount=str(row.money),
        )
        if fix:
            found.fixed += _put_right(kind, row, look)


def _look(row: Payment, gateway: PaymentGateway) -> _Look | None:
    """Ask how a payment and its refunds stand now. None: there is no answer."""
    intent = intent_of(row)
    outcome = gateway.look(intent, seconds=WORKER_CALL_SECONDS)
    if isinstance(outcome, NotSent | Unknown):
        return None
    refunds = gateway.refunds_of(intent, seconds=WORKER_CALL_SECONDS)
    if isinstance(outcome, Mistake):  # it knows no such payment, and so no refunds
        return _Look(outcome, RefundsSeen(()))
    return _Look(outcome, refunds) if isinstance(refunds, RefundsSeen) else None


def _kinds(row: Payment, look: _Look) -> Iterator[DifferenceKind]:
    is_charged = row.state in CHARGED
    if isinstance(look.outcome, Charged):
        if not is_charged:
            yield Kind.CHARGED_THERE
        elif look.outcome.money != row.money or look.outcome.key not in (None, row.gateway_key):
            yield Kind.MONEY
    elif is_charged:
        yield Kind.CHARGED_HERE
    if is_charged and not all_agree(row, look.refunds.refunds):
        yield Kind.REFUNDS


def _put_right(kind: DifferenceKind, row: Payment, look: _Look) -> int:
    """Record here what the gateway knows for certain; 1 if that was all. The rest is for people."""
    if kind is Kind.CHARGED_THERE:
        settle_payment(row.pk, lease=uuid.uuid4(), outcome=look.outcome)
        return 1
    return int(kind is Kind.REFUNDS and record_refunds(row.pk, look.refunds))


@in_transaction("payment.named")
def _learn_name(payment_id: int, gateway_id: str) -> int:
    """Write down what a gateway calls a payment, if that is not known. Locks the payment."""
    row = Payment.objects.select_for_update().get(pk=payment_id)
    if row.gateway_id:
        return 0
    row.gateway_id = gateway_id
    row.save(update_fields=["gateway_id"])
    return 1


def _look_at_disputes(payments: Gateways, *, deadline: Deadline) -> None:
    """Look again at each dispute that is open: the notice of its end may be lost."""
    for row in Dispute.objects.filter(closed_at=None).order_by("answer_by"):
        gateway = payments.get(row.gateway)
        if not deadline or gateway is None:
            continue
        began = database_time()
        seen = gateway.look_at_dispute(row.gateway_id, seconds=WORKER_CALL_SECONDS)
        if isinstance(seen, Disputed):
            record_dispute(row.payment_id, seen=seen, looked_at=began)


def _note(found: PaymentsCompared, kind: DifferenceKind, gateway: PaymentGateway, **about: str) -> None:
    found.differences.append({"kind": str(kind), "gateway": gateway.name, **about})


@in_transaction("payments.reconciled")
def _keep(found: PaymentsCompared, *, finished_at: datetime) -> None:
    """Insert the comparison; delete the oldest ones beyond the number that is kept, and those in the future."""
    if not PaymentComparison.objects.filter(finished_at=finished_at).exists():  # the COMMIT before may have been lost
        PaymentComparison.objects.create(
            finished_at=finished_at,
            payments_compared=found.compared,
            payments_foreign=found.foreign,
            differences=found.differences[:DIFFERING_PAYMENTS_NAMED],
        )
    PaymentComparison.objects.filter(finished_at__gt=finished_at + CLOCK_TOLERANCE).delete()
    newest = PaymentComparison.objects.order_by("-finished_at", "-pk")
    old = list(newest.values_list("pk", flat=True)[RECONCILIATIONS_KEPT : 2 * RECONCILIATIONS_KEPT])
    PaymentComparison.objects.filter(pk__in=old).delete()
