"""What `doctor` learns of an account at Stripe: rights that its key lacks, and where notices go."""

import pytest

from bookings.ports import AccountSeen, Endpoint, Mistake, NotSent, Opened
from tests.support.paysim import start_paysim
from tests.support.stripe import INSTALLATION, an_intent, stripe_at

# A process of its own.
pytestmark = pytest.mark.slow

ENOUGH = "payment_intent_write,refund_write,dispute_read,webhook_read"
KEYS = {
    "rk_test_enough0123456789": ENOUGH,
    "rk_test_no_refunds012345": ENOUGH.replace("refund_write", "refund_read"),
    "rk_test_nothing012345678": "charge_write",
}
NOTICES = f"https://{INSTALLATION}/webhooks/stripe"


@pytest.fixture(scope="module")
def sim():
    restricted = [word for key, rights in KEYS.items() for word in ("--restricted", f"{key}={rights}")]
    with start_paysim(*restricted) as sim:
        events = {"enabled_events[0]": "payment_intent.succeeded", "enabled_events[1]": "refund.failed"}
        sim.api("POST", "webhook_endpoints", url=f"{NOTICES}/", **events)
        sim.api("POST", "webhook_endpoints", url=NOTICES, **{"enabled_events[0]": "*"})
        yield sim


def seen(sim, key):
    return stripe_at(sim.url, api_key=key).look_at_account(seconds=3)


def made_at(sim):
    return [sim.api("GET", each).json()["data"] for each in ("payment_intents", "refunds")]


def test_each_right_that_is_missing_is_named_and_nothing_is_made(sim):
    before = made_at(sim)
    enough, no_refunds, nothing = (seen(sim, key) for key in KEYS)

    assert enough == AccountSeen([], [Endpoint(NOTICES, True, True), Endpoint(f"{NOTICES}/", True, False)])
    assert no_refunds.missing == ["Refunds: write (rak_refund_write)"]
    assert nothing.endpoints is None
    assert nothing.missing == [
        "PaymentIntents: write (rak_payment_intent_write)",
        "Refunds: write (rak_refund_write)",
        "Disputes: read (rak_dispute_read)",
        "Webhook Endpoints: read (rak_webhook_read)",
    ]
    assert made_at(sim) == before


def test_a_key_that_is_not_known_is_no_matter_of_rights(sim):
    assert seen(sim, "rk_test_another0123456789") == Mistake("401 invalid_request_error")


def test_what_cannot_be_reached_says_so():
    assert isinstance(stripe_at("http://127.0.0.1:1").look_at_account(seconds=3), NotSent)


def test_staff_are_led_to_the_page_of_a_payment_at_stripe_itself():
    at_stripe = "https://api.stripe.com"
    pages = [
        stripe_at(at_stripe).page_of("pi_1"),
        stripe_at(at_stripe, api_key="rk_live_0123456789abcdef").page_of("pi_1"),
        stripe_at(at_stripe).page_of(""),
        stripe_at("http://127.0.0.1:8002").page_of("pi_1"),
    ]

    assert pages == [
        "https://dashboard.stripe.com/test/payments/pi_1",
        "https://dashboard.stripe.com/payments/pi_1",
        *("", ""),
    ]


def test_these_rights_are_all_that_is_needed_to_open_look_close_and_list(sim):
    stripe = stripe_at(sim.url, api_key=next(iter(KEYS)))
    opened = stripe.open(an_intent(id_=""), seconds=3)
    intent = an_intent(id_=opened.id)

    answers = [
        stripe.look(intent, seconds=3),
        stripe.refunds_of(intent, seconds=3),
        stripe.close(intent, seconds=3),
        stripe.look_at_dispute("dp_none", seconds=3),
    ]

    assert isinstance(opened, Opened)
    assert [answer for answer in answers if "403" in getattr(answer, "why", "")] == []
    refused = stripe_at(sim.url, api_key="rk_test_nothing012345678").open(an_intent(id_=""), seconds=3)
    assert refused == Mistake("403 invalid_request_error rak_payment_intent_write")
