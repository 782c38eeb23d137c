"""What is asked of Stripe for a refund or about a dispute, and what its answers mean."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from bookings.ports import (
    Disputed,
    Mistake,
    NotSent,
    RefundAwaits,
    Refunded,
    RefundFailed,
    Unknown,
)
from bookings.text.money import Money
from tests.support.stripe import (
    CHARGE_ID,
    DISPUTE_ID,
    INSTALLATION,
    KEY,
    PAYMENT_ID,
    REFUND,
    REFUND_ID,
    REFUNDS,
    REFUNDS_OF_INTENT,
    an_intent,
    an_order,
    error,
    list_of,
    refund,
)
from tests.support.wire import answer

DISPUTE = f"/v1/disputes/{DISPUTE_ID}"


def asked_for(wire):
    return [(asked.method, asked.path.partition("?")[0]) for asked in wire.calls]


# --- refunds --------------------------------------------------------------------------------------------


def test_a_refund_is_made_under_its_key_with_our_marks(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    wire.say("POST", REFUNDS, answer(200, refund()))

    assert stripe.refund(an_order(), seconds=5) == Refunded(REFUND_ID)

    asked = wire.calls[1]
    assert dict(parse_qsl(asked.body.decode())) == {
        "payment_intent": PAYMENT_ID,
        "amount": "500",
        "metadata[payment_key]": str(KEY),
        "metadata[booking]": "BK3M7P2X",
        "metadata[installation]": INSTALLATION,
        "metadata[refund_key]": str(REFUND),
    }
    assert asked.headers["idempotency-key"] == str(REFUND)


@pytest.mark.parametrize(
    ("cause", "reason"), [("duplicate", "duplicate"), ("customer_request", "requested_by_customer")]
)
def test_a_cause_that_stripe_has_a_word_for_is_said(wire, stripe, cause, reason):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    wire.say("POST", REFUNDS, answer(200, refund()))

    stripe.refund(an_order(cause=cause), seconds=5)

    assert dict(parse_qsl(wire.calls[1].body.decode()))["reason"] == reason


def test_a_repetition_finds_the_refund_that_was_made_and_makes_no_other(wire, stripe):
    """Stripe forgets a key after a day, and a refund never."""
    elsewhere = refund(id="re_other", metadata={}, amount=200)
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(elsewhere, refund())))

    assert stripe.refund(an_order(), seconds=5) == Refunded(REFUND_ID)
    assert asked_for(wire) == [("GET", REFUNDS)]


def test_a_refund_is_found_on_the_second_page(wire, stripe):
    others = [refund(id=f"re_{number}", metadata={}) for number in range(100)]
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(*others, has_more=True)))
    wire.say("GET", f"{REFUNDS_OF_INTENT}&starting_after=re_99", answer(200, list_of(refund())))

    assert stripe.look_at_refund(an_order(), seconds=5) == Refunded(REFUND_ID)


def test_a_list_without_an_end_is_left(wire, stripe):
    page = answer(200, list_of(refund(id="re_1", metadata={}), has_more=True))
    wire.say("GET", REFUNDS_OF_INTENT, page)
    wire.say("GET", f"{REFUNDS_OF_INTENT}&starting_after=re_1", page)

    assert stripe.refund(an_order(), seconds=5) == Unknown("the list has no end")
    assert len(wire.calls) == 10


@pytest.mark.parametrize("data", [None, "x", [1], {"id": "re_1"}])
def test_what_is_no_list_is_no_proof_that_there_is_no_refund(wire, stripe, data):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, {**list_of(), "data": data}))

    assert stripe.refund(an_order(), seconds=5) == Unknown("answer is no list")
    assert len(wire.calls) == 1


def test_a_refund_is_looked_for_before_it_is_made_or_it_is_not_made(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(500, error(type="api_error")))

    assert stripe.refund(an_order(), seconds=5) == Unknown("500 api_error")
    assert asked_for(wire) == [("GET", REFUNDS)]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_may_not_look_makes_no_refund(wire, stripe, status):
    wire.say("GET", REFUNDS_OF_INTENT, answer(status, error(type="invalid_request_error")))

    assert stripe.refund(an_order(), seconds=5) == Unknown(f"{status} invalid_request_error")


STANDS = {
    "back": (refund(), Refunded(REFUND_ID)),
    "under way": (refund("pending"), RefundAwaits(REFUND_ID, "pending")),
    "waiting for the balance": (
        refund("pending", pending_reason="insufficient_funds"),
        RefundAwaits(REFUND_ID, "insufficient_funds"),
    ),
    "waiting for the payer": (refund("requires_action"), RefundAwaits(REFUND_ID, "requires_action")),
    "failed": (
        refund("failed", failure_reason="expired_or_canceled_card"),
        RefundFailed("expired_or_canceled_card", REFUND_ID),
    ),
    "taken back": (refund("canceled"), RefundFailed("canceled", REFUND_ID)),
    "in no state": (refund(None), Unknown("refund in an unknown state")),
    "of another amount": (refund(amount=501), Unknown("answer about another refund")),
    "in another currency": (refund(currency="usd"), Unknown("answer about another refund")),
    "without an id": (refund(id=""), Unknown("answer about another refund")),
}


@pytest.mark.parametrize(("found", "outcome"), STANDS.values(), ids=STANDS)
def test_how_a_refund_stands(wire, stripe, found, outcome):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    wire.say("POST", REFUNDS, answer(200, found))

    assert stripe.refund(an_order(), seconds=5) == outcome


@pytest.mark.parametrize("name", [name for name in STANDS if name != "without an id"])
def test_how_a_refund_stands_that_is_looked_at(wire, stripe, name):
    found, outcome = STANDS[name]
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(found)))

    assert stripe.look_at_refund(an_order(id_=REFUND_ID), seconds=5) == outcome


def test_a_refund_that_was_made_at_the_dashboard_is_found_by_its_id(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(refund(metadata={}))))

    assert stripe.look_at_refund(an_order(id_=REFUND_ID), seconds=5) == Refunded(REFUND_ID)


def test_a_refund_that_is_not_there_was_not_sent(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(refund(metadata={}))))

    assert stripe.look_at_refund(an_order(), seconds=5) == NotSent("no refund has this key")


@pytest.mark.parametrize(
    ("status", "words", "outcome"),
    [
        (400, {"type": "invalid_request_error", "code": "charge_disputed"}, RefundFailed("400 charge_disputed")),
        (400, {"type": "invalid_request_error", "param": "amount"}, RefundFailed("400 invalid_request_error amount")),
        (400, {"type": "idempotency_error"}, RefundFailed("400 idempotency_error")),
        (401, {"type": "invalid_request_error"}, Unknown("401 invalid_request_error")),
        (403, {"type": "invalid_request_error"}, Unknown("403 invalid_request_error")),
        (409, {"type": "idempotency_error"}, Unknown("409 idempotency_error")),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, NotSent("429 rate_limit")),
        (500, {"type": "api_error"}, Unknown("500 api_error")),
    ],
)
def test_a_refund_that_cannot_be_made(wire, stripe, status, words, outcome):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    wire.say("POST", REFUNDS, answer(status, error(**words)))

    assert stripe.refund(an_order(), seconds=5) == outcome


@pytest.mark.parametrize(
    ("found", "outcome"),
    [([refund()], Refunded(REFUND_ID)), ([refund(metadata={})], RefundFailed("400 charge_already_refunded"))],
    ids=["by us", "by another"],
)
def test_of_what_is_refunded_already_the_list_says_by_whom(wire, stripe, found, outcome):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()), answer(200, list_of(*found)))
    wire.say("POST", REFUNDS, answer(400, error(type="invalid_request_error", code="charge_already_refunded")))

    assert stripe.refund(an_order(), seconds=5) == outcome


def test_what_cannot_be_refunded_is_not_sent(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))

    assert stripe.refund(an_order(intent=an_intent(id_="")), seconds=5) == RefundFailed(
        "the payment has no id at Stripe"
    )
    assert stripe.refund(an_order(1050, "MGA"), seconds=5) == RefundFailed("no such amount in MGA")
    assert "POST" not in [method for method, _ in asked_for(wire)]


# --- disputes -------------------------------------------------------------------------------------------


def dispute(status="needs_response", **changed):
    return {
        "id": DISPUTE_ID,
        "object": "dispute",
        "amount": 2000,
        "charge": CHARGE_ID,
        "created": 1_796_000_300,
        "currency": "eur",
        "evidence_details": {"due_by": 1_796_900_000},
        "is_charge_refundable": False,
        "payment_intent": PAYMENT_ID,
        "reason": "fraudulent",
        "status": status,
        **changed,
    }


OPENED_AT, DUE = datetime.fromtimestamp(1_796_000_300, UTC), datetime.fromtimestamp(1_796_900_000, UTC)


def a_dispute(status, **changed):
    values = {"refundable": False, "answer_by": DUE, "is_open": True, "outcome": ""} | changed
    return Disputed(DISPUTE_ID, PAYMENT_ID, Money(2000, "EUR"), "fraudulent", status, opened_at=OPENED_AT, **values)


DISPUTES = {
    "open": (dispute(), a_dispute("needs_response")),
    "under review": (dispute("under_review"), a_dispute("under_review")),
    "an inquiry": (
        dispute("warning_needs_response", is_charge_refundable=True),
        a_dispute("warning_needs_response", refundable=True),
    ),
    "won": (dispute("won"), a_dispute("won", answer_by=None, is_open=False, outcome="won")),
    "lost": (dispute("lost"), a_dispute("lost", answer_by=None, is_open=False, outcome="lost")),
    "an inquiry that ended": (
        dispute("warning_closed"),
        a_dispute("warning_closed", answer_by=None, is_open=False, outcome="closed"),
    ),
    "without a day": (dispute(evidence_details=None), a_dispute("needs_response", answer_by=None)),
    "another one": (dispute(id="dp_other"), Unknown("answer about another dispute")),
    "of nothing": (dispute(payment_intent=None, charge=None), Unknown("answer about another dispute")),
    "since never": (dispute(created="yesterday"), Unknown("answer about another dispute")),
    "over nothing": (dispute(amount=None), Unknown("dispute without an amount")),
}


@pytest.mark.parametrize(("found", "outcome"), DISPUTES.values(), ids=DISPUTES)
def test_how_a_dispute_stands(wire, stripe, found, outcome):
    wire.say("GET", DISPUTE, answer(200, found))

    assert stripe.look_at_dispute(DISPUTE_ID, seconds=5) == outcome


def test_a_dispute_that_is_not_there_or_not_shown(wire, stripe):
    missing = error(type="invalid_request_error", code="resource_missing", param="id")
    wire.say("GET", DISPUTE, answer(404, missing), answer(503, error(type="api_error")), b"")

    assert [stripe.look_at_dispute(DISPUTE_ID, seconds=5) for _ in range(3)] == [
        Mistake("404 resource_missing id"),
        Unknown("503 api_error"),
        Unknown("hung up without an answer"),
    ]
