"""Look at what payment gateways have told about."""

# Note [A notice is a doorbell]
# A notice may be late, come twice, come before one that was sent earlier, or say what is not true any more. So nothing
# of it is believed but that there is something to look at. The gateway is asked how the object stands now, and that is
# settled as any other answer is: whichever order notices come in, the end is the same.

import dataclasses
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from bookings.actor import SYSTEM
from bookings.conf import CALLS_PER_PASS, NOTICE_LOOKS_PER_SECOND, WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import GatewayNotice, Payment
from bookings.models.notices import GatewayNoticeKind, GatewayNoticeState
from bookings.models.payments import CHARGED
from bookings.observability import metrics
from bookings.ports import Disputed, Intent, Mistake, NotSent, PaymentGateway, Unknown
from bookings.queries.bookings.archived import archived_as
from bookings.services.payments.disputes import payment_of, record_dispute
from bookings.services.payments.gateway_refunds import record_refunds
from bookings.services.payments.gateways import Gateways, intent_of
from bookings.services.payments.look import Pace
from bookings.services.payments.settle import settle_payment
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.bring_back import bring_back

log = structlog.get_logger(__name__)

# The gateway is being asked about this payment just now.
LEASED_PAUSE = timedelta(seconds=2)

State = GatewayNoticeState


@dataclasses.dataclass(frozen=True, slots=True)
class _Ended:
    """Nothing is left to do for a notice."""

    state: State
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Later:
    """The payment is being worked on; its outcome may be what the notice is about, or may have missed it."""


Followed = _Ended | _Later | NotSent | Unknown


@dataclasses.dataclass(frozen=True, slots=True)
class _Bell:
    """Notices about one object of a gateway, the one that is due first in front: one look is enough for all."""

    gateway: str
    ids: list[int]


def follow_notices(*, payments: Gateways, deadline: Deadline) -> int:
    """
    Look at the objects of new notices, and settle what the gateways say of them; return how many were followed.

    Goes on until none is due, or the time is up: after an outage of a gateway all of them come at once. See Note [A
    notice is a doorbell]. None is claimed while its gateway is not available. Customers' own requests use the same
    gateway, so there are pauses between the looks.
    """
    pace = Pace(NOTICE_LOOKS_PER_SECOND)

    def follow(bell: _Bell) -> int:
        gateway = payments.get(bell.gateway)
        if gateway is None or not gateway.is_available():
            return 0
        first, *others = bell.ids
        lease = uuid.uuid4()
        notice = _claim(first, lease=lease)
        if notice is None:
            return 0
        pace.wait()
        followed = _LOOKS[GatewayNoticeKind(notice.kind)](notice, gateway)
        return _finish(first, lease=lease, followed=followed, others=others)

    total = 0
    while deadline and (count := for_each(_due_bells(), follow, deadline=deadline)):
        total += count
    return total


def _due_bells() -> list[_Bell]:
    """Find notices that are due, those about one object together."""
    found: dict[tuple[str, str, str], _Bell] = {}
    due = GatewayNotice.objects.filter(state=State.NEW).due(database_time()).order_by("next_at")
    rows = due.values_list("pk", "gateway", "kind", "object_id")[:CALLS_PER_PASS]
    for notice_id, gateway, kind, object_id in rows:
        found.setdefault((gateway, kind, object_id), _Bell(gateway, [])).ids.append(notice_id)
    return list(found.values())


@in_transaction("notice.claim")
def _claim(notice_id: int, *, lease: UUID) -> GatewayNotice | None:
    """Lease a notice, as `leases.claim` does. One that could not be followed for a day is dead."""

    def give_up(notice: GatewayNotice, now: datetime) -> None:
        leases.write(notice, {"state": State.DEAD, "done_at": now, **leases.over(notice.last_error)})
        transaction.on_commit(metrics.NOTICES.labels(State.DEAD).inc)

    return leases.claim(
        GatewayNotice, notice_id, lease=lease, is_unanswered=lambda notice: notice.state == State.NEW, give_up=give_up
    )


@in_transaction("notice.done")
def _finish(notice_id: int, *, lease: UUID, followed: Followed, others: Sequence[int]) -> int:
    """
    Write what became of a notice; if its object was looked at, also of others about it. Returns of how many.

    Those were here before the look. Locks all of them by ascending id, and nothing else; leaves what another claim has.
    """
    together = [notice_id, *(others if followed == _Ended(State.DONE) else ())]
    locked = list(GatewayNotice.objects.select_for_update().filter(pk__in=together, state=State.NEW).order_by("pk"))
    now = database_time()
    ours = [each for each in locked if (each.lease == lease if each.pk == notice_id else each.is_due(now))]
    for notice in ours:
        if isinstance(followed, _Ended):
            _end(notice, followed, now)
        else:
            _put_off(notice, followed, lease=lease, now=now)
    return len(ours)


