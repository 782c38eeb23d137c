"""What django-q2 runs. Every task may run twice, late, or beside itself."""

import dataclasses
from contextlib import ExitStack

from bookings import wiring
from bookings.conf import PASS_SECONDS, PAYMENTS_COMPARED_SECONDS
from bookings.deadline import Deadline
from bookings.observability import tracing
from bookings.ports.messages import Channels
from bookings.services.announcements.announce import announce_news
from bookings.services.announcements.find_missed import find_missed_news
from bookings.services.bookings.archive import archive_bookings
from bookings.services.messages.report import write_reports as write
from bookings.services.messages.send import send_messages as send
from bookings.services.messages.send_reports import send_reports
from bookings.services.payments import reconcile as comparing_payments
from bookings.services.seats.reconcile import reconcile_seats
from bookings.services.upkeep import run_pass as passes
from bookings.services.upkeep.reap import reap_old_rows
from bookings.services.webhooks.again import go_on_with_replays
from bookings.services.webhooks.deliver import deliver as deliver_webhooks
from bookings.wake import DELIVERING_TASK, MESSAGES_TASK, leave_place


def run_pass(traceparent: str = "") -> dict[str, int]:
    """
    Run one pass of the background work.

    :param traceparent: where in which trace it was asked for, if a request did so
    """
    with tracing.resumed(traceparent):
        result = passes.run_pass(flights=wiring.flight_service(), payments=wiring.payment_gateways())
    return dataclasses.asdict(result)


def tell() -> int:
    """Write down what others are told. Queued when there is news; returns about how many bookings there was some."""
    return announce_news(deadline=Deadline(PASS_SECONDS))


def deliver() -> int:
    """Send webhooks. Queued when one is due; returns how many were delivered."""
    deadline = Deadline(PASS_SECONDS)
    with tracing.Span("deliver"), ExitStack() as place:
        place.callback(leave_place, DELIVERING_TASK)
        go_on_with_replays(deadline=deadline)
        # The next one may begin while this one waits for its last receivers.
        return deliver_webhooks(
            webhooks=wiring.webhooks(), seal=wiring.seal(), deadline=deadline, at_deadline=place.close
        )


def send_messages() -> int:
    """Send mails and SMS, those to travelers first. Queued when one is due; returns how many were taken over."""
    mail, deadline = wiring.mail(), Deadline(PASS_SECONDS)
    with tracing.Span("send messages"), ExitStack() as place:
        place.callback(leave_place, MESSAGES_TASK)
        if mail is None:
            return 0
        taken = send(channels=Channels(mail, wiring.sms()), seal=wiring.seal(), deadline=deadline)
        return taken + send_reports(mail=mail, seal=wiring.seal(), deadline=deadline)


def write_reports() -> int:
    """Write what owners of endpoints and operators are to be told. Runs every five minutes; returns how much it was."""
    return write(deadline=Deadline(PASS_SECONDS))


def look_for_missed_news() -> int:
    """Look for news that was never told. Runs hourly; returns how much there was, which is none."""
    return find_missed_news(deadline=Deadline(PASS_SECONDS))


def reap() -> int:
    """
    Delete what is too old to be of use, and return how many rows; move bookings that ended long ago to the archive.

    Runs every five minutes; what it does not finish waits for the next.
    """
    try:
        return reap_old_rows(deadline=Deadline(PASS_SECONDS)).total()
    finally:
        archive_bookings(deadline=Deadline(PASS_SECONDS))


def reconcile() -> int:
    """Compare our seats with the Flight Service's. Runs every five minutes; returns on how many flights they differ."""
    with tracing.Span("compare seats"):
        found = reconcile_seats(flights=wiring.flight_service(), deadline=Deadline(PASS_SECONDS))
    return len(found.drift)


def reconcile_payments() -> int:
    """Compare our payments with those of the gateways. Runs hourly; returns in how many things they differ."""
    with tracing.Span("compare payments"):
        found = comparing_payments.reconcile_payments(
            payments=wiring.payment_gateways(), deadline=Deadline(PAYMENTS_COMPARED_SECONDS)
        )
    return len(found.differences)
