"""Settings of payments that are refused by themselves, with a reason that says what to do and shows no secret."""

import pytest

from tests.test_start import start

REFUSED = {
    "a key of Stripe's that is none": ({"STRIPE_API_KEY": "canary-5"}, "STRIPE_API_KEY is no such key of Stripe's"),
    "a publishable key as a secret one": (
        {"STRIPE_API_KEY": "pk_live_0123456789"},
        "it begins with rk_ (restricted) or sk_",
    ),
    "a secret key as a publishable one": ({"STRIPE_PUBLISHABLE_KEY": "sk_live_0123456789"}, "it begins with pk_"),
    "a webhook secret that is none": (
        {"STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef,canary-6"},
        "STRIPE_WEBHOOK_SECRET must look like whsec_new,whsec_old",
    ),
    "another Stripe": (
        {"STRIPE_API_URL": "https://stripe.example.org"},
        "STRIPE_API_URL is not https://api.stripe.com",
    ),
    "another Stripe without TLS": (
        {"STRIPE_API_URL": "http://stripe.example.org", "DEBUG": "true", "ALLOWED_HOSTS": "localhost"},
        "STRIPE_API_URL is not https://api.stripe.com",
    ),
    "a way to pay that answers after days": ({"STRIPE_METHODS": "card,sepa_debit"}, "STRIPE_METHODS has 'sepa_debit'"),
    "a page to come back to without TLS": (
        {"PAYMENT_RETURN_URL": "http://shop.example.org/back"},
        "PAYMENT_RETURN_URL must look like https://",
    ),
    "a page to come back to with a password": (
        {"PAYMENT_RETURN_URL": "https://a:canary-7@shop.example.org/back"},
        "PAYMENT_RETURN_URL must look like https://",
    ),
    "a page to come back to that is none": (
        {"PAYMENT_RETURN_URL": "https://[shop/back"},
        "PAYMENT_RETURN_URL must look",
    ),
    "a host for each booking": (
        {"PAYMENT_RETURN_URL": "https://{reference}.example.org/"},
        "PAYMENT_RETURN_URL must look",
    ),
    "an unknown way of being paid": ({"PAYMENT_GATEWAY": "paypal"}, "it must be one of: instant, demo, stripe"),
}
ACCOUNT = {
    "PAYMENT_GATEWAY": "stripe",
    "STRIPE_API_KEY": "rk_live_0123456789",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_0123456789",
    "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef, whsec_fedcba9876543210",
}
PRINT = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "bookingsite.settings"
django.setup()
from django.conf import settings as s
from bookings.wiring import payment_gateways
print(s.STRIPE_WEBHOOK_SECRETS, s.STRIPE_METHODS, s.STRIPE_API_URL, s.PAYMENT_RETURN_URL, *payment_gateways())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_a_start_is_refused_with_what_to_do(name):
    settings, reason = REFUSED[name]

    result = start("manage.py", "check", **settings)

    assert result.returncode != 0
    assert reason in result.stderr.strip().splitlines()[-1]
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.slow
def test_an_account_is_read():
    result = start("-c", PRINT, **ACCOUNT, STRIPE_METHODS="card, ideal", PAYMENT_RETURN_URL="https://a.org/{reference}")

    assert result.stdout.split("\n")[0] == (
        "['whsec_0123456789abcdef', 'whsec_fedcba9876543210'] ['card', 'ideal'] https://api.stripe.com "
        "https://a.org/{reference} instant demo stripe"
    )


@pytest.mark.slow
def test_without_an_account_there_is_no_such_gateway():
    result = start("-c", PRINT)

    assert result.stdout.split("\n")[0] == "[] ['card'] https://api.stripe.com  instant demo"


@pytest.mark.slow
def test_a_stand_in_on_this_machine_may_take_stripes_place():
    result = start("-c", PRINT, STRIPE_API_URL="http://127.0.0.1:8002")

    assert "http://127.0.0.1:8002" in result.stdout


@pytest.mark.slow
def test_an_account_is_all_that_a_start_needs_and_is_not_warned_of():
    result = start("manage.py", "check", **ACCOUNT)

    assert (result.returncode, "bookings.W00" in result.stderr) == (0, False), result.stderr


@pytest.mark.slow
def test_production_that_takes_no_money_is_warned_of():
    result = start("manage.py", "check")

    assert "(bookings.W006) PAYMENT_GATEWAY=instant: each payment succeeds at once, and no one pays." in result.stderr
