"""
The gateway to Stripe, with a breaker that never rests.

A third of all calls fails here, so that of a process would be open most of the time, and nothing would be sent. The
breaker decides nothing about payments: it only keeps calls back.
"""

import itertools

from django.conf import settings

from bookings.conf import BREAKER_PROBE_SECONDS
from bookings.gateways.payments.guard import PaymentGuard
from bookings.gateways.payments.stripe.account import Account
from bookings.gateways.payments.stripe.gateway import StripePayments
from tests.support.gateways import ANY_CROWD
from tests.support.paysim import SECRET


class TirelessStripe(StripePayments):
    """Sends every call."""

    def __init__(self, account: Account) -> None:
        clock = itertools.count(step=2 * BREAKER_PROBE_SECONDS)
        super().__init__(account, guard=PaymentGuard(self.name, clock=lambda: next(clock), places=ANY_CROWD))


def a_gateway_to(url: str, *, webhook_secret: str) -> TirelessStripe:
    """Make the gateway of this process, which has the account of the others."""
    account = Account(
        api_key=SECRET,
        publishable_key=SECRET.replace("sk_", "pk_"),
        webhook_secrets=[webhook_secret],
        url=url,
        methods=["card"],
        return_url="",
        installation=settings.ALLOWED_HOSTS[0],
    )
    return TirelessStripe(account)
