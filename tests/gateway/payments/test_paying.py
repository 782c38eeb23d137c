"""What is asked of Stripe for a payment, and what its answers mean."""

from urllib.parse import parse_qs, parse_qsl

import pytest
import stripe as library

from bookings.gateways.payments.stripe.api import API_VERSION
from bookings.ports import (
    Action,
    ActionKind,
    AwaitsBank,
    AwaitsPayer,
    Charged,
    Closed,
    Declined,
    Mistake,
    NotSent,
    Opened,
    Unknown,
)
from bookings.text.money import Money
from tests.support.stripe import (
    API_KEY,
    CANCEL,
    CHARGE_ID,
    CLIENT_SECRET,
    CONFIRM,
    INTENT,
    INTENTS,
    KEY,
    PAYMENT_ID,
    PUBLISHABLE_KEY,
    TOKEN,
    an_intent,
    error,
    payment_intent,
    stripe_at,
)
from tests.support.wire import answer

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


# --- what is asked --------------------------------------------------------------------------------------


def test_a_payment_is_opened_under_a_key_of_its_own_without_being_confirmed(wire, stripe):
    wire.say("POST", INTENTS, answer(200, payment_intent()))

    stripe.open(an_intent(id_=""), seconds=3)

    (asked,) = wire.calls
    assert fields(asked) == {
        "amount": "2000",
        "currency": "eur",
        "payment_method_types[0]": "card",
        "metadata[payment_key]": str(KEY),
        "metadata[booking]": "BK3M7P2X",
        "metadata[installation]": "bookings.example.org",
        "statement_descriptor_suffix": "BK3M7P2X",
    }
    assert asked.headers["idempotency-key"] == f"{KEY}:open"


def test_a_charge_confirms_with_the_clients_token_under_another_key(wire, stripe):
    wire.say("POST", CONFIRM, answer(200, payment_intent("succeeded")))

    charge(stripe)

    (asked,) = wire.calls
    assert fields(asked) == {"confirmation_token": TOKEN, "return_url": "https://shop.example.org/back/BK3M7P2X"}
    assert asked.headers["idempotency-key"] == f"{KEY}:charge"


def test_without_a_page_to_come_back_to_none_is_named(wire):
    wire.say("POST", CONFIRM, answer(200, payment_intent("succeeded")))

    charge(stripe_at(wire.url, return_url=""))

    assert parse_qs(wire.calls[0].body.decode()) == {"confirmation_token": [TOKEN]}


def test_a_close_and_a_look_carry_no_key_so_that_no_stored_answer_comes_back(wire, stripe):
    wire.say("POST", CANCEL, answer(200, payment_intent("canceled")))
    wire.say("GET", INTENT, answer(200, payment_intent("canceled")))

    stripe.close(an_intent(), seconds=5)
    stripe.look(an_intent(), seconds=5)

    assert ["idempotency-key" in asked.headers for asked in wire.calls] == [False, False]


def test_stripe_is_told_the_version_and_nothing_about_this_machine(wire, stripe):
    wire.say("GET", INTENT, answer(200, payment_intent(), Request_Id="req_1"))

    for _ in range(2):  # the library would tell in the second how long the first has taken
        stripe.look(an_intent(), seconds=5)

    asked = wire.calls[1]
    assert set(asked.headers) == {
        *("host", "accept", "accept-encoding", "authorization", "connection", "stripe-version", "user-agent"),
    }
    assert asked.headers["authorization"] == f"Bearer {API_KEY}"
    assert asked.headers["stripe-version"] == API_VERSION
    assert asked.headers["user-agent"] == f"Stripe/v1 PythonBindings/{library.VERSION}"


def test_each_call_has_a_connection_of_its_own(wire, stripe):
    wire.say("GET", INTENT, answer(200, payment_intent()))

    for _ in range(3):
        stripe.look(an_intent(), seconds=5)

    assert [asked.connection for asked in wire.calls] == [1, 2, 3]


# --- open -----------------------------------------------------------------------------------------------


def test_an_opened_payment_has_an_id(wire, stripe):
    wire.say("POST", INTENTS, answer(200, payment_intent()))

    assert stripe.open(an_intent(id_=""), seconds=3) == Opened(PAYMENT_ID)


def test_a_payer_who_confirms_gets_the_secret_for_it(wire, stripe):
    wire.say("POST", INTENTS, answer(200, payment_intent()))

    assert stripe.open(an_intent(by_payer=True, id_=""), seconds=3) == Opened(PAYMENT_ID, CONFIRMS)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 2001},
        {"currency": "usd"},
        {"amount": "2000"},
        {"currency": None},
        {"metadata": {"payment_key": "0a0b6a52-7a2e-4b43-8f2c-3f8c6f0f7a11"}},
        {"metadata": {"payment_key": "none"}},
        {"metadata": {}},
        {"metadata": None},
        {"id": "not an id"},
        {"id": None},
    ],
)
def test_another_payment_than_the_one_asked_for_is_none(wire, stripe, other):
    wire.say("POST", INTENTS, answer(200, payment_intent(**other)))

    assert stripe.open(an_intent(id_=""), seconds=3) == ANOTHER


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        (49, "EUR", "less than 0.50 EUR"),
        (1050, "MGA", "an amount in MGA must be whole"),
        (1, "XXX", "no payments in XXX"),
    ],
)
def test_what_stripe_cannot_charge_is_not_sent(wire, stripe, amount, currency, why):
    assert stripe.open(an_intent(amount, currency, id_=""), seconds=3) == Mistake(why)
    assert stripe.refuses(Money(amount, currency)) == why
    assert wire.calls == []


