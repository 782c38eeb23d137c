"""What each payment gateway promises, whatever stands behind it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bookings.ports import (
    ActionKind,
    AwaitsPayer,
    Charged,
    Closed,
    Declined,
    NotGenuine,
    NotSent,
    Opened,
    Refunded,
    RefundOrder,
    SeenPayment,
    SeenRefund,
    Unknown,
)
from bookings.text.money import Money
from tests.contracts.payment_peers import ASKS, EMPTY, GOOD, Capturing, Demo, InMemory, Instant, Peer, Stripe
from tests.support.paysim import PaySim, start_paysim

pytestmark = pytest.mark.django_db

PEERS = {"instant": Instant, "demo": Demo, "in memory": InMemory, "capturing": Capturing, "stripe": Stripe}


@pytest.fixture(scope="module")
def process() -> Iterator[PaySim]:
    with start_paysim() as sim:
        yield sim


def of(*names: str) -> pytest.MarkDecorator:
    """Run a test for these gateways alone: the others cannot get where it begins."""
    return pytest.mark.parametrize("peer", names, indirect=True)


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Peer:
    if request.param != "stripe":
        return PEERS[request.param]()
    sim = request.getfixturevalue("process")
    sim.faults()
    sim.reset()
    return Stripe(sim)


def order_of(intent, amount=2000):
    return RefundOrder(uuid.uuid4(), "", intent, "", Money(amount, intent.money.currency), "goodwill")


def paid(intent):
    """What is said of a payment whose money came in as it should, but for the charge's own id."""
    return intent.money, intent.key


def said(outcome):
    assert isinstance(outcome, Charged), outcome
    return outcome.money, outcome.key


ELSEWHERE = ("in memory", "capturing", "stripe")


@of(*PEERS)
def test_opening_is_the_same_for_each_try(peer):
    intent = peer.an_intent()

    first, second = (peer.gateway.open(intent, seconds=5) for _ in range(2))

    assert (type(first), second) == (Opened, first)


@of(*ELSEWHERE)
def test_opening_takes_no_money(peer):
    intent = peer.opened()

    assert peer.taken(intent) == 0
    assert isinstance(peer.gateway.look(intent, seconds=5), AwaitsPayer)


@of(*PEERS)
def test_a_charge_says_what_came_in_and_under_which_key(peer):
    intent = peer.opened()

    assert said(peer.charge(intent)) == paid(intent)


@of(*ELSEWHERE)
def test_a_payment_is_charged_once_however_often_it_is_asked_for(peer):
    intent = peer.opened()
    token = peer.token(intent, GOOD)

    outcomes = [peer.gateway.charge(intent, payer_token=token, seconds=5) for _ in range(3)]
    outcomes.append(peer.gateway.look(intent, seconds=5))

    assert [said(outcome) for outcome in outcomes] == [paid(intent)] * 4
    assert peer.taken(intent) == 2000


@of("demo", *ELSEWHERE)
def test_a_payer_without_money_is_declined(peer):
    intent = peer.opened(EMPTY)

    outcome = peer.charge(intent, EMPTY)

    assert isinstance(outcome, Declined)
    assert outcome.code.islower()
    if peer.is_elsewhere:
        assert peer.taken(intent) == 0


@of(*ELSEWHERE)
def test_a_declined_payment_can_be_closed(peer):
    intent = peer.opened(EMPTY)
    peer.charge(intent, EMPTY)

    assert isinstance(peer.gateway.close(intent, seconds=5), Closed | Declined)
    assert peer.taken(intent) == 0


@of("demo", "capturing", "stripe")
def test_a_payer_whom_the_bank_asks_gets_something_to_do_and_pays_then(peer):
    intent = peer.opened(ASKS)

    waiting = peer.charge(intent, ASKS)
    assert isinstance(waiting, AwaitsPayer)
    assert waiting.action.kind in (ActionKind.AUTHENTICATE, ActionKind.REDIRECT)

    peer.payer_proves(intent)
    outcome = peer.gateway.look(intent, seconds=5)
    if outcome == AwaitsPayer():  # the payer has done their part: the money is taken by us
        outcome = peer.charge(intent)
    assert said(outcome) == paid(intent)


@of("capturing", "stripe")
def test_a_payer_whom_the_bank_asks_can_be_closed_out(peer):
    intent = peer.opened(ASKS)
    peer.charge(intent, ASKS)

    assert peer.gateway.close(intent, seconds=5) == Closed()
    assert peer.taken(intent) == 0


@of(*ELSEWHERE)
def test_what_is_closed_is_closed_and_takes_no_money(peer):
    intent = peer.opened()

    assert [peer.gateway.close(intent, seconds=5) for _ in range(2)] == [Closed(), Closed()]
    assert peer.taken(intent) == 0


@of("in memory", "stripe")
def test_what_is_closed_cannot_be_charged(peer):
    intent = peer.opened()
    peer.gateway.close(intent, seconds=5)

    assert peer.charge(intent) == Closed()
    assert peer.gateway.look(intent, seconds=5) == Closed()
    assert peer.taken(intent) == 0


@of(*ELSEWHERE)
def test_a_close_that_comes_too_late_says_that_it_was_paid(peer):
    intent = peer.opened()
    peer.charge(intent)

    assert said(peer.gateway.close(intent, seconds=5)) == paid(intent)
    assert peer.taken(intent) == 2000


# --- refunds --------------------------------------------------------------------------------------------


