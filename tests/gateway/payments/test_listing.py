"""What Stripe is asked for in order to compare payments with its own list, and what its answers mean."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from bookings.ports import (
    ListUnavailable,
    NotSent,
    RefundAwaits,
    Refunded,
    RefundFailed,
    RefundsSeen,
    SeenPayment,
    SeenRefund,
    Unknown,
)
from bookings.text.money import Money
from tests.support.stripe import (
    INTENTS,
    KEY,
    PAYMENT_ID,
    REFUND,
    REFUND_ID,
    REFUNDS,
    REFUNDS_OF_INTENT,
    an_intent,
    error,
    list_of,
    payment_intent,
    refund,
)
from tests.support.wire import answer

SINCE = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
PAYMENTS_SINCE = f"{INTENTS}?created[gte]={int(SINCE.timestamp())}&limit=100"
REFUNDS_SINCE = f"{REFUNDS}?created[gte]={int(SINCE.timestamp())}&limit=100"
FIVE = Money(500, "EUR")
OURS = SeenRefund(REFUND_ID, REFUND, FIVE, Refunded(REFUND_ID))


def listed(wire, stripe, *payments, refunds=()):
    wire.say("GET", REFUNDS_SINCE, answer(200, list_of(*refunds)))
    wire.say("GET", PAYMENTS_SINCE, answer(200, list_of(*payments)))
    return list(stripe.payments_since(SINCE, seconds=5))


def test_all_refunds_of_a_payment_are_listed_whoever_made_them(wire, stripe):
    elsewhere = refund("pending", id="re_other", metadata={}, amount=200, pending_reason="insufficient_funds")
    failed = refund("failed", id="re_failed", failure_reason="expired_or_canceled_card")
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(refund(), elsewhere, failed)))

    assert stripe.refunds_of(an_intent(), seconds=5) == RefundsSeen(
        (
            OURS,
            SeenRefund("re_other", None, Money(200, "EUR"), RefundAwaits("re_other", "insufficient_funds")),
            SeenRefund("re_failed", REFUND, FIVE, RefundFailed("expired_or_canceled_card", "re_failed")),
        )
    )


def test_a_payment_that_stripe_has_never_named_has_no_refunds(wire, stripe):
    assert stripe.refunds_of(an_intent(id_=""), seconds=5) == RefundsSeen(())
    assert wire.calls == []


@pytest.mark.parametrize("broken", [{"id": 7}, {"amount": None}, {"status": "surprising"}])
def test_refunds_of_which_one_cannot_be_read_are_not_known(wire, stripe, broken):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(refund(), {**refund(), **broken})))

    assert stripe.refunds_of(an_intent(), seconds=5) == Unknown("refund that cannot be read")


def test_without_a_list_the_refunds_are_not_known(wire, stripe):
    wire.say("GET", REFUNDS_OF_INTENT, answer(429, error(code="rate_limit")))

    assert stripe.refunds_of(an_intent(), seconds=5) == NotSent("429 rate_limit")


def test_payments_are_listed_with_what_came_in_and_what_went_back(wire, stripe):
    open_one = payment_intent(id="pi_open")

    assert listed(wire, stripe, payment_intent("succeeded"), open_one, refunds=[refund()]) == [
        SeenPayment(PAYMENT_ID, KEY, Money(2000, "EUR"), charged=True, refunds=(OURS,)),
        SeenPayment("pi_open", KEY, Money(2000, "EUR"), charged=False),
    ]


@pytest.mark.parametrize("metadata", [{}, {"payment_key": str(KEY), "installation": "shop.example.org"}])
def test_a_payment_of_others_that_share_the_account_has_no_key_of_ours(wire, stripe, metadata):
    [seen] = listed(wire, stripe, payment_intent("succeeded", metadata=metadata, currency="zzz"))

    assert (seen.id, seen.key) == (PAYMENT_ID, None)


def test_a_long_list_is_read_page_by_page(wire, stripe):
    wire.say("GET", REFUNDS_SINCE, answer(200, list_of(refund(id="re_1", payment_intent="pi_1"), has_more=True)))
    wire.say("GET", f"{REFUNDS_SINCE}&starting_after=re_1", answer(200, list_of()))
    wire.say("GET", PAYMENTS_SINCE, answer(200, list_of(payment_intent(id="pi_1"), has_more=True)))
    wire.say("GET", f"{PAYMENTS_SINCE}&starting_after=pi_1", answer(200, list_of(payment_intent(id="pi_2"))))

    assert [seen.id for seen in stripe.payments_since(SINCE, seconds=5)] == ["pi_1", "pi_2"]
    assert dict(parse_qsl(wire.calls[-1].path.partition("?")[2]))["starting_after"] == "pi_1"


def test_a_payment_of_before_is_listed_for_its_refund_of_today_with_all_its_refunds(wire, stripe):
    older = refund(id="re_old", metadata={})
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of(refund(), older)))
    wire.say("GET", f"{INTENTS}/{PAYMENT_ID}", answer(200, payment_intent("succeeded")))

    [seen] = listed(wire, stripe, refunds=[refund(), refund(id="re_of_none", payment_intent=None)])

    assert (seen.id, seen.key, [each.id for each in seen.refunds]) == (PAYMENT_ID, KEY, [REFUND_ID, "re_old"])


def test_a_payment_of_before_that_is_not_shown_ends_the_comparison(wire, stripe):
    wire.say("GET", f"{INTENTS}/{PAYMENT_ID}", answer(503, error()))

    with pytest.raises(ListUnavailable, match="of before"):
        listed(wire, stripe, refunds=[refund()])


def test_a_list_without_an_end_is_not_compared(wire, stripe, monkeypatch):
    monkeypatch.setattr("bookings.gateways.payments.stripe.gateway.MOST_PAGES_OF_A_COMPARISON", 2)
    page = answer(200, list_of(refund(id="re_1"), has_more=True))
    wire.say("GET", REFUNDS_SINCE, page)
    wire.say("GET", f"{REFUNDS_SINCE}&starting_after=re_1", page)

    with pytest.raises(ListUnavailable, match="no end"):
        list(stripe.payments_since(SINCE, seconds=5))


def test_a_page_that_does_not_come_ends_the_comparison(wire, stripe):
    wire.say("GET", REFUNDS_SINCE, answer(200, list_of()))
    wire.say("GET", PAYMENTS_SINCE, answer(500, error()))

    with pytest.raises(ListUnavailable, match="500"):
        list(stripe.payments_since(SINCE, seconds=5))


@pytest.mark.parametrize(
    ("payment", "refunds"),
    [
        (payment_intent("succeeded", amount_received=None), []),
        (payment_intent("succeeded", id=""), []),
        (payment_intent("succeeded"), [refund("surprising")]),
    ],
)
def test_a_payment_of_ours_that_cannot_be_read_ends_the_comparison(wire, stripe, payment, refunds):
    with pytest.raises(ListUnavailable, match="cannot be read"):
        listed(wire, stripe, payment, refunds=refunds)
