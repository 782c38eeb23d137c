"""The payer in a browser, and the banks in their own time."""

import json

import pytest

from tests.paysim.making import a_paid_intent, an_intent, events_of, looked_at
from tests.paysim.schema import mistakes

THREE_D_SECURE = "pm_card_authenticationRequired"


def test_a_payer_pays_with_the_number_of_a_card(paysim):
    intent = an_intent(paysim)
    paid = paysim.payer(intent["client_secret"], "confirm", card="4242 4242 4242 4242")

    assert (paid["status"], paid["amount_received"]) == ("succeeded", 1099)
    assert mistakes(paid) == []


def test_a_payer_is_declined_and_pays_with_another_card(paysim):
    intent = an_intent(paysim)
    declined = paysim.payer(intent["client_secret"], "confirm", card="4000000000009995")
    paid = paysim.payer(intent["client_secret"], "confirm", card="4242424242424242")

    assert declined["error"]["decline_code"] == "insufficient_funds"
    assert mistakes(declined) == []
    assert paid["status"] == "succeeded"
    assert events_of(paysim, intent) == [
        *("payment_intent.created", "charge.failed", "payment_intent.payment_failed"),
        *("charge.succeeded", "payment_intent.succeeded"),
    ]


def test_a_payer_whom_the_bank_recognizes_has_paid(paysim):
    intent = an_intent(paysim, confirm="true", payment_method=THREE_D_SECURE, return_url="https://example.com/back")
    paid = paysim.payer(intent["client_secret"], "authenticate")

    assert intent["next_action"]["redirect_to_url"]["url"].startswith(paysim.url)
    assert (paid["status"], paid["next_action"]) == ("succeeded", None)
    assert events_of(paysim, intent)[-2:] == ["charge.succeeded", "payment_intent.succeeded"]


def test_a_payer_whom_the_bank_does_not_recognize_has_not_paid_and_may_try_again(paysim):
    intent = an_intent(paysim, confirm="true", payment_method=THREE_D_SECURE)
    failed = paysim.payer(intent["client_secret"], "fail_authentication")
    paid = paysim.payer(intent["client_secret"], "confirm", card="pm_card_visa")

    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert mistakes(failed) == []
    assert paid["status"] == "succeeded"


def test_a_card_may_be_declined_after_the_bank_has_recognized_its_owner(paysim):
    intent = an_intent(paysim, confirm="true", payment_method="pm_card_threeDSecureRequiredChargeDeclined")
    declined = paysim.payer(intent["client_secret"], "authenticate")

    assert declined["error"]["code"] == "card_declined"
    assert looked_at(paysim, intent)["status"] == "requires_payment_method"


def test_a_payer_who_walks_away_changes_nothing(paysim):
    intent = an_intent(paysim, confirm="true", payment_method=THREE_D_SECURE)
    paysim.payer(intent["client_secret"], "walk_away")

    assert looked_at(paysim, intent) == intent


def test_a_canceled_intent_takes_no_money_from_a_payer_at_the_banks_page(paysim):
    intent = an_intent(paysim, confirm="true", payment_method=THREE_D_SECURE)
    paysim.api("POST", f"payment_intents/{intent['id']}/cancel")
    with pytest.raises(RuntimeError, match="no bank asks anything"):
        paysim.payer(intent["client_secret"], "authenticate")
    with pytest.raises(RuntimeError, match="status of canceled"):
        paysim.payer(intent["client_secret"], "confirm", card="pm_card_visa")

    assert looked_at(paysim, intent)["amount_received"] == 0


@pytest.mark.parametrize("secret", ["pi_nothing_secret_x", "nothing"])
def test_an_unknown_secret_is_no_payment(paysim, secret):
    with pytest.raises(RuntimeError, match="answered 404"):
        paysim.payer(secret, "confirm", card="pm_card_visa")


def test_the_secret_of_another_intent_does_not_help(paysim):
    one, other = an_intent(paysim), an_intent(paysim)
    with pytest.raises(RuntimeError, match="answered 404"):
        paysim.payer(one["id"] + "_secret_" + other["client_secret"].partition("_secret_")[2], "walk_away")


def test_an_intent_is_confirmed_so_often_and_then_canceled(paysim):
    intent = an_intent(paysim)
    for _ in range(25):
        paysim.payer(intent["client_secret"], "confirm", card="4000000000000002")

    assert looked_at(paysim, intent)["status"] == "requires_payment_method"
    assert paysim.payer(intent["client_secret"], "confirm", card="pm_card_visa")["status"] == "canceled"


@pytest.mark.parametrize(
    ("do", "status", "received"),
    [("processing_succeeds", "succeeded", 1099), ("processing_fails", "requires_payment_method", 0)],
)
def test_a_bank_ends_what_it_works_on(paysim, do, status, received):
    intent = a_paid_intent(paysim, "pm_card_paysimProcessing")
    ended = paysim.bank(do, payment_intent=intent["id"])

    assert (intent["status"], intent["amount_received"]) == ("processing", 0)
    assert (ended["status"], ended["amount_received"]) == (status, received)
    assert mistakes(intent) == mistakes(ended) == []
    with pytest.raises(RuntimeError, match="no bank works on it"):
        paysim.bank(do, payment_intent=intent["id"])


def test_what_a_bank_works_on_cannot_be_canceled(paysim):
    intent = a_paid_intent(paysim, "pm_card_paysimProcessing")

    assert paysim.api("POST", f"payment_intents/{intent['id']}/cancel").status_code == 400


