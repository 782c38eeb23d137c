"""Bookings that are paid by Stripe, or by what stands in for it: from a client's request to the money."""

import json
from collections.abc import Iterator

import pytest
from django.test import Client

from bookings import wiring
from bookings.conf import CALLS_PER_PASS
from bookings.deadline import Deadline
from bookings.models import Payment, Refund
from bookings.services.payments.reconcile import reconcile_payments
from bookings.services.upkeep.run_pass import run_pass
from tests.contracts.payment_peers import ASKS, EMPTY, GOOD, Stripe
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import let_time_pass
from tests.support.paysim import WEBHOOK_SECRET, PaySim, start_paysim
from tests.support.stripe import signed

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def process() -> Iterator[PaySim]:
    with start_paysim() as sim:
        yield sim


@pytest.fixture
def stripe(process, monkeypatch, settings) -> Stripe:
    """The gateway that takes new payments, and what stands behind it."""
    process.faults()
    process.reset()
    peer = Stripe(process)
    settings.CURRENCY = "EUR"
    monkeypatch.setattr(wiring, "payment_gateway", lambda: peer.gateway)
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"stripe": peer.gateway})
    return peer


def a_pass(flights, stripe):
    run_pass(flights=flights, payments={"stripe": stripe.gateway})


def status_of(api, booking):
    return shown(api.get(f"{BOOKINGS}/{booking['id']}", {"userId": 1001}))["status"]


def taken(stripe):
    """What was charged and not given back, over all payments."""
    return sum(entry["charged"] - entry["refunded"] for entry in stripe.sim.ledger("payment_key").values())


def tell(stripe, kind):
    """Send the notices of a kind that Stripe has, and give what was answered."""
    told = []
    for event in stripe.sim.api("GET", "events", type=kind).json()["data"]:
        body = json.dumps(event).encode()
        answer = Client().generic(
            "POST", "/webhooks/stripe", body, content_type="application/json", headers=signed(body, WEBHOOK_SECRET)
        )
        told.append((answer.status_code, answer.content))
    return told


def compared(stripe):
    return reconcile_payments(payments={"stripe": stripe.gateway}, deadline=Deadline(30))


def secret_in(answer):
    return shown(answer)["payment"]["action"]["clientSecret"]


def test_a_card_that_is_good_pays_within_the_request(api, stripe):
    booking = shown(api.create())

    answer = api.pay(booking, paymentToken=stripe.token(None, GOOD))

    assert (answer.status_code, shown(answer)["status"]) == (201, "booked")
    assert taken(stripe) == booking["totalCost"]


def test_a_card_that_is_declined_leaves_the_booking_and_another_one_pays(api, stripe):
    booking = shown(api.create())

    first = api.pay(booking, paymentToken=stripe.token(None, EMPTY))
    assert refused(first) == (402, "payment_declined")
    assert Payment.objects.get().decline_code == "insufficient_funds"
    assert (status_of(api, booking), taken(stripe)) == ("initiated", 0)

    assert api.pay(booking, paymentToken=stripe.token(None, GOOD)).status_code == 201
    assert taken(stripe) == booking["totalCost"]


def test_a_payer_whom_the_bank_asks_proves_it_and_the_same_request_finds_it_paid(api, stripe):
    booking, token = shown(api.create()), stripe.token(None, ASKS)

    waiting = api.pay(booking, key="k", paymentToken=token)
    assert (waiting.status_code, shown(waiting)["payment"]["action"]["type"]) == (202, "redirect")
    assert taken(stripe) == 0

    stripe.sim.payer(secret_in(waiting), "authenticate")
    again = api.pay(booking, key="k", paymentToken=token)

    assert (again.status_code, shown(again)["status"]) == (201, "booked")
    assert taken(stripe) == booking["totalCost"]


def test_a_token_that_was_used_is_the_clients_mistake(api, stripe):
    first, second, token = shown(api.create()), shown(api.create()), stripe.token(None, GOOD)
    api.pay(first, paymentToken=token)

    assert refused(api.pay(second, paymentToken=token)) == (400, "payment_token_invalid")
    assert (status_of(api, second), taken(stripe)) == ("initiated", first["totalCost"])


@pytest.mark.slow
def test_a_payer_who_confirms_is_looked_at_by_the_worker(api, flights, stripe):
    booking = shown(api.create())
    waiting = api.pay(booking)
    assert (waiting.status_code, shown(waiting)["payment"]["action"]["type"]) == (202, "confirm")

    stripe.sim.payer(secret_in(waiting), "confirm", card="pm_card_visa")
    let_time_pass(minutes=2)
    a_pass(flights, stripe)

    assert (status_of(api, booking), taken(stripe)) == ("booked", booking["totalCost"])


@pytest.mark.slow
def test_a_payer_who_confirms_is_heard_of_at_once_by_a_notice(api, flights, stripe):
    booking = shown(api.create())
    waiting = api.pay(booking)
    stripe.sim.payer(secret_in(waiting), "confirm", card="pm_card_visa")

    assert tell(stripe, "payment_intent.succeeded") == [(200, b"stored")]
    a_pass(flights, stripe)

    assert (status_of(api, booking), taken(stripe)) == ("booked", booking["totalCost"])


