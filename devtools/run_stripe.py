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

# What the line that pays ends with: it shows the answer, and prints where its payer goes on.
TO_PAYER = """ \\
| tee /dev/stderr \\
| sed 's|.*"clientSecret":"\\([^"]*\\)".*|{paysim}/pay/\\1?return_url={web}/admin/bookings/booking/'$ID'/change/|'"""

WELCOME = """
Payments go to a stand-in for Stripe: the second line answers 202 with an `action`, as the payer must confirm, and
prints the address of a page that plays the payer's browser. Open it, take the card that asks for 3-D Secure, pay, and
say to the bank that it is you: you come to the booking in the back office. There `Refund…` gives a part back.
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
        # There is no shop: a payer comes back to the booking in the back office.
        "PAYMENT_RETURN_URL": f"{web}/admin/search/?q={{reference}}",
        "STRIPE_API_URL": paysim,
        "STRIPE_API_KEY": KEY,
        "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CURRENCY": currency,
    }


def to_payer(paysim: str, *, web: str) -> str:
    """Write what makes a page for its payer of the answer to a payment."""
    return TO_PAYER.format(paysim=paysim, web=web)
