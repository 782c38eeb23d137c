"""What the key of an account at Stripe may do, and where Stripe sends its notices: for `doctor`. Changes nothing."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from stripe import StripeClient, StripeObject

from bookings.gateways.payments.stripe.api import Found
from bookings.gateways.payments.stripe.payment_intents import Problem, failure_of
from bookings.ports import AccountOutcome, AccountSeen, Endpoint, NotSent, Unknown

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, RefundCreateParams

# What this service makes of what Stripe tells; see docs/payments.md.
EVENTS = frozenset(
    {
        *(f"payment_intent.{what}" for what in ("succeeded", "payment_failed", "canceled", "processing")),
        *(f"refund.{what}" for what in ("created", "updated", "failed")),
        *("charge.refunded", "charge.refund.updated"),
        *(f"charge.dispute.{what}" for what in ("created", "updated", "closed")),
        *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
    }
)

ENDPOINTS = "Webhook Endpoints: read"

# By the right that each needs, in the words of the dashboard. Stripe looks at rights first: what lacks its amount, or
# its payment, is refused either way, and makes nothing.
PROBES: Mapping[str, Callable[[StripeClient], StripeObject]] = MappingProxyType(
    {
        "PaymentIntents: write": lambda client: client.v1.payment_intents.create(cast("PaymentIntentCreateParams", {})),
        "Refunds: write": lambda client: client.v1.refunds.create(cast("RefundCreateParams", {})),
        "Disputes: read": lambda client: client.v1.disputes.list({"limit": 1}),
        ENDPOINTS: lambda client: client.v1.webhook_endpoints.list({"limit": 100}),
    }
)


def look_at_account(ask: Callable[[Callable[[StripeClient], StripeObject]], Found]) -> AccountOutcome:
    """Try each right that this service needs; stop at what says nothing of rights, as a key that is not known."""
    missing: list[str] = []
    endpoints: list[Endpoint] | None = None
    for right, send in PROBES.items():
        found = ask(send)
        if isinstance(found, NotSent | Unknown):
            return found
        if isinstance(found, Problem):
            if found.status == HTTPStatus.FORBIDDEN:
                missing.append(f"{right} ({found.right})" if found.right else right)
            elif found.status != HTTPStatus.BAD_REQUEST:
                return failure_of(found)
        elif right == ENDPOINTS:
            endpoints = _endpoints(found)
    return AccountSeen(missing, endpoints)


def _endpoints(found: Mapping[str, Any]) -> list[Endpoint]:
    data = found.get("data")
    rows = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    return [Endpoint(str(row.get("url")), row.get("status") == "enabled", _has_all(row)) for row in rows]


def _has_all(row: Mapping[str, Any]) -> bool:
    events = row.get("enabled_events")
    return isinstance(events, list) and ("*" in events or EVENTS.issubset(map(str, events)))
