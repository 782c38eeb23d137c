"""The settings of processes whose payments are at the stand-in for Stripe, which fails all the time."""

from bookingsite.settings import *  # noqa: F403 - they are these settings, but for what stands below
from bookingsite.settings import PAYMENT_GATEWAYS

PAYMENT_GATEWAYS = {**PAYMENT_GATEWAYS, "stripe": "tests.campaigns.paying.gateway.TirelessStripe"}
PAYMENT_GATEWAY = "stripe"
