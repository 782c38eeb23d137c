"""How the API tells what came in for a booking, and what of it goes back. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from bookings.answers.rendering import iso
from bookings.models import Payment, Refund
from bookings.models.payments import CHARGED, UNANSWERED, PaymentState
from bookings.models.refunds import BACK, UNFINISHED, RefundState

ATTEMPTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(UNANSWERED, "pending"),
        **dict.fromkeys(CHARGED, "succeeded"),
        PaymentState.FAILED: "failed",
    }
)
"""The state of each payment of a booking, as clients see it. What was refunded has succeeded."""

MONEY_BACK: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(UNFINISHED, "pending"),
        **dict.fromkeys(BACK, "succeeded"),
        RefundState.FAILED: "failed",
    }
)
"""The state of each refund, as clients see it."""


def money_as_json(payments: Iterable[Payment], refunds: Iterable[Refund]) -> dict[str, Any]:
    """Show what came in for a booking, try by try, and what of it goes back."""
    return {
        "payments": [
            {
                "id": payment.pk,
                "state": ATTEMPTS[payment.state],
                "amount": payment.amount,
                "currency": payment.currency,
                "gateway": payment.gateway,
                "at": iso(payment.settled_at or payment.created_at),
                "declineCode": payment.decline_code or None,
            }
            for payment in payments
        ],
        "refunds": [
            {
                "id": refund.pk,
                "paymentId": refund.payment_id,
                "state": MONEY_BACK[refund.state],
                "amount": refund.amount,
                "currency": refund.currency,
                "cause": str(refund.cause),
                "at": iso(refund.done_at or refund.created_at),
            }
            for refund in refunds
        ],
    }