def test_a_refund_fails_days_after_it_has_succeeded(paysim):
    intent = a_paid_intent(paysim, **{"metadata[booking]": "late"})
    refund = paysim.api("POST", "refunds", payment_intent=intent["id"], amount=99).json()
    paysim.clock(5 * 24 * 60 * 60)
    failed = paysim.bank("refund_fails", refund=refund["id"])

    assert refund["status"] == "succeeded"
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert mistakes(failed) == []
    assert paysim.api("GET", f"charges/{intent['latest_charge']}").json()["amount_refunded"] == 0
    entry = paysim.ledger("booking")["late"]
    assert (entry["charged"], entry["refunded"], entry["refunds_failed"]) == (1099, 0, 99)
    assert events_of(paysim, intent)[-2:] == ["refund.failed", "charge.refund.updated"]


def test_a_refund_waits_while_the_account_has_no_money(paysim):
    intent = a_paid_intent(paysim)
    paysim.bank("refunds_wait")
    waiting = paysim.api("POST", "refunds", payment_intent=intent["id"]).json()
    paysim.bank("refunds_wait", on=False)
    ended = paysim.bank("refund_succeeds", refund=waiting["id"])

    assert (waiting["status"], waiting["pending_reason"]) == ("pending", "insufficient_funds")
    assert mistakes(waiting) == mistakes(ended) == []
    assert ended["status"] == "succeeded"


def test_what_is_charged_back_is_not_refunded_too(paysim):
    intent = a_paid_intent(paysim)
    dispute = paysim.bank("dispute_opens", payment_intent=intent["id"], reason="product_not_received")
    refused = paysim.api("POST", "refunds", payment_intent=intent["id"])
    paysim.bank("dispute_answered", dispute=dispute["id"])
    won = paysim.bank("dispute_won", dispute=dispute["id"])

    assert (dispute["status"], dispute["is_charge_refundable"]) == ("needs_response", False)
    assert refused.json()["error"]["code"] == "charge_disputed"
    assert won["status"] == "won"
    assert mistakes(dispute) == mistakes(won) == []
    assert events_of(paysim, intent)[-5:] == [
        *("charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.updated"),
        *("charge.dispute.funds_reinstated", "charge.dispute.closed"),
    ]
    assert paysim.api("POST", "refunds", payment_intent=intent["id"]).status_code == 200


def test_a_lost_dispute_stays_charged_back(paysim):
    intent = a_paid_intent(paysim, "pm_card_createDispute")
    (dispute,) = paysim.api("GET", "disputes", payment_intent=intent["id"]).json()["data"]
    lost = paysim.bank("dispute_lost", dispute=dispute["id"])

    assert lost["status"] == "lost"
    assert paysim.api("POST", "refunds", payment_intent=intent["id"]).json()["error"]["code"] == "charge_disputed"


def test_an_inquiry_is_ended_by_a_refund_or_becomes_a_dispute(paysim):
    refundable, escalated = (a_paid_intent(paysim, "pm_card_createDisputeInquiry") for _ in range(2))
    found = [
        paysim.api("GET", "disputes", payment_intent=intent["id"]).json()["data"][0]
        for intent in (refundable, escalated)
    ]
    refunded = paysim.api("POST", "refunds", payment_intent=refundable["id"])
    closed = paysim.bank("dispute_won", dispute=found[0]["id"])
    disputed = paysim.bank("dispute_lost", dispute=found[1]["id"])

    assert (found[0]["status"], found[0]["is_charge_refundable"]) == ("warning_needs_response", True)
    assert (refunded.status_code, closed["status"]) == (200, "warning_closed")
    assert (disputed["status"], disputed["is_charge_refundable"]) == ("needs_response", False)


@pytest.mark.parametrize("order", [{"do": "no_such"}, {"do": "refund_fails"}, {"do": "dispute_opens", "amount": "1"}])
def test_an_order_to_the_bank_that_makes_no_sense_is_refused(paysim, order):
    with pytest.raises(RuntimeError, match="answered 400"):
        paysim.bank(**order)


def test_a_token_expires_after_twelve_hours(paysim):
    intent = an_intent(paysim)
    token = paysim.api("POST", "test_helpers/confirmation_tokens", payment_method="pm_card_visa").json()
    paysim.clock(12 * 60 * 60)
    refused = paysim.api("POST", f"payment_intents/{intent['id']}/confirm", confirmation_token=token["id"])

    assert (refused.status_code, "has expired" in refused.json()["error"]["message"]) == (400, True)
    assert looked_at(paysim, intent)["status"] == "requires_payment_method"


def test_a_token_is_not_spent_by_a_request_that_is_refused(paysim):
    intent = paysim.api("POST", "payment_intents", amount=1099, currency="usd").json()
    token = paysim.api("POST", "test_helpers/confirmation_tokens", payment_method="pm_card_visa").json()
    path = f"payment_intents/{intent['id']}/confirm"
    refused = paysim.api("POST", path, confirmation_token=token["id"])
    paid = paysim.api("POST", path, confirmation_token=token["id"], return_url="https://example.com")

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "return_url")
    assert paid.json()["status"] == "succeeded"


@pytest.mark.slow
def test_every_event_is_as_stripe_describes_it(paysim):
    intent = a_paid_intent(paysim)
    refund = paysim.api("POST", "refunds", payment_intent=intent["id"], amount=1).json()
    paysim.bank("refund_fails", refund=refund["id"])
    paysim.bank("dispute_opens", payment_intent=intent["id"])
    events = json.loads(paysim.api("GET", "events", limit=100).content)

    assert len({each["type"] for each in events["data"]}) >= 8
    assert mistakes(events) == []
