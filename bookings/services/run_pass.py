"""One pass of the background work: everything that is due, once."""

import uuid
from dataclasses import dataclass

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
    """What one pass did, and the seats that could not be delivered and stay queued."""

    expired: int
    seats_given_back: int
    takes_resolved: int
    payments_asked: int
    refunds: int
    seats_still_owed: int


def run_pass(*, flights: FlightService, payments: PaymentGateway, limit: int | None = None) -> PassResult:
    """
    Expire, give back, resolve, settle and refund what is due, within twenty seconds.

    Safe to run late, twice, and beside itself: every step claims its rows. `limit` bounds the bookings that
    expire.
    """
    deadline = Deadline(PASS_SECONDS)
    expired = expire_bookings(deadline=deadline, limit=limit)
    given = give_seats_back(flights=flights, deadline=deadline)
    resolved = _resolve_takes(flights=flights, deadline=deadline)
    given += resend_open_calls(flights=flights, deadline=deadline)
    asked = settle_due_payments(payments=payments, deadline=deadline)
    refunds = refund_payments(payments=payments, deadline=deadline)
    if resolved or asked:  # both may have ended in seats that nobody wants any more
        given += give_seats_back(flights=flights, deadline=deadline)
    result = PassResult(expired, given, resolved, asked, refunds, queries.seats_still_owed())
    Heartbeat.objects.update_or_create(name=queries.SWEEP_HEARTBEAT, defaults={"finished_at": database_time()})
    return result


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
