"""Follow payments that have no outcome: look at them, and close those whose time is over. Charges none."""

import time
import uuid
from collections import deque
from uuid import UUID

from bookings.actor import SYSTEM
from bookings.conf import CALLS_PER_PASS, PAYMENT_CALLS_PER_SECOND, PAYMENT_LEASE, PAYMENT_WORKER_SECONDS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Payment
from bookings.models.payments import PaymentState, PaymentStep
from bookings.services.payments.closing import begin_closing, close_and_settle, give_up_if_too_old, must_be_closed
from bookings.services.payments.gateways import NO_GATEWAY, Gateways, gateway_of, intent_of
from bookings.services.payments.settle import record_outcome
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.leases import leased


class Pace:
    """Lets so many calls pass in each second, and makes the next one wait."""

    def __init__(self, calls_per_second: int) -> None:
        self._began: deque[float] = deque(maxlen=calls_per_second)

    def wait(self) -> None:
        """Wait until one more call may be made, and count it."""
        if len(self._began) == self._began.maxlen:
            time.sleep(max(0.0, self._began[0] + 1.0 - time.monotonic()))
        self._began.append(time.monotonic())


def settle_due_payments(*, payments: Gateways, deadline: Deadline) -> int:
    """
    Look at each payment that is due, or close it, and return how many were asked about.

    At most ten a second: customers' own requests use the same gateway.
    """
    pace = Pace(PAYMENT_CALLS_PER_SECOND)

    def follow(payment_id: int) -> int:
        is_asked = follow_payment(payment_id, payments=payments, pace=pace)
        return int(is_asked)

    rows = Payment.objects.filter(state=PaymentState.PROCESSING).due(database_time())
    ids = rows.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, follow, deadline=deadline)


def follow_payment(payment_id: int, *, payments: Gateways, pace: Pace | None = None, at_once: bool = False) -> bool:
    """
    Look at one payment, or close it, and record what its gateway says.

    `at_once`: also if it is not due yet, as when the gateway has something to say. Tells whether it was asked about:
    not if it has its outcome, if another process has leased it, or while its gateway is not available.
    """
    payment = Payment.objects.select_related("booking").get(pk=payment_id)
    gateway = gateway_of(payment, payments)
    if gateway is not None and not gateway.is_available():
        return False
    lease = uuid.uuid4()
    if must_be_closed(payment.booking, payment, database_time()):
        claimed = begin_closing(payment_id, lease=lease)
    else:
        claimed = claim_look(payment_id, lease=lease, at_once=at_once)
    if claimed is None:
        return False
    if pace is not None:
        pace.wait()
    ask_and_settle(claimed, payments=payments, lease=lease)
    return True


def ask_and_settle(payment: Payment, *, payments: Gateways, lease: UUID) -> None:
    """Look at a leased payment, or close it, and record the answer. What turns out to be unwanted is closed at once."""
    gateway = gateway_of(payment, payments)
    if gateway is None:
        record_outcome(payment.pk, lease=lease, outcome=NO_GATEWAY, actor=SYSTEM)
        return
    if payment.step != PaymentStep.CLOSING:
        outcome = gateway.look(intent_of(payment), seconds=PAYMENT_WORKER_SECONDS)
        payment = record_outcome(payment.pk, lease=lease, outcome=outcome, actor=SYSTEM).payment
    if payment.step == PaymentStep.CLOSING and payment.lease == lease:
        close_and_settle(payment, gateway=gateway, lease=lease)


@in_transaction("payment.claim")
def claim_look(payment_id: int, *, lease: UUID, at_once: bool) -> Payment | None:
    """
    Lease a payment without an outcome, to ask its gateway about it.

    `at_once`: also one that waits for its next look. None: another process has it, or it has its outcome. One that was
    begun a day ago is given up instead: it may have been charged, so its booking cannot be paid again.
    """
    payment = Payment.objects.select_for_update(skip_locked=True).filter(pk=payment_id).first()
    now = database_time()
    if payment is None or payment.state != PaymentState.PROCESSING:
        return None
    if payment.lease == lease:  # the COMMIT of the run before this one was lost
        return payment
    if not payment.is_due(now) and not (at_once and payment.lease is None):
        return None
    if give_up_if_too_old(payment, now):
        return None
    leases.write(payment, leased(lease, now, before=payment, term=PAYMENT_LEASE))
    return payment
