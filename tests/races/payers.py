"""Payers at their bank, and what others do meanwhile."""

from typing import Any

from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment
from bookings.ports import Closed
from bookings.services.bookings.cancel import cancel_booking, cancel_booking_for_client
from bookings.services.payments import charge as charging
from bookings.services.payments import closing, look
from bookings.services.payments.settle import record_outcome
from tests.support.bookings import (
    STAFF,
    a_key,
    an_initiated_booking,
    customer,
    gateways_of,
    pay,
)


def with_its_payer(flights: Any, payments: Any) -> Booking:
    booking = an_initiated_booking(flights)
    pay(booking, payments)
    return booking


def payment_of(booking):
    return Payment.objects.filter(booking=booking).latest("pk")


def payer_pays(payments, booking):
    return payments.payer_pays(payment_of(booking).gateway_key)


def customer_cancels(payments, booking):
    return cancel_booking_for_client(
        booking_id=booking.pk,
        actor=customer(),
        reason=CancelReason.CUSTOMER_REQUEST,
        note="",
        keyed=a_key(),
        payments=gateways_of(payments),
    )


def staff_cancel(booking):
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)


def believe_it_is_closed(monkeypatch):
    """Let each who closes a payment take it for closed, and ask no gateway."""

    def without_asking(payment, *, lease, actor=None, **_):
        return record_outcome(payment.pk, lease=lease, outcome=Closed())

    for module in (closing, charging, look):
        monkeypatch.setattr(module, "close_and_settle", without_asking)


def live_without_a_booking(payments, booking):
    """Tell whether the seats have gone while the payer can still pay, or has paid."""
    booking.refresh_from_db()
    key = payment_of(booking).gateway_key
    return booking.status == "cancelled" and (payments.can_be_paid(key) or key in payments.charges)
