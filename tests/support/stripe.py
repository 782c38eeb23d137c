"""Stripe's objects as its API shows them, and its signatures, for tests that say what Stripe answers."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID

from bookings.gateways.payments.stripe.account import Account
from bookings.gateways.payments.stripe.gateway import StripePayments
from bookings.ports import Intent, RefundOrder
from bookings.text.money import Money

KEY = UUID("5b0b6a52-7a2e-4b43-8f2c-3f8c6f0f7a11")
REFUND = UUID("c0a1f2de-5a55-4dfb-8a0e-1f4f6d6f2b22")
PAYMENT_ID, CHARGE_ID, REFUND_ID, DISPUTE_ID = "pi_3Qa", "ch_3Qb", "re_3Qc", "dp_3Qd"
CLIENT_SECRET, TOKEN = f"{PAYMENT_ID}_secret_Ze", "ctoken_1Qe"
API_KEY, PUBLISHABLE_KEY = "rk_test_0123456789abcdef", "pk_test_0123456789abcdef"
WEBHOOK_SECRET = "whsec_0123456789abcdef"
INSTALLATION = "bookings.example.org"
RETURN_URL = "https://shop.example.org/back/{reference}"

INTENTS = "/v1/payment_intents"
INTENT = f"{INTENTS}/{PAYMENT_ID}"
CONFIRM, CANCEL = f"{INTENT}/confirm", f"{INTENT}/cancel"
REFUNDS = "/v1/refunds"
REFUNDS_OF_INTENT = f"{REFUNDS}?payment_intent={PAYMENT_ID}&limit=100"


def stripe_at(url: str, **options: Any) -> StripePayments:
    """Make a gateway to an account whose API is there."""
    guard = options.pop("guard", None)
    account: dict[str, Any] = {
        "api_key": API_KEY,
        "publishable_key": PUBLISHABLE_KEY,
        "webhook_secrets": [WEBHOOK_SECRET],
        "url": url,
        "methods": ["card"],
        "return_url": RETURN_URL,
        "installation": INSTALLATION,
    }
    return StripePayments(Account(**account | options), guard=guard)


def an_intent(amount: int = 2000, currency: str = "EUR", *, by_payer: bool = False, id_: str = PAYMENT_ID) -> Intent:
    """Make a payment of ours that is known at Stripe."""
    return Intent(KEY, id_, Money(amount, currency), "BK3M7P2X", by_payer=by_payer)


def an_order(
    amount: int = 500, currency: str = "EUR", *, id_: str = "", cause: str = "goodwill", intent: Intent | None = None
) -> RefundOrder:
    """Make an order to give back a part of such a payment."""
    return RefundOrder(REFUND, id_, intent or an_intent(), CHARGE_ID, Money(amount, currency), cause)


def payment_intent(status: str = "requires_payment_method", **changed: Any) -> dict[str, Any]:
    """Write a PaymentIntent over 20.00 EUR as Stripe shows it."""
    is_paid = status == "succeeded"
    return {
        "id": PAYMENT_ID,
        "object": "payment_intent",
        "amount": 2000,
        "amount_received": 2000 if is_paid else 0,
        "client_secret": CLIENT_SECRET,
        "created": 1_796_000_000,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": CHARGE_ID if is_paid else None,
        "metadata": {"payment_key": str(KEY), "booking": "BK3M7P2X", "installation": INSTALLATION},
        "next_action": None,
        "status": status,
        **changed,
    }


def refund(status: str = "succeeded", **changed: Any) -> dict[str, Any]:
    """Write a refund of 5.00 EUR as Stripe shows it."""
    return {
        "id": REFUND_ID,
        "object": "refund",
        "amount": 500,
        "created": 1_796_000_100,
        "currency": "eur",
        "metadata": {"payment_key": str(KEY), "refund_key": str(REFUND), "installation": INSTALLATION},
        "payment_intent": PAYMENT_ID,
        "status": status,
        **changed,
    }


def list_of(*objects: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    """Write a page of a list."""
    return {"object": "list", "data": list(objects), "has_more": has_more, "url": "/v1/objects"}


def error(**words: Any) -> dict[str, Any]:
    """Write an error."""
    return {"error": {"message": "Something that is for people.", **words}}


def event(kind: str = "payment_intent.succeeded", about: Any = None, **changed: Any) -> bytes:
    """Write an event, as the body of a notice has it."""
    about = payment_intent("succeeded") if about is None else about
    whole = {
        "id": "evt_1Qf",
        "object": "event",
        "created": 1_796_000_200,
        "type": kind,
        "data": {"object": about},
        **changed,
    }
    return json.dumps(whole).encode()


def signed(body: bytes, *secrets: str, at: float | None = None) -> dict[str, str]:
    """Give the headers of a notice that these secrets have signed."""
    moment = int(time.time() if at is None else at)
    hashes = [
        hmac.new(secret.encode(), b"%d.%s" % (moment, body), hashlib.sha256).hexdigest()
        for secret in secrets or [WEBHOOK_SECRET]
    ]
    return {"Stripe-Signature": ",".join([f"t={moment}", *(f"v1={each}" for each in hashes)])}
