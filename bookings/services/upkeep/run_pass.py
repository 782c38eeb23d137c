"""One pass of the background work: everything that is due, once."""

import functools
import uuid
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import structlog

from bookings.conf import CALLS_PER_PASS, PASS_SECONDS, WORKER_CALL_SECONDS
from bookings.db.clock import clock_is_proven, database_time, vouch_for_clock
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import Hold
from bookings.models import Booking, Heartbeat
from bookings.observability import metrics, tracing
from bookings.ports import FlightService, PaymentGateway
from bookings.queries.seats import owed
from bookings.queries.upkeep import background
from bookings.services.bookings.bulk_cancel import carry_out_bulk_cancels
from bookings.services.bookings.expire import expire_bookings
from bookings.services.payments.refund import refund_payments
from bookings.services.payments.settle import settle_due_payments
from bookings.services.seats.release import release_seats, resend_open_calls
from bookings.services.seats.reserve import Waiting, change_of, claim_reservation, settle_reservation
from bookings.services.shared.best_effort import for_each

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass did, and the seats that are not given back yet and stay queued."""

    expired: int
    cancelled_in_bulk: int
    seats_given_back: int
    takes_resolved: int
    payments_asked: int
    refunds: int
    seats_still_owed: int


def run_pass(*, flights: FlightService, payments: PaymentGateway, limit: int | None = None) -> PassResult:
    """
    Expire, cancel in bulk, give back, resolve, settle and refund what is due, within twenty seconds.

    Safe to run late, twice, and beside itself: every step claims its rows. A row or a step that fails does not
    keep the others from being done. `limit` bounds the bookings that expire.

    :raises ExceptionGroup: at the end, if something failed
    """
    whole = Deadline(PASS_SECONDS)
    counts: Counter[str] = Counter()
    give_back = functools.partial(release_seats, flights=flights)
    steps: list[tuple[str, Callable[..., int]]] = [
        ("expired", functools.partial(expire_bookings, limit=limit)),
        # Before the give-backs, so that the seats go back in this very pass, one call for each flight.
        ("cancelled_in_bulk", carry_out_bulk_cancels),
        ("seats_given_back", give_back),
        ("takes_resolved", functools.partial(_resolve_takes, flights=flights)),
        ("seats_given_back", functools.partial(resend_open_calls, flights=flights)),
        ("payments_asked", functools.partial(settle_due_payments, payments=payments)),
        ("refunds", functools.partial(refund_payments, payments=payments)),
        # Takes and payments may just have ended in seats that nobody wants any more.
        ("seats_given_back", give_back),
    ]

    def take_step(number: int) -> int:
        """Do one step within half of the time that is left: a slow one must not starve the others for ever."""
        name, step = steps[number]
        done = step(deadline=Deadline(whole.left() / 2))
        counts[name] += done
        return done

    try:
        # What a request's id is to a request's lines, this is to those of a pass.
        with (
            tracing.Span("pass"),
            structlog.contextvars.bound_contextvars(request_id=f"pass-{uuid.uuid4().hex[:12]}"),
            metrics.PASS_SECONDS.time(),
            metrics.PASSES_FAILED.count_exceptions(),
        ):
            for_each(range(len(steps)), take_step, deadline=whole)
    finally:
        _beat()
    counts["seats_still_owed"] = owed.seats_still_owed()
    return PassResult(**{field.name: counts[field.name] for field in fields(PassResult)})


@in_transaction("pass.finish")
def _beat() -> None:
    """Say that a pass has gone through; two that are the very first meet at the row that is not there yet."""
    now = database_time()
    Heartbeat.objects.update_or_create(name=background.SWEEP_HEARTBEAT, defaults={"finished_at": now})
    if clock_is_proven():
        vouch_for_clock()


def _resolve_takes(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Ask again, under the same keys, about takes whose outcome is unknown. Returns how many were asked.

    None is claimed while the Flight Service is not available: a claim that sends nothing still counts as one.
    """
    due = Booking.objects.due(database_time()).filter(hold=Hold.ASKING)

    def ask(booking_id: int) -> int:
        if not flights.is_available():
            return 0
        lease = uuid.uuid4()
        booking = claim_reservation(booking_id, lease=lease)
        if booking is None:
            return 0
        with tracing.resumed(booking.traceparent):  # see Note [A trace goes on]
            outcome = flights.change_seats(change_of(booking), seconds=WORKER_CALL_SECONDS)
            settle_reservation(booking, lease=lease, outcome=outcome, waiting=Waiting.NOBODY)
        return 1

    ids = due.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, ask, deadline=deadline)