@of(*PEERS)
def test_a_refund_that_is_asked_for_twice_is_made(peer):
    intent = peer.opened()
    peer.charge(intent)
    order = order_of(intent, intent.money.amount)

    first, second, looked = (
        ask(order, seconds=5) for ask in (peer.gateway.refund, peer.gateway.refund, peer.gateway.look_at_refund)
    )

    assert [type(each) for each in (first, second, looked)] == [Refunded] * 3
    assert first.id == second.id == looked.id


@of(*ELSEWHERE)
def test_a_refund_is_made_once(peer):
    intent = peer.opened()
    peer.charge(intent)
    order = order_of(intent)

    for _ in range(3):
        peer.gateway.refund(order, seconds=5)

    assert peer.taken(intent) == 0


@of("capturing", "stripe")
def test_parts_are_given_back_one_by_one(peer):
    intent = peer.opened()
    peer.charge(intent)
    orders = [order_of(intent, amount) for amount in (500, 700)]

    for order in [*orders, *orders]:
        assert isinstance(peer.gateway.refund(order, seconds=5), Refunded)

    assert peer.taken(intent) == 800


@of("stripe")
def test_a_refund_is_made_once_also_where_its_key_was_forgotten(peer):
    intent = peer.opened()
    peer.charge(intent)
    order = order_of(intent, 500)
    peer.gateway.refund(order, seconds=5)

    peer.sim.forget_keys()

    assert isinstance(peer.gateway.refund(order, seconds=5), Refunded)
    assert peer.taken(intent) == 1500


# --- what gets lost -------------------------------------------------------------------------------------


@of(*ELSEWHERE)
def test_a_charge_whose_answer_is_lost_is_unknown_until_a_look_finds_it(peer):
    intent = peer.opened()
    token = peer.token(intent, GOOD)
    peer.lose("reply")

    outcome = peer.gateway.charge(intent, payer_token=token, seconds=5)

    peer.lose_no_more()
    assert isinstance(outcome, Unknown)
    assert said(peer.gateway.look(intent, seconds=5)) == paid(intent)
    assert said(peer.gateway.charge(intent, payer_token=token, seconds=5)) == paid(intent)
    assert peer.taken(intent) == 2000


@of(*ELSEWHERE)
def test_a_charge_that_did_not_arrive_is_unknown_until_a_look_finds_that_nothing_happened(peer):
    intent = peer.opened()
    token = peer.token(intent, GOOD)
    peer.lose("request")

    assert isinstance(peer.gateway.charge(intent, payer_token=token, seconds=5), Unknown)
    peer.lose_no_more()
    assert isinstance(peer.gateway.look(intent, seconds=5), AwaitsPayer)
    assert peer.taken(intent) == 0

    assert said(peer.gateway.charge(intent, payer_token=token, seconds=5)) == paid(intent)


@of("capturing", "stripe")
def test_an_opening_whose_answer_is_lost_is_found_by_its_key(peer):
    intent = peer.an_intent()
    peer.lose("reply")

    assert isinstance(peer.gateway.open(intent, seconds=5), Unknown)
    again = peer.gateway.open(intent, seconds=5)

    assert again == peer.gateway.open(intent, seconds=5)


@of(*ELSEWHERE)
def test_a_refund_whose_answer_is_lost_is_not_made_twice(peer):
    intent = peer.opened()
    peer.charge(intent)
    order = order_of(intent)
    peer.lose("reply")

    assert isinstance(peer.gateway.refund(order, seconds=5), Unknown)
    assert isinstance(peer.gateway.refund(order, seconds=5), Refunded)
    assert peer.taken(intent) == 0


@of("capturing", "stripe")
def test_where_there_is_no_connection_nothing_was_sent(peer):
    intent = peer.opened()
    peer.go_down()

    outcomes = [
        peer.gateway.open(intent, seconds=5),
        peer.gateway.charge(intent, payer_token="ctoken_1", seconds=5),
        peer.gateway.look(intent, seconds=5),
        peer.gateway.close(intent, seconds=5),
        peer.gateway.refund(order_of(intent), seconds=5),
    ]

    assert [type(outcome) for outcome in outcomes] == [NotSent] * 5
    assert not peer.gateway.is_available()
    if isinstance(peer, Stripe):
        peer.sim.start()


# --- the rest -------------------------------------------------------------------------------------------


@of(*PEERS)
def test_what_anybody_may_have_sent_is_no_notice(peer):
    for headers in ({}, {"Stripe-Signature": "t=1,v1=2"}):
        with pytest.raises(NotGenuine):
            peer.gateway.read_notice(b'{"object": "event", "id": "evt_1"}', headers)


@of("capturing", "stripe")
def test_a_currency_that_it_does_not_have_is_refused_with_a_reason(peer):
    assert peer.gateway.refuses(Money(2000, "EUR")) == ""
    assert peer.gateway.refuses(Money(2000, "XXX")) == "no payments in XXX"


def test_each_gateway_has_a_name_of_its_own():
    names = [PEERS[name]().gateway.name for name in PEERS if name != "stripe"]

    assert len({*names, "stripe"}) == len(PEERS)


@of(*PEERS)
def test_a_gateway_that_is_well_is_available(peer):
    assert peer.gateway.is_available()


@of("stripe")
def test_what_was_paid_and_given_back_is_listed_as_it_is_looked_at(peer):
    intent = peer.opened()
    peer.charge(intent)
    order = order_of(intent, 500)
    refunded = peer.gateway.refund(order, seconds=5)

    [seen] = peer.gateway.payments_since(datetime.now(UTC) - timedelta(days=2), seconds=5)

    refunds = (SeenRefund(refunded.id, order.key, order.money, refunded),)
    assert seen == SeenPayment(intent.id, intent.key, intent.money, charged=True, refunds=refunds)
    assert peer.gateway.refunds_of(intent, seconds=5).refunds == refunds
