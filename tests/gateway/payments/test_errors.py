"""What Stripe's errors mean for a payment: declined, the client's mistake, ours, not done, or perhaps done."""

from urllib.parse import parse_qsl

import pytest

from bookings.ports import (
    TOKEN_INVALID,
    Action,
    ActionKind,
    Charged,
    Closed,
    Declined,
    Mistake,
    NotSent,
    Unknown,
)
from bookings.text.money import Money
from tests.support.stripe import (
    CANCEL,
    CHARGE_ID,
    CLIENT_SECRET,
    CONFIRM,
    INTENT,
    INTENTS,
    KEY,
    PUBLISHABLE_KEY,
    TOKEN,
    an_intent,
    error,
    payment_intent,
)
from tests.support.wire import HANG_UP, answer

SECRETS = {"publishableKey": PUBLISHABLE_KEY, "clientSecret": CLIENT_SECRET}
CONFIRMS, AUTHENTICATES = Action(ActionKind.CONFIRM, SECRETS), Action(ActionKind.AUTHENTICATE, SECRETS)
PAID = Charged(Money(2000, "EUR"), KEY, CHARGE_ID)
BANKS_PAGE = "https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1"

UNEXPECTED = error(type="invalid_request_error", code="payment_intent_unexpected_state")
ANOTHER = Unknown("answer about another payment")


def fields(asked):
    return dict(parse_qsl(asked.body.decode()))


def charge(gateway, intent=None, token=TOKEN, seconds=5.0):
    return gateway.charge(intent or an_intent(), payer_token=token, seconds=seconds)


OF_THE_TOKEN = {
    "spent": (400, {"code": None, "param": "confirmation_token"}),
    "of another account": (404, {"code": "resource_missing", "param": "confirmation_token"}),
    "without a way to pay": (400, {"code": "payment_method_unexpected_state"}),
    "without a word": (400, {}),
}
DECLINES = [
    ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
    ({"code": "expired_card"}, "expired_card"),
    ({"code": "card_declined", "decline_code": "fraudulent"}, "generic_decline"),
    ({"code": "card_declined", "decline_code": "lost_card"}, "generic_decline"),
    ({"code": "card_declined", "decline_code": "stolen_card"}, "generic_decline"),
    ({"code": "<script>"}, "generic_decline"),
    ({"code": ["card_declined"]}, "generic_decline"),
    ({}, "generic_decline"),
]


@pytest.mark.parametrize(("words", "code"), DECLINES)
def test_a_bank_that_declines_says_why_unless_a_thief_must_not_know(wire, stripe, words, code):
    about = payment_intent(last_payment_error=words)
    wire.say("POST", CONFIRM, answer(402, error(type="card_error", payment_intent=about, **words)))

    assert charge(stripe) == Declined(code)


def test_a_decline_of_another_payment_is_none(wire, stripe):
    about = payment_intent(id="pi_other")
    wire.say("POST", CONFIRM, answer(402, error(type="card_error", code="card_declined", payment_intent=about)))

    assert charge(stripe) == ANOTHER


@pytest.mark.parametrize(("status", "words"), OF_THE_TOKEN.values(), ids=OF_THE_TOKEN)
def test_a_token_that_cannot_be_used_is_a_mistake_of_the_client(wire, stripe, status, words):
    wire.say("POST", CONFIRM, answer(status, error(type="invalid_request_error", **words)))

    outcome = charge(stripe)

    assert (type(outcome), outcome.code) == (Mistake, TOKEN_INVALID)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, {"type": "invalid_request_error", "param": "return_url"}),
        (400, {"type": "idempotency_error"}),
        (404, {"type": "invalid_request_error", "code": "resource_missing", "param": "intent"}),
        (401, {"type": "invalid_request_error"}),
        (403, {"type": "invalid_request_error"}),
        (402, {"type": "invalid_request_error"}),
    ],
)
def test_a_mistake_of_this_service_is_not_the_clients(wire, stripe, status, words):
    wire.say("POST", CONFIRM, answer(status, error(**words)))

    outcome = charge(stripe)

    assert (type(outcome), outcome.code) == (Mistake, "")


@pytest.mark.parametrize(
    ("status", "words", "outcome"),
    [
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Unknown("409 idempotency_key_in_use")),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, NotSent("429 rate_limit")),
        (400, {"type": "invalid_request_error", "code": "rate_limit"}, NotSent("400 rate_limit")),
        (429, {"type": "invalid_request_error", "code": "lock_timeout"}, Unknown("429 lock_timeout")),
        (500, {"type": "api_error"}, Unknown("500 api_error")),
        (502, {"type": "api_error", "code": "No Word"}, Unknown("502 api_error")),
    ],
)
@pytest.mark.parametrize("asked", ["charge", "close", "look"])
def test_what_may_have_been_done_and_what_has_not(wire, stripe, asked, status, words, outcome):
    method, path = {"charge": ("POST", CONFIRM), "look": ("GET", INTENT), "close": ("POST", CANCEL)}[asked]
    wire.say(method, path, answer(status, error(**words)))

    assert (charge(stripe) if asked == "charge" else getattr(stripe, asked)(an_intent(), seconds=5)) == outcome
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("found", "outcome"), [(payment_intent("succeeded"), PAID), (payment_intent("canceled"), Closed())]
)
@pytest.mark.parametrize("asked", ["charge", "close"])
def test_a_payment_that_was_in_another_state_is_looked_at(wire, stripe, asked, found, outcome):
    wire.say("POST", CONFIRM, answer(400, UNEXPECTED))
    wire.say("POST", CANCEL, answer(400, UNEXPECTED))
    wire.say("GET", INTENT, answer(200, found))

    said = charge(stripe) if asked == "charge" else stripe.close(an_intent(), seconds=5)

    assert said == outcome
    assert [asked.method for asked in wire.calls] == ["POST", "GET"]


def test_a_mistake_in_a_look_or_a_close_is_said(wire, stripe):
    missing = error(type="invalid_request_error", code="resource_missing", param="intent")
    wire.say("GET", INTENT, answer(404, missing))
    wire.say("POST", CANCEL, answer(404, missing))

    assert stripe.look(an_intent(), seconds=5) == Mistake("404 resource_missing intent")
    assert stripe.close(an_intent(), seconds=5) == Mistake("404 resource_missing intent")


def test_a_call_without_an_answer_may_have_been_carried_out(wire, stripe):
    wire.say("POST", INTENTS, HANG_UP)
    wire.say("POST", CONFIRM, HANG_UP)
    wire.say("POST", CANCEL, HANG_UP)
    wire.say("GET", INTENT, HANG_UP)

    outcomes = [
        stripe.open(an_intent(id_=""), seconds=3),
        charge(stripe),
        stripe.close(an_intent(), seconds=3),
        stripe.look(an_intent(), seconds=3),
    ]

    assert outcomes == [Unknown("hung up without an answer")] * 4


def test_without_time_nothing_is_sent(wire, stripe):
    assert stripe.open(an_intent(id_=""), seconds=0) == NotSent("no time left")
    assert wire.calls == []
