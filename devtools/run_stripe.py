"""
What `make run PAYMENTS=stripe` adds: the stand-in for Stripe, settings that fit it, and the lines to pay by it.

Its keys are no secrets: they open a stand-in on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk_test_paysim0000000000"
PUBLISHABLE_KEY = "pk_test_paysim0000000000"
WEBHOOK_SECRET = "whsec_paysim0000000000"  # noqa: S105  # nosec B105

WELCOME = """
Payments go to a stand-in for Stripe: the last line has answered 202 with an `action`, as the payer must confirm. The
same line again, and the address of a page that plays the payer's browser, with cards that pay, fail, or ask for 3-D
Secure:

echo "{paysim}/pay/$(curl -sS{bearer} -H 'Idempotency-Key: pay-{key}' \
--json '{{"bookingId": '$ID', "userId": 1001, "totalCost": 4000}}' $API/payments \
| sed 's/.*"clientSecret":"\\([^"]*\\)".*/\\1/')?return_url=$API/$ID"

Open what it prints, and pay: it leads back to the booking, and the stand-in has told the service by then.
"""


def command(*, port: int, web: str, database: Path) -> tuple[str, ...]:
    """Give the command that starts the stand-in, and has it tell the service what happens."""
    return (
        *("-m", "paysim", "--port", str(port), "--database", str(database)),
        *("--secret", KEY, "--webhook-url", f"{web}/webhooks/stripe", "--webhook-secret", WEBHOOK_SECRET),
    )


def settings(*, paysim: str, web: str, currency: str) -> dict[str, str]:
    """Give the settings of a service whose account is at the stand-in."""
    return {
        "PAYMENT_GATEWAY": "stripe",
        "PAYMENT_TEST_MODE": "true",
        # There is no shop: a payer comes back to the booking as the API shows it.
        "PAYMENT_RETURN_URL": f"{web}/api/v1/bookings?reference={{reference}}",
        "STRIPE_API_URL": paysim,
        "STRIPE_API_KEY": KEY,
        "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CURRENCY": currency,
    }


def welcome(paysim: str, *, key: str, bearer: str) -> str:
    """Say how to pay."""
    return WELCOME.format(paysim=paysim, key=key, bearer=bearer)