def test_a_booking_that_is_cancelled_first_can_never_be_paid(api, stripe):
    booking = shown(api.create())
    waiting = api.pay(booking)

    assert api.cancel(booking).status_code == 200
    late = stripe.sim.control(
        *("POST", f"/__payer/{secret_in(waiting)}", {"do": "confirm", "card": "pm_card_visa"}), accepted=(200, 400, 402)
    )

    assert late["error"]["code"] == "payment_intent_unexpected_state"
    assert (status_of(api, booking), taken(stripe)) == ("cancelled", 0)


def test_a_booking_that_is_paid_first_is_not_cancelled(api, stripe):
    booking = shown(api.create())
    waiting = api.pay(booking)
    stripe.sim.payer(secret_in(waiting), "confirm", card="pm_card_visa")

    assert refused(api.cancel(booking)) == (409, "already_paid")
    assert (status_of(api, booking), taken(stripe)) == ("booked", booking["totalCost"])


@pytest.mark.slow
def test_a_payer_who_walks_away_gives_the_seats_back_once_stripe_has_closed(api, flights, stripe):
    booking = shown(api.create())
    api.pay(booking)

    let_time_pass(hours=1)
    for _ in range(3):
        a_pass(flights, stripe)
        let_time_pass(minutes=1)

    assert status_of(api, booking) == "cancelled"
    (entry,) = stripe.sim.ledger("payment_key").values()
    assert [intent["status"] for intent in entry["intents"]] == ["canceled"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["drop_reply_rate", "drop_request_rate", "fail_after_rate", "cut_rate", "garbage_rate"]
)
@pytest.mark.parametrize("call", ["POST /v1/payment_intents$", "confirm$"])
def test_a_call_that_goes_wrong_once_charges_once(api, stripe, fault, call):
    booking, token = shown(api.create()), stripe.token(None, GOOD)
    stripe.sim.faults(**{fault: 1.0, "times": 1, "only": call})

    answer = api.pay(booking, key="k", paymentToken=token)
    for _ in range(3):
        if answer.status_code == 201:
            break
        let_time_pass(minutes=1)
        answer = api.pay(booking, key="k", paymentToken=token)

    by_key = stripe.sim.ledger("payment_key")
    if answer.status_code == 201:
        assert [entry["charges"] for entry in by_key.values() if entry["charges"]] == [1]
        assert taken(stripe) == booking["totalCost"]
    else:
        assert (status_of(api, booking), taken(stripe)) == ("initiated", 0)
        assert refused(answer)[0] in (400, 402, 409, 503)


def test_what_stripe_cannot_charge_is_refused_before_seats_are_taken(api, flights, stripe):
    flights.set_flight(1, price=10)

    assert refused(api.create(noOfSeats=1)) == (400, "amount_not_payable")
    assert (flights.taken(1), taken(stripe)) == (0, 0)


@pytest.mark.slow
def test_a_pass_looks_at_payments_and_charges_none(api, flights, stripe):
    booking = shown(api.create())
    api.pay(booking)
    before = len(stripe.sim.requests())

    let_time_pass(minutes=2)
    a_pass(flights, stripe)

    asked = [each["path"] for each in stripe.sim.requests()[before:]]
    payment = Payment.objects.get()
    assert asked == [f"/v1/payment_intents/{payment.gateway_id}"]
    assert len(asked) <= CALLS_PER_PASS


def test_a_refund_of_the_dashboard_is_taken_in_when_stripe_tells_of_it(api, flights, stripe):
    booking = shown(api.create())
    api.pay(booking, paymentToken=stripe.token(None, GOOD))
    payment = Payment.objects.get()

    stripe.sim.api("POST", "refunds", payment_intent=payment.gateway_id, amount=500)
    assert tell(stripe, "charge.refunded") == [(200, b"stored")]
    a_pass(flights, stripe)

    assert [(refund.amount, refund.source, refund.state) for refund in Refund.objects.all()] == [
        (500, "gateway", "done")
    ]
    assert (status_of(api, booking), taken(stripe)) == ("booked", booking["totalCost"] - 500)


@pytest.mark.slow
def test_a_comparison_with_stripes_list_finds_what_differs_and_nothing_else(api, stripe):
    paid, waiting = shown(api.create()), shown(api.create())
    api.pay(paid, paymentToken=stripe.token(None, GOOD))
    api.pay(waiting)
    other = {"amount": 700, "currency": "eur", "payment_method_types[0]": "card"}
    stripe.sim.api("POST", "payment_intents", **other)

    found = compared(stripe)
    assert (found.compared, found.foreign, found.differences, found.unread) == (2, 1, [], [])

    stripe.sim.api("POST", "refunds", payment_intent=Payment.objects.get(booking=paid["id"]).gateway_id, amount=500)
    assert [each["kind"] for each in compared(stripe).differences] == ["refunds"]
