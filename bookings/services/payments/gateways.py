"""Find the gateway of a payment, and name the payment as that one knows it."""

from collections.abc import Mapping

import structlog

from bookings.models import Booking, Payment
from bookings.ports import Intent, NotSent, PaymentGateway

log = structlog.get_logger(__name__)

Gateways = Mapping[str, PaymentGateway]
"""All gateways of this installation, by the names that payments keep."""

NO_GATEWAY = NotSent("the settings name no such gateway")


def gateway_of(payment: Payment, payments: Gateways) -> PaymentGateway | None:
    """Give the gateway where a payment was made. None, which is an error of the settings: it is not among them."""
    gateway = payments.get(payment.gateway)
    if gateway is None:
        log.error("payment.gateway_missing", gateway=payment.gateway, item=f"payment {payment.pk}")
    return gateway


def intent_of(payment: Payment) -> Intent:
    """Name a payment as its gateway knows it, with the reference of its booking."""
    reference = Booking.objects.values_list("reference", flat=True).get(pk=payment.booking_id)
    return Intent(payment.gateway_key, payment.gateway_id or "", payment.money, reference, payment.by_payer)
