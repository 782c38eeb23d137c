"""The settings of processes that shall die: a durable payment gateway, and a flag that names where to die."""

import os

from bookingsite.settings import *  # noqa: F403 - they are these settings, but for what stands below
from bookingsite.settings import INSTALLED_APPS, PAYMENT_GATEWAYS

PAYMENT_GATEWAYS = {**PAYMENT_GATEWAYS, "durable": "tests.support.durable_payments.DurablePayments"}
PAYMENT_GATEWAY = "durable"

# A file that names the crash point at which a process of these settings dies; empty: none.
CRASH_FLAG = os.environ.get("CRASH_FLAG", "")

INSTALLED_APPS = [*INSTALLED_APPS, "tests.campaigns.points.Mortal"]
