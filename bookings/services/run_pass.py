"""One pass of the background work: everything that is due, once."""

import functools
import uuid
from collections import Counter
from dataclasses import dataclass, fields

import structlog

from bookings import queries
from bookings.clock import database_time
from bookings.conf import CALLS_PER_PASS, PASS_SECONDS, WORKER_CALL_SECONDS
from bookings.lifecycle import Hold
from bookings.models import Booking, Heartbeat
from bookings.ports import FlightService, PaymentGateway
from bookings.services.deadline import Deadline
from bookings.services.expire_bookings import expire_bookings
from bookings.services.give_seats_back import give_seats_back, resend_open_calls
from bookings.services.refund_payments import refund_payments
from bookings.services.settle_payment import settle_due_payments
from bookings.services.takes import Waiting, change_of, claim_take, settle_take

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass did, and the seats that are not given back yet and stay queued."""

    expired: int
    seats_given_back: int
    takes_resolved: int
    payments_asked: int
    refunds: int
    seats_still_owed: int


def run_pass(*, flights: FlightService, payments: PaymentGateway, limit: int | None = None) -> PassResult:
    """
    Expire, give back, resolve, settle and refund what is due, within twenty seconds.

    Safe to run late, twice, and beside itself: every step claims its rows. A step that fails does not keep the
    others from being done. `limit` bounds the bookings that expire.

    :raises ExceptionGroup: at the end, if a step failed
    """
    deadline = Deadline(PASS_SECONDS)
    counts: Counter[str] = Counter()
    failures: list[Exception] = []
    give_back = functools.partial(give_seats_back, flights=flights, deadline=deadline)
    for name, step in (
        ("expired", functools.partial(expire_bookings, deadline=deadline, limit=limit)),
        ("seats_given_back", give_back),
        ("takes_resolved", functools.partial(_resolve_takes, flights=flights, deadline=deadline)),
        ("seats_given_back", functools.partial(resend_open_calls, flights=flights, deadline=deadline)),
        ("payments_asked", functools.partial(settle_due_payments, payments=payments, deadline=deadline)),
        ("refunds", functools.partial(refund_payments, payments=payments, deadline=deadline)),
        # Takes and payments may just have ended in seats that nobody wants any more.
        ("seats_given_back", give_back),
    ):
        try:
            counts[name] += step()
        except Exception as error:
            log.exception("pass.step_failed", step=name)
            failures.append(error)
    counts["seats_still_owed"] = queries.seats_still_owed()
    Heartbeat.objects.update_or_create(name=queries.SWEEP_HEARTBEAT, defaults={"finished_at": database_time()})
    if failures:
        raise ExceptionGroup("some steps of the pass failed; the others were done", failures)
    return PassResult(**{field.name: counts[field.name] for field in fields(PassResult)})


def _resolve_takes(*, flights: FlightService, deadline: Deadline) -> int:
    """Ask again, under the same keys, about takes whose outcome is unknown. Returns how many were asked."""
    due = Booking.objects.unfinished_business(database_time()).filter(hold=Hold.ASKING)
    asked = 0
    for booking_id in due.order_by("hold_next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]:
        if not deadline:
            break
        lease = uuid.uuid4()
        booking = claim_take(booking_id, lease=lease)
        if booking is None:
            continue
        outcome = flights.change_seats(change_of(booking), seconds=WORKER_CALL_SECONDS)
        settle_take(booking, lease=lease, outcome=outcome, waiting=Waiting.NOBODY)
        asked += 1
    return asked
