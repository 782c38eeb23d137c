"""Reads the settings of payment gateways. What may be a key or a secret is never shown."""

import os
import re
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from bookingsite.config.env import LOCAL_HOST, base_address, env, names

STRIPE = "https://api.stripe.com"

API_KEY = re.compile(r"(rk|sk)_(live|test)_[A-Za-z0-9_]{8,250}")
PUBLISHABLE_KEY = re.compile(r"pk_(live|test)_[A-Za-z0-9_]{8,250}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,250}")

# Those that answer while the payer looks on. What answers after days (direct debit, vouchers, bank transfer) would keep
# seats until then, and is not for a payment window of minutes.
IMMEDIATE_METHODS = (
    *("card", "link", "affirm", "afterpay_clearpay", "alipay", "amazon_pay", "bancontact", "blik", "cashapp", "eps"),
    *("fpx", "grabpay", "ideal", "klarna", "mobilepay", "p24", "pay_by_bank", "paynow", "paypal", "promptpay"),
    *("revolut_pay", "satispay", "swish", "twint", "wechat_pay"),
)


def stripe_key(name: str, *, publishable: bool) -> str:
    """
    Read a key of an account at Stripe; empty: there is none.

    :raises ImproperlyConfigured: if it is none of this kind
    """
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    value = os.environ.get(name, "").strip()
    kind, begins = (PUBLISHABLE_KEY, "pk_") if publishable else (API_KEY, "rk_ (restricted) or sk_")
    if value and not kind.fullmatch(value):
        raise ImproperlyConfigured(f"{name} is no such key of Stripe's: it begins with {begins}.")
    return value


def stripe_webhook_secrets(name: str) -> list[str]:
    """
    Read the secrets of a webhook endpoint at Stripe, with commas between them: the new and the old, while it changes.

    :raises ImproperlyConfigured: if one is none
    """
    secrets = [each.strip() for each in os.environ.get(name, "").split(",") if each.strip()]
    if not all(WEBHOOK_SECRET.fullmatch(each) for each in secrets):
        raise ImproperlyConfigured(f"{name} must look like whsec_new,whsec_old; a comma parts two of them.")
    return secrets


def stripe_address(name: str, *, development: bool) -> str:
    """
    Read where Stripe's API is.

    :raises ImproperlyConfigured: if it is not Stripe's own, neither on this machine nor in development
    """
    address = base_address(name, default=STRIPE)
    parts = urlsplit(address)
    is_here = LOCAL_HOST.fullmatch(parts.hostname or "") is not None
    if address != STRIPE and not (is_here or (development and parts.scheme == "https")):
        raise ImproperlyConfigured(f"{name} is not {STRIPE}: another address is for a stand-in on this machine.")
    return address


def stripe_methods(name: str) -> list[str]:
    """
    Read by what people may pay, in Stripe's words; by card unless something else is said.

    :raises ImproperlyConfigured: if one is unknown, or answers after days
    """
    methods = names(name) or ["card"]
    for each in methods:
        if each not in IMMEDIATE_METHODS:
            raise ImproperlyConfigured(
                f"{name} has {each!r}; each must be one that answers at once: {', '.join(IMMEDIATE_METHODS)}."
            )
    return methods


def return_address(name: str, *, development: bool) -> str:
    """
    Read where a payer comes back to; {reference} stands for the booking's reference. Empty: nowhere.

    :raises ImproperlyConfigured: unless it is https://…, or http://… on this machine in development
    """
    value = str(env.str(name, default=""))
    try:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and development and LOCAL_HOST.fullmatch(parts.hostname or "") is not None
        )
        sane = is_safe and bool(parts.hostname) and not set("@{") & set(parts.netloc) and value.isprintable()
    except ValueError:
        sane = False
    if value and not (sane and " " not in value):
        raise ImproperlyConfigured(
            f"{name} must look like https://host/path/{{reference}}, without a user or a password."
        )
    return value


def is_live(key: str) -> bool:
    """Whether a key of Stripe's moves money; a test key moves none."""
    return "_live_" in key
