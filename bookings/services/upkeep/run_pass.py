"""One pass of the background work: everything that is due, once."""

import functools
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bookings.conf import CALLS_PER_PASS, PASS_SECONDS, WORKER_CALL_SECONDS
from bookings.db.clock import clock_is_proven, database_time, vouch_for_clock
from bookings.db.rows import insert_or_change
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.lifecycle import Hold
from bookings.models import Booking, Heartbeat
from bookings.observability import log_context, metrics, tracing
from bookings.ports import FlightService
from bookings.queries.seats import owed
from bookings.queries.upkeep import background
from bookings.queries.upkeep.workers import worker_name
from bookings.services.announcements.announce import announce_news
from bookings.services.bookings.bulk_cancel import carry_out_bulk_cancels
from bookings.services.bookings.expire import expire_bookings
from bookings.services.payments.follow_notices import follow_notices
from bookings.services.payments.gateways import Gateways
from bookings.services.payments.look import settle_due_payments
from bookings.services.payments.refund import refund_payments
from bookings.services.seats.exchange import resolve_exchanges
from bookings.services.seats.release import release_seats, resend_open_calls
from bookings.services.seats.reserve import Waiting, change_of, claim_reservation, settle_reservation
from bookings.services.shared.best_effort import for_each
from bookings.services.upkeep.worker_heartbeats import note_pass

# The name of a step, and what does it until its deadline and returns how much it did.
Step = tuple[str, Callable[..., int]]


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass did, the seats that are not given back yet, and those of them that only staff can move on."""

    expired: int
    cancelled_in_bulk: int
    seats_given_back: int
    reservations_resolved: int
    notices_followed: int
    payments_asked: int
    refunds: int
    announced: int
    seats_still_owed: int
    seats_needing_decision: int


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """How many bookings expired, how many seats went back, and those that did not, as in `PassResult`."""

    expired: int
    seats_given_back: int
    seats_still_owed: int
    seats_needing_decision: int


def run_pass(*, flights: FlightService, payments: Gateways) -> PassResult:
    """
    Expire, cancel in bulk, release, ask again, follow notices, settle, refund and announce what is due, within 20 s.

    Safe to run late, twice, and beside itself: every step claims its rows. A row or a step that fails does not
    keep the others from being done.

    :raises ExceptionGroup: at the end, if something failed
    """
    give_back = functools.partial(release_seats, flights=flights)
    began = time.monotonic()
    steps: list[Step] = [
        ("expired", expire_bookings),
        # Before the releases, so that the seats go back in this very pass, one call for each flight.
        ("cancelled_in_bulk", carry_out_bulk_cancels),
        ("seats_given_back", give_back),
        ("reservations_resolved", functools.partial(_resolve_reservations, flights=flights)),
        # They take seats as well.
        ("reservations_resolved", functools.partial(resolve_exchanges, flights=flights)),
        ("seats_given_back", functools.partial(resend_open_calls, flights=flights)),
        ("notices_followed", functools.partial(follow_notices, payments=payments)),
        ("payments_asked", functools.partial(settle_due_payments, payments=payments)),
        ("refunds", functools.partial(refund_payments, payments=payments)),
        # Reservations and payments may just have ended in seats that no booking needs any more.
        ("seats_given_back", give_back),
        ("announced", announce_news),
    ]
    try:
        counts = _take(steps)
    finally:
        _finish(everything=True, took=timedelta(seconds=time.monotonic() - began))
    return PassResult(**counts, **owed.counts())


def expire_and_release(*, flights: FlightService, limit: int | None = None) -> ExpiryResult:
    """
    Expire what is due, at most `limit` bookings, and give seats back: those steps of a pass and no others.

    It does not count as a pass: an operator who runs this alone is told that the worker is silent.

    :raises ExceptionGroup: at the end, if something failed
    """
    steps: list[Step] = [
        ("expired", functools.partial(expire_bookings, limit=limit)),
        ("seats_given_back", functools.partial(release_seats, flights=flights)),
        ("seats_given_back", functools.partial(resend_open_calls, flights=flights)),
    ]
    try:
        counts = _take(steps)
    finally:
        _finish(everything=False)
    return ExpiryResult(**counts, **owed.counts())


def _take(steps: Sequence[Step]) -> dict[str, int]:
    """
    Take the steps one after another, and count by their names what they did.

    :raises ExceptionGroup: at the end, if something failed
    """
    whole = Deadline(PASS_SECONDS)
    counts = dict.fromkeys((name for name, _step in steps), 0)

    def take_step(number: int) -> int:
        """Do one step within half of the time that is left: a slow one must not starve the others."""
        name, step = steps[number]
        done = step(deadline=Deadline(whole.left() / 2))
        counts[name] += done
        return done

    # What a request's id is to a request's lines, this is to those of a pass.
    with (
        tracing.Span("pass"),
        log_context.within(request_id=f"pass-{uuid.uuid4().hex[:12]}"),
        metrics.PASS_SECONDS.time(),
        metrics.PASSES_FAILED.count_exceptions(),
    ):
        for_each(range(len(steps)), take_step, deadline=whole)
    return counts


@in_transaction("pass.finish")
def _finish(*, everything: bool, took: timedelta = timedelta(0)) -> None:
    """
    Vouch for the clock that was read; write down that a pass has gone through, and whose, if it did everything.

    Those that are the very first meet at the row that is not there yet, and go on one after another.
    """
    now = database_time()
    if everything:
        insert_or_change(Heartbeat(name=background.PASSES_HEARTBEAT, finished_at=now), ["finished_at"])
        if name := worker_name():
            note_pass(name, took=took, now=now)
    if clock_is_proven():
        vouch_for_clock()


def _resolve_reservations(*, flights: FlightService, deadline: Deadline) -> int:
    """
    Send reservations of unknown outcome again, under the same keys. Returns how many were sent.

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
            settle_reservation(booking, lease=lease, outcome=outcome, waiting=Waiting.NO_CLIENT)
        return 1

    ids = due.order_by("next_at").values_list("pk", flat=True)[:CALLS_PER_PASS]
    return for_each(ids, ask, deadline=deadline)