def _end(notice: GatewayNotice, followed: _Ended, now: datetime) -> None:
    leases.write(notice, {"state": followed.state, "done_at": now, **leases.over(followed.why)})
    transaction.on_commit(metrics.NOTICES.labels(followed.state).inc)
    lag = max(0.0, (now - notice.made_at).total_seconds())
    transaction.on_commit(functools.partial(metrics.NOTICE_LAG.observe, lag))


def _put_off(notice: GatewayNotice, followed: _Later | NotSent | Unknown, *, lease: UUID, now: datetime) -> None:
    if isinstance(followed, _Later):
        leases.write(notice, {"lease": None, "next_at": now + LEASED_PAUSE, "first_sent_at": None})
    else:
        leases.try_later(notice, followed, lease=lease, now=now)


def _look_at_payment(notice: GatewayNotice, gateway: PaymentGateway) -> Followed:
    payment = _payment_of(notice)
    if payment is None:
        return _unknown_to_us(notice, notice.object_id)
    if _is_leased(payment):
        return _Later()
    outcome = gateway.look(_intent_of(payment, notice), seconds=WORKER_CALL_SECONDS)
    if isinstance(outcome, NotSent | Unknown):
        return outcome
    if isinstance(outcome, Mistake):
        return Unknown(outcome.why)
    settle_payment(payment.pk, lease=uuid.uuid4(), outcome=outcome)
    return _Ended(State.DONE)


def _look_at_refunds(notice: GatewayNotice, gateway: PaymentGateway) -> Followed:
    """Look at all refunds of a payment; first at the payment, if it is not known here that its money came in."""
    payment = _payment_of(notice)
    if payment is None or payment.state not in CHARGED:
        followed = _look_at_payment(notice, gateway)
        if payment is None or followed != _Ended(State.DONE):
            return followed
    seen = gateway.refunds_of(_intent_of(payment, notice), seconds=WORKER_CALL_SECONDS)
    if isinstance(seen, NotSent | Unknown):
        return seen
    if isinstance(seen, Mistake):
        return Unknown(seen.why)
    return _Ended(State.DONE) if record_refunds(payment.pk, seen) else Unknown("a refund cannot be taken in yet")


def _look_at_dispute(notice: GatewayNotice, gateway: PaymentGateway) -> Followed:
    began = database_time()
    seen = gateway.look_at_dispute(notice.object_id, seconds=WORKER_CALL_SECONDS)
    if isinstance(seen, Mistake):
        return Unknown(seen.why)
    if not isinstance(seen, Disputed):
        return seen
    payment = payment_of(seen, gateway=notice.gateway) or _payment_of(notice)
    if payment is None:
        return _unknown_to_us(notice, seen.payment_id)
    record_dispute(payment.pk, seen=seen, looked_at=began)
    return _Ended(State.DONE)


def _payment_of(notice: GatewayNotice) -> Payment | None:
    """Find the payment that a notice names: by our key, which is known before the gateway's name."""
    if notice.payment_key is not None:
        return Payment.objects.filter(gateway=notice.gateway, gateway_key=notice.payment_key).first()
    return Payment.objects.filter(gateway=notice.gateway, gateway_id=notice.object_id).first()


def _intent_of(payment: Payment, notice: GatewayNotice) -> Intent:
    """Name a payment as its gateway knows it; by the notice, where the answer that would have told it was lost."""
    intent = intent_of(payment)
    return intent if intent.id else dataclasses.replace(intent, id=notice.object_id)


def _unknown_to_us(notice: GatewayNotice, payment_id: str) -> _Ended | _Later:
    """
    Decide about a notice without a payment of ours, by the gateway's name for it.

    It may be in the archive, as disputes come months later: then it is brought back, and looked at next time. A payment
    is written down before the gateway hears of it. So one with our mark and without a row was lost here, as by
    restoring a backup.
    """
    reference = archived_as(payment_id)
    if reference:
        bring_back(reference=reference, actor=SYSTEM)
        return _Later()
    if notice.payment_key is None:
        return _Ended(State.FOREIGN)
    log.error("notice.payment_unknown", item=notice.pk)
    return _Ended(State.DEAD, "it has our mark, and no payment here has its key")


def _is_leased(payment: Payment) -> bool:
    return payment.lease is not None and not payment.is_due(database_time())


_LOOKS: Mapping[GatewayNoticeKind, Callable[[GatewayNotice, PaymentGateway], Followed]] = {
    GatewayNoticeKind.PAYMENT: _look_at_payment,
    GatewayNoticeKind.REFUND: _look_at_refunds,
    GatewayNoticeKind.DISPUTE: _look_at_dispute,
}