@pytest.mark.parametrize(
    ("status", "words", "outcome"),
    [
        (
            400,
            {"type": "invalid_request_error", "code": "amount_too_small", "param": "amount"},
            Mistake("400 amount_too_small amount"),
        ),
        (400, {"type": "idempotency_error"}, Mistake("400 idempotency_error")),
        (401, {"type": "invalid_request_error"}, Mistake("401 invalid_request_error")),
        (
            403,
            {"type": "invalid_request_error", "code": "more_permissions_required"},
            Mistake("403 more_permissions_required"),
        ),
        (402, {"type": "card_error", "code": "card_declined"}, Mistake("402 card_declined")),
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Unknown("409 idempotency_key_in_use")),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, NotSent("429 rate_limit")),
        (429, {"type": "invalid_request_error", "code": "lock_timeout"}, Unknown("429 lock_timeout")),
        (500, {"type": "api_error"}, Unknown("500 api_error")),
        (503, {"type": "api_error"}, Unknown("503 api_error")),
    ],
)
def test_a_payment_that_cannot_be_opened(wire, stripe, status, words, outcome):
    wire.say("POST", INTENTS, answer(status, error(**words)))

    assert stripe.open(an_intent(id_=""), seconds=3) == outcome


# --- charge, look, close: how a payment stands ----------------------------------------------------------

STANDS = {
    "paid": (payment_intent("succeeded"), PAID),
    "at the bank": (payment_intent("processing"), AwaitsBank()),
    "closed": (payment_intent("canceled"), Closed()),
    "asked by a script": (
        payment_intent("requires_action", next_action={"type": "use_stripe_sdk"}),
        AwaitsPayer(AUTHENTICATES),
    ),
    "asked somehow": (payment_intent("requires_action"), AwaitsPayer(AUTHENTICATES)),
    "asked at an address": (
        payment_intent(
            "requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": {"url": BANKS_PAGE}}
        ),
        AwaitsPayer(Action(ActionKind.REDIRECT, {**SECRETS, "url": BANKS_PAGE})),
    ),
    "asked at an address that is none": (
        payment_intent("requires_action", next_action={"redirect_to_url": {"url": "javascript:alert(1)"}}),
        AwaitsPayer(AUTHENTICATES),
    ),
    "not tried": (payment_intent(), AwaitsPayer()),
    "not confirmed": (payment_intent("requires_confirmation"), AwaitsPayer()),
    "declined": (
        payment_intent(last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"}),
        Declined("insufficient_funds"),
    ),
    "not proven": (
        payment_intent(last_payment_error={"code": "payment_intent_authentication_failure"}),
        Declined("payment_intent_authentication_failure"),
    ),
    "stolen": (
        payment_intent(last_payment_error={"code": "card_declined", "decline_code": "stolen_card"}),
        Declined("generic_decline"),
    ),
    "declined without a word": (payment_intent(last_payment_error={}), Declined("generic_decline")),
    "authorized alone": (
        payment_intent("requires_capture"),
        Unknown("payment in a state that this service does not use"),
    ),
    "in no state": (payment_intent(None), Unknown("payment in a state that this service does not use")),
    "another one": (payment_intent("succeeded", id="pi_other"), ANOTHER),
    "paid without an amount": (
        payment_intent("succeeded", amount_received=None),
        Unknown("paid, and it is not said how much"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("found", "outcome"), STANDS.values(), ids=STANDS)
@pytest.mark.parametrize("asked", ["charge", "look", "close"])
def test_how_a_payment_stands(wire, stripe, asked, found, outcome):
    method, path = {"charge": ("POST", CONFIRM), "look": ("GET", INTENT), "close": ("POST", CANCEL)}[asked]
    wire.say(method, path, answer(200, found))

    said = charge(stripe) if asked == "charge" else getattr(stripe, asked)(an_intent(), seconds=5)

    assert said == outcome
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", ["requires_payment_method", "requires_confirmation"])
def test_a_payer_who_has_not_confirmed_yet_still_can(wire, stripe, status):
    wire.say("GET", INTENT, answer(200, payment_intent(status)))

    assert stripe.look(an_intent(by_payer=True), seconds=5) == AwaitsPayer(CONFIRMS)


def test_other_money_than_was_asked_for_is_said_as_it_came(wire, stripe):
    """Whether it is the right one is decided where the row is."""
    wire.say(
        *("GET", INTENT),
        answer(200, payment_intent("succeeded", amount_received=1999)),
        answer(200, payment_intent("succeeded", currency="usd")),
        answer(200, payment_intent("succeeded", metadata={})),
        answer(200, payment_intent("succeeded", amount_received=1050, currency="isk")),
    )

    assert [stripe.look(an_intent(), seconds=5) for _ in range(4)] == [
        Charged(Money(1999, "EUR"), KEY, CHARGE_ID),
        Charged(Money(2000, "USD"), KEY, CHARGE_ID),
        Charged(Money(2000, "EUR"), None, CHARGE_ID),
        Charged(Money(1050, "ISK"), None, CHARGE_ID),
    ]


def test_a_charge_without_a_token_only_looks(wire, stripe):
    wire.say("GET", INTENT, answer(200, payment_intent()))

    assert charge(stripe, token="") == AwaitsPayer()


def test_a_payment_without_an_id_is_not_asked_about_and_cannot_be_paid(wire, stripe):
    unknown = an_intent(id_="")

    assert stripe.look(unknown, seconds=5) == Unknown("the payment has no id at Stripe")
    assert charge(stripe, unknown) == Unknown("the payment has no id at Stripe")
    assert stripe.close(unknown, seconds=5) == Closed()
    assert wire.calls == []
